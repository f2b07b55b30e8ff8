"""Several files of digits as one: opened one after another, while those before are worked on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Final

from digit_runtime.errors import PixelsError, explained
from digit_runtime.inputs.kaggle_csv import Batch
from digit_runtime.inputs.open import Input, Task, open_pixels, oriented
from digit_runtime.inputs.sniff import IMAGE_SUFFIXES

SUFFIXES: Final = (".csv", ".csv.gz", ".csv.zip", ".npy", ".npz", ".parquet", ".pq")


class Several:
    """Digits of one or more inputs, which are read in order; to be used as a context.

    Attributes:
        opened: The inputs so far, at first one; `tasks` adds the others as it comes to them.

    Raises:
        DigitError: See `open_pixels`; of the first input when the context is entered.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = [file for path in paths for file in _files(path)]
        self._open = ExitStack()
        self.opened: list[Input] = []

    def __enter__(self) -> "Several":
        self.opened.append(self._open.enter_context(open_pixels(self._paths[0], None)))
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    @property
    def names_files(self) -> bool:
        """Whether it must be said from which file a row is."""
        return len(self._paths) > 1 or self.opened[0].files is not None

    def tasks(
        self, invert: bool = False, transpose: bool = False
    ) -> Iterator[Callable[[], tuple[int, Batch]]]:
        """Yield what makes each batch, and the number of its input in `opened`."""
        for number, path in enumerate(self._paths):
            if number:
                self._open.close()
                self.opened.append(self._open.enter_context(open_pixels(path, None)))
            for task in oriented(self.opened[number].tasks, invert, transpose):
                yield partial(_numbered, number, task)


def files_named(paths: Sequence[Path]) -> list[Path]:
    """Return all files that may be read where `paths` are the inputs; folders hold some."""
    endings = (*SUFFIXES, *IMAGE_SUFFIXES)
    found: list[Path] = []
    for path in paths:
        inside: list[Path] = []
        if path.is_dir():
            with suppress(OSError):  # Whoever opens it says what is wrong.
                inside = [file for file in path.iterdir() if file.name.lower().endswith(endings)]
        found += inside or [path]
    return found


def _numbered(number: int, task: Task) -> tuple[int, Batch]:
    return number, task()


def _files(path: Path) -> list[Path]:
    """Return the files to open for an input: a folder of images is one, of tables many."""
    if str(path) == "-" or not path.is_dir():
        return [path]
    with explained(str(path), "a folder"):
        files = sorted(file for file in path.iterdir() if not file.name.startswith("."))
    tables = [file for file in files if file.name.lower().endswith(SUFFIXES) and file.is_file()]
    pictures = any(file.suffix.lower() in IMAGE_SUFFIXES for file in files)
    if tables and pictures:
        raise PixelsError(
            f"{path}: has images and tables of digits ({tables[0].name}); give the files themselves"
        )
    return tables or [path]
