"""Read Kaggle's Digit Recognizer CSV files, in batches, with errors that can be acted on."""

import codecs
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from digit_runtime.contract import DIGITS, PIXELS, Labels, Pixels, expected, indices
from digit_runtime.errors import PixelsError
from digit_runtime.inputs.csv_blocks import Blocks
from digit_runtime.inputs.csv_layout import read_layout
from digit_runtime.inputs.csv_rows import Rows, bare, read_rows
from digit_runtime.inputs.csv_source import Source, name_of
from digit_runtime.inputs.suspicions import Guard, PixelsWarning

# Of twice as many, malloc gives the parser's arrays back to the system each time, and getting
# them again takes a third of the time.
BATCH_ROWS: Final = 512
# A cell has a digit and what ends it.
_SHORTEST_CELL: Final = 2
_NEWLINE: Final = np.uint8(ord("\n"))
_LABEL_BYTES: Final = 1 << 16

Batch = tuple[Pixels, Labels | None]


class PixelCsv:
    """A CSV of digits, open for reading; iterate over it for its batches.

    Each batch is ``(pixels, labels)``: uint8 ``[n, 784]`` with n up to `batch_rows`, and
    uint8 ``[n]``, or None where the file has no label column. With a header, the names say
    which column is which (see `contract.columns_of`); without one, the pixels are in order,
    after the label if there are 785 columns. Plain, gzip or zip; separated by commas,
    semicolons or tabs.

    `names` are those of the classes that the label column tells apart, in the way of
    `contract.indices`; None leaves that column for `labels`, whatever it holds.

    Attributes:
        name: For messages.
        has_labels: Whether there is a label column.
        notes: What to tell about the file, such as that it is UTF-16.

    Raises:
        InputNotFoundError: There is no such file.
        InputReadError: It cannot be read, or is a damaged archive.
        PixelsError: It is not such a CSV: says file, row and column. Rows count from 1,
            the header not counted, as Kaggle's ImageId does.
    """

    def __init__(
        self,
        source: Source,
        batch_rows: int = BATCH_ROWS,
        names: tuple[str, ...] | None = DIGITS,
        name: str | None = None,
        prefer: str = "test.csv",
    ) -> None:
        self.name = name_of(source) if name is None else name
        self._batch_rows = batch_rows
        self._names = names
        self._label_cells: dict[int, list[bytes]] = {}
        with ExitStack() as stack:
            self._blocks = stack.enter_context(Blocks(source, self.name, prefer))
            self.notes = self._blocks.notes
            first = self._blocks.line().removeprefix(codecs.BOM_UTF8)
            self.layout = read_layout(first, self.name)
            self.has_labels = self.layout.label is not None
            if self.has_labels and names is None:
                self._blocks.hash_all()
            self._first_row = b"" if self.layout.header else first
            self._stack = stack.pop_all()

    def __enter__(self) -> "PixelCsv":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches; a file without a single row is an error."""
        for task in self.tasks():
            yield task()

    def tasks(self) -> Iterator[Callable[[], Batch]]:
        """Yield for each batch what makes it; these may be called in several threads."""
        for block, before in self.blocks():
            yield partial(self._batch, block, before)

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        """Yield the lines of each batch as they are, and how many rows are before them."""
        shortest = _SHORTEST_CELL * (PIXELS + self.has_labels)
        done = 0
        rest = self._blocks.read(shortest * self._batch_rows - 1)
        for block in filter(None, chain([self._first_row], rest)):
            yield block, done
            newlines = int(np.count_nonzero(np.frombuffer(block, np.uint8) == _NEWLINE))
            done += newlines + (not block.endswith(b"\n"))
        if not done:
            raise PixelsError(f"{self.name}: has a header but no rows")

    def labels(self, before: int, names: tuple[str, ...]) -> Labels | None:
        """Return the labels of the batch after `before` rows, once: uint8 ``[n]`` or None.

        For a file that was opened without names of classes.

        Raises:
            PixelsError: One of them is none of the classes `names`.
        """
        cells = self._label_cells.pop(before, None)
        return None if cells is None else self._indices(cells, names, before)

    def sha256(self) -> str | None:
        """Return the hash of the text, once all of it is read; None without labels.

        That is of what a gzip or zip file holds.
        """
        return self._blocks.sha256()

    def _batch(self, block: bytes, before: int) -> Batch:
        rows = read_rows(block, self.layout, before, self.name)
        if rows.bad:
            # What is wrong with a label before it is said first.
            self._kept_labels(rows, before)
            raise rows.bad[0].error
        return rows.pixels, self._kept_labels(rows, before)

    def _kept_labels(self, rows: Rows, before: int) -> Labels | None:
        if rows.labels is None:
            return None
        if self._names is None:
            self._label_cells[before] = rows.labels
            return None
        return self._indices(rows.labels, self._names, before)

    def _indices(self, cells: list[bytes], names: tuple[str, ...], before: int) -> Labels:
        known: dict[bytes, int] = {}
        for row, cell in enumerate(cells, start=before + 1):
            if cell not in known:
                known[cell] = _index(cell, names, self.name, row, "label")
        return np.array([known[cell] for cell in cells], np.uint8)


def read_csv(
    source: Source, names: tuple[str, ...] | None = DIGITS
) -> tuple[Pixels, Labels | None]:
    """Read a whole CSV: uint8 ``[N, 784]``, and uint8 ``[N]`` or None. See `PixelCsv`.

    `source` is a path, the file's bytes or a stream of bytes. Pixels that look inverted
    give a `PixelsWarning`.
    """
    with PixelCsv(source, names=names) as csv:
        for note in csv.notes:
            warnings.warn(note, PixelsWarning, stacklevel=2)
        return gather(csv, csv.name)


def gather(batches: Iterable[Batch], name: str) -> tuple[Pixels, Labels | None]:
    """Put all batches of the input called `name` together; see `read_csv`."""
    guard = Guard(name)
    pixels, labels = [], []
    for rows, answers in batches:
        guard.see(rows)
        pixels.append(rows)
        if answers is not None:
            labels.append(answers)
    for complaint in guard.complaints():
        warnings.warn(complaint, PixelsWarning, stacklevel=3)
    whole = np.ascontiguousarray(np.concatenate(pixels))
    return whole, np.concatenate(labels) if labels else None


def read_labels(path: Path, names: tuple[str, ...] = DIGITS) -> Labels:
    """Read ``ImageId,Label`` rows, as in Kaggle's submissions: uint8 ``[N]`` in id order.

    A Label is one of the classes called `names`, in the way of `contract.indices`.

    Raises:
        InputNotFoundError, InputReadError: As for `PixelCsv`.
        PixelsError: Not such a file, or ids that are not 1 to N in order.
    """
    name = name_of(path)
    with Blocks(path, name, "test_labels.csv") as blocks:
        header = blocks.line().removeprefix(codecs.BOM_UTF8)
        if [bare(cell).lower() for cell in header.split(b",")] != [b"imageid", b"label"]:
            raise PixelsError(f"{name}: line 1 must be ImageId,Label")
        lines = chain.from_iterable(block.splitlines() for block in blocks.read(_LABEL_BYTES))
        labels = [_label(line, row, name, names) for row, line in enumerate(lines, start=1)]
    if not labels:
        raise PixelsError(f"{name}: has a header but no rows")
    return np.array(labels, dtype=np.uint8)


def _label(line: bytes, row: int, name: str, names: tuple[str, ...]) -> int:
    cells = [bare(cell) for cell in line.split(b",")]
    if len(cells) != 2 or cells[0] != b"%d" % row:
        shown = line.strip()[:40].decode(errors="replace")
        raise PixelsError.in_row(name, row, f"must be {row},<label>, not {shown!r}")
    return _index(cells[1], names, name, row, "Label")


def _index(cell: bytes, names: tuple[str, ...], file: str, row: int, column: str) -> int:
    label = bare(cell).decode(errors="replace")
    # What pandas makes of a column of whole numbers with a hole in it.
    index = indices(names).get(label, indices(names).get(label.removesuffix(".0")))
    if index is None:
        reason = f"{label[:20]!r} is not {expected(names)}" if label else "an empty cell"
        raise PixelsError.in_row(file, row, reason, column)
    return index
