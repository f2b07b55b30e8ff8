"""Open whatever holds digits: a CSV, a NumPy or Parquet file, an image, a folder of images."""

import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from digit_runtime.contract import DIGITS, Labels, Pixels
from digit_runtime.errors import explained
from digit_runtime.inputs.csv_source import Source, csv_members
from digit_runtime.inputs.kaggle_csv import BATCH_ROWS, Batch, PixelCsv, gather
from digit_runtime.inputs.numpy_files import npy_batches, npz_batches
from digit_runtime.inputs.sniff import (
    HEAD,
    IMAGE_SUFFIXES,
    NPY,
    PARQUET,
    ZIP,
    check_named,
    image_files,
    is_image,
    kind_of,
)
from digit_runtime.inputs.suspicions import PixelsWarning, transposed

# Decoding is slow enough that the first of many images should not wait for so many.
_BATCH_IMAGES = 128

Task = Callable[[], Batch]


@dataclass(frozen=True)
class Input:
    """Digits, open for reading.

    Attributes:
        name: For messages.
        tasks: What makes each batch; to be taken in order, and called in any thread.
        has_labels: Whether there are labels.
        files: The file name of each row, where each is an image file.
        notes: What to tell about the file, such as that it is UTF-16.
        labels: Returns the labels of the batch after so many rows; see `PixelCsv.labels`.
        sha256: Returns the hash of the text; see `PixelCsv.sha256`.
    """

    name: str
    tasks: Iterator[Task]
    has_labels: bool = False
    files: tuple[str, ...] | None = None
    notes: list[str] = field(default_factory=list)
    labels: Callable[[int, tuple[str, ...]], Labels | None] = lambda before, names: None
    sha256: Callable[[], str | None] = lambda: None

    @property
    def batches(self) -> Iterator[Batch]:
        """The batches, as those of `PixelCsv`; to be read once."""
        return (task() for task in self.tasks)


@contextmanager
def open_pixels(
    source: Source, names: tuple[str, ...] | None = DIGITS, prefer: str = "test.csv"
) -> Iterator[Input]:
    """Open a file of digits, or a folder of image files, by what it is.

    A CSV (plain, gzip or zip; ``-`` for standard input; its bytes or a stream of them), a
    .npy, .npz or Parquet file, an image file, or a folder with image files directly in it,
    in the order of their names. `names` are those of the classes that a label column may
    hold, and `prefer` is the file to take from an archive of several, as for `PixelCsv`.

    Raises:
        DigitError: It cannot be read, or is nothing of these; says why. What is wrong
            further on is raised by the batches.
    """
    check_named(source)
    path = Path(source) if isinstance(source, str | Path) and str(source) != "-" else None
    kind = kind_of(_head(path)) if path and path.is_file() else None
    suffix = path.suffix.lower() if path else ""
    if path and path.is_dir():
        yield _images(str(path), image_files(path))
    elif path and (is_image(kind) or suffix in IMAGE_SUFFIXES):
        yield _images(str(path), [path])
    elif path and (kind == NPY or (kind != ZIP and suffix == ".npy")):
        yield Input(str(path), _unlabelled(npy_batches(path, BATCH_ROWS)))
    elif path and ((kind == ZIP and _is_npz(path)) or (kind != ZIP and suffix == ".npz")):
        yield Input(str(path), _unlabelled(npz_batches(path, BATCH_ROWS)))
    elif path and (kind == PARQUET or suffix in (".parquet", ".pq")):
        from digit_runtime.inputs.parquet import ParquetDigits

        with ParquetDigits(path, BATCH_ROWS, names) as table:
            yield Input(str(path), _later(iter(table)), table.has_labels, labels=table.labels)
    else:
        with PixelCsv(source, names=names, prefer=prefer) as csv:
            yield Input(
                csv.name,
                csv.tasks(),
                csv.has_labels,
                notes=csv.notes,
                labels=csv.labels,
                sha256=csv.sha256,
            )


def read_pixels(
    source: Source, names: tuple[str, ...] | None = DIGITS, prefer: str = "test.csv"
) -> tuple[Pixels, Labels | None]:
    """Read all that `open_pixels` can open: uint8 ``[N, 784]``, and uint8 ``[N]`` or None.

    Pixels that look inverted give a `PixelsWarning`.

    Raises:
        DigitError: As for `open_pixels`.
    """
    with open_pixels(source, names, prefer) as found:
        for note in found.notes:
            warnings.warn(note, PixelsWarning, stacklevel=2)
        return gather(found.batches, found.name)


def oriented(tasks: Iterator[Task], invert: bool, transpose: bool) -> Iterator[Task]:
    """Yield `tasks` of batches with colours inverted, rows and columns exchanged, or both."""
    if not (invert or transpose):
        return tasks
    return (partial(_orient, task, invert, transpose) for task in tasks)


def _orient(task: Task, invert: bool, transpose: bool) -> Batch:
    pixels, labels = task()
    if transpose:
        pixels = transposed(pixels)
    return (255 - pixels if invert else pixels), labels


def _images(name: str, files: list[Path]) -> Input:
    # With all that looks for a digit in a picture.
    from digit_runtime.inputs.images import image_batches

    batches = image_batches(files, _BATCH_IMAGES)
    return Input(name, _unlabelled(batches), files=tuple(file.name for file in files))


def _unlabelled(batches: Iterator[Pixels]) -> Iterator[Task]:
    return _later((pixels, None) for pixels in batches)


def _later(batches: Iterator[Batch]) -> Iterator[Task]:
    return (partial(_same, batch) for batch in batches)


def _same(batch: Batch) -> Batch:
    return batch


def _is_npz(path: Path) -> bool:
    with explained(str(path), "an archive"), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        return any(name.endswith(".npy") for name in names) and not csv_members(archive)


def _head(path: Path) -> bytes:
    with explained(str(path), "a file"), path.open("rb") as stream:
        return stream.read(HEAD)
