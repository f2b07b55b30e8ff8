"""Read Kaggle's Digit Recognizer CSV files, in batches, with errors that can be acted on.

A batch that is not of the plain form (see `digit_runtime.inputs.csv_parser`) goes to numpy.loadtxt,
which also takes spaces, but nothing except whole numbers from 0 to 255; only
when it refuses, too, are the cells looked at one by one, to say which one is wrong.
"""

import codecs
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from digit_runtime.contract import DIGITS, PIXELS, Labels, Pixels, expected, indices
from digit_runtime.errors import PixelsError
from digit_runtime.inputs.csv_blocks import Blocks
from digit_runtime.inputs.csv_parser import parse_blocks
from digit_runtime.inputs.sniff import NPY, ZIP, is_image, kind_of
from digit_runtime.inputs.suspicions import Guard, PixelsWarning

BATCH_ROWS: Final = 1024
_WRONG_SEPARATORS: Final = {";": "semicolons", "\t": "tabs"}
# What pandas writes as the header of a bare array; it cannot be a row, for 256 is no pixel.
_COUNTED: Final = [str(column) for column in range(PIXELS)]
# A cell has a digit and what ends it.
_SHORTEST_CELL: Final = 2
_LABEL_BYTES: Final = 1 << 16

Batch = tuple[Pixels, Labels | None]


class PixelCsv:
    """A CSV of digits, open for reading; iterate over it for its batches.

    Each batch is ``(pixels, labels)``: uint8 ``[n, 784]`` with n up to `batch_rows`, and
    uint8 ``[n]``, or None where the file has no label column. Plain or gzip, with or
    without the header ``[label,]pixel0,...,pixel783``; ``-`` is standard input.

    `names` are those of the classes that the label column tells apart, in the way of
    `class_names.indices`; None ignores that column, whatever it holds.

    Raises:
        InputNotFoundError: There is no such file.
        InputReadError: It cannot be read, or is damaged gzip.
        PixelsError: It is not such a CSV: says file, row and column. Rows count from 1,
            the header not counted, as Kaggle's ImageId does.
    """

    def __init__(
        self,
        path: str | Path,
        batch_rows: int = BATCH_ROWS,
        names: tuple[str, ...] | None = DIGITS,
    ) -> None:
        self.name = "standard input" if str(path) == "-" else str(path)
        self.batch_rows = batch_rows
        self.names = names
        with ExitStack() as stack:
            self._blocks = stack.enter_context(Blocks(path, self.name))
            first = self._blocks.line().removeprefix(codecs.BOM_UTF8)
            is_header, self.has_labels = self._read_header(_text(first))
            self._first_row = b"" if is_header else first
            self._stack = stack.pop_all()

    def __enter__(self) -> "PixelCsv":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches; a file without a single row is an error."""
        shortest = _SHORTEST_CELL * (PIXELS + self.has_labels)
        blocks = chain([self._first_row], self._blocks.read(shortest * self.batch_rows - 1))
        done = 0
        for block in filter(None, blocks):
            pixels, labels = self._parse(block, blocks, done)
            done += len(pixels)
            if len(pixels):
                yield pixels, labels
        if not done:
            raise PixelsError(f"{self.name}: has a header but no rows")

    def _read_header(self, first: str) -> tuple[bool, bool]:
        """Return whether the first line is a header, and whether there is a label column."""
        if not first:
            raise PixelsError(f"{self.name}: is empty")
        for separator, called in _WRONG_SEPARATORS.items():
            if "," not in first and first.count(separator) >= PIXELS - 1:
                raise PixelsError(f"{self.name}: is separated by {called}; expected commas")
        if not first.rstrip("\r\n").isprintable():
            what = kind_of(first.encode("latin-1"))
            hint = "; digit-predict and digit_runtime.read_pixels read it by its name"
            raise PixelsError(
                f"{self.name}: is {what or 'not text'}; expected a CSV of digits"
                + hint * (is_image(what) or what in (NPY, ZIP))
            )
        cells = [cell.strip().strip('"').lower() for cell in first.split(",")]
        is_header = cells == _COUNTED or not _is_number(cells[0])
        has_labels = len(cells) == PIXELS + 1
        index = "" if cells[0] else "; leave out the index (in pandas: to_csv(index=False))"
        if len(cells) not in (PIXELS, PIXELS + 1):
            raise PixelsError(
                f"{self.name}: line 1 has {len(cells)} column{'s' * (len(cells) != 1)}; "
                f"expected {PIXELS} (pixel0 to pixel783), or {PIXELS + 1} with label first{index}"
            )
        if is_header and has_labels != (cells[0] == "label"):
            raise PixelsError(
                f"{self.name}: line 1, column 1 is {cells[0]!r}; with {len(cells)} columns "
                f"it must be {'label' if has_labels else 'pixel0'!r}{index}"
            )
        return is_header, has_labels

    def _parse(self, block: bytes, rest: Iterator[bytes], done: int) -> Batch:
        columns = PIXELS + self.has_labels
        named = self.has_labels and self.names != DIGITS
        values = None if named else parse_blocks(block, columns)
        if values is None:
            lines = self._without_blank_end(_split(block), rest, done)
            if named:
                lines = [self._with_index(line, row) for row, line in enumerate(lines, done + 1)]
                values = parse_blocks("\n".join(lines).encode("latin-1"), columns)
            if values is None:
                values = self._parse_carefully(lines, done, columns)
        if not self.has_labels:
            return values, None
        if self.names is None:
            return values[:, 1:], None
        labels = values[:, 0]
        unknown = labels >= len(self.names)
        if unknown.any():
            row = int(np.argmax(unknown))
            raise PixelsError(
                f"{self.name}: row {done + row + 1}, column label: {labels[row]} is not "
                f"{expected(self.names)}"
            )
        return values[:, 1:], labels

    def _without_blank_end(self, lines: list[str], rest: Iterator[bytes], done: int) -> list[str]:
        # numpy.loadtxt would skip a blank line and so shift the ids of all rows after it.
        blank = next((index for index, line in enumerate(lines) if not line.strip()), None)
        if blank is None:
            return lines
        if any(map(str.strip, lines[blank:])) or not all(map(bytes.isspace, rest)):
            raise PixelsError(f"{self.name}: row {done + blank + 1} is blank; remove that line")
        return lines[:blank]

    def _with_index(self, line: str, row: int) -> str:
        """Put the index of its class at the start of a line, where its label is."""
        label, comma, rest = line.partition(",")
        if self.names is None:
            return f"0{comma}{rest}"
        index = _index(label, self.names, f"{self.name}: row {row}, column label")
        return f"{index}{comma}{rest}"

    def _parse_carefully(self, batch: list[str], done: int, columns: int) -> Pixels:
        if not batch:
            return np.empty((0, columns), np.uint8)
        try:
            # Before numpy 2.4, loadtxt takes 1.5 for 1 with a mere deprecation warning.
            if any("." in line for line in batch):
                raise ValueError
            values = np.loadtxt(batch, dtype=np.uint8, delimiter=",", comments=None, ndmin=2)
            if values.shape[1] != columns:
                raise ValueError
        except ValueError as error:
            raise PixelsError(_explain(batch, self.name, done, columns)) from error
        return values


def read_csv(
    path: str | Path, names: tuple[str, ...] | None = DIGITS
) -> tuple[Pixels, Labels | None]:
    """Read a whole CSV: uint8 ``[N, 784]``, and uint8 ``[N]`` or None. See `PixelCsv`.

    Pixels that look inverted give a `PixelsWarning`.
    """
    with PixelCsv(path, names=names) as source:
        return gather(source, source.name)


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

    A Label is one of the classes called `names`, in the way of `class_names.indices`.

    Raises:
        InputNotFoundError, InputReadError: As for `PixelCsv`.
        PixelsError: Not such a file, or ids that are not 1 to N in order.
    """
    with Blocks(path, str(path)) as blocks:
        header = _text(blocks.line().removeprefix(codecs.BOM_UTF8))
        if [cell.strip().strip('"').lower() for cell in header.split(",")] != ["imageid", "label"]:
            raise PixelsError(f"{path}: line 1 must be ImageId,Label")
        lines = chain.from_iterable(map(_split, blocks.read(_LABEL_BYTES)))
        labels = [_label(line, row, path, names) for row, line in enumerate(lines, start=1)]
    if not labels:
        raise PixelsError(f"{path}: has a header but no rows")
    return np.array(labels, dtype=np.uint8)


def _label(line: str, row: int, path: Path, names: tuple[str, ...]) -> int:
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != 2 or cells[0] != str(row):
        raise PixelsError(f"{path}: row {row} must be {row},<label>, not {line.strip()[:40]!r}")
    return _index(cells[1], names, f"{path}: row {row}, column Label")


def _index(cell: str, names: tuple[str, ...], where: str) -> int:
    # Lines are read as Latin-1, names may be any UTF-8.
    name = cell.strip().strip('"').encode("latin-1").decode(errors="replace")
    index = indices(names).get(name)
    if index is None:
        raise PixelsError(f"{where}: {name[:20]!r} is not {expected(names)}")
    return index


def _split(block: bytes) -> list[str]:
    return [line.rstrip("\r") for line in _text(block.removesuffix(b"\n")).split("\n")]


def _text(line: bytes) -> str:
    # Every byte is a Latin-1 character, so junk reaches the cell that can be named.
    return line.decode("latin-1")


def _explain(batch: list[str], name: str, done: int, columns: int) -> str:
    """Say what is wrong with the first bad cell of a batch that numpy refused."""
    labels = columns - PIXELS
    for row, line in enumerate(batch, start=done + 1):
        cells = line.split(",")
        for index, cell in enumerate(cells[:columns]):
            text = cell.strip()
            if not (text.isascii() and text.isdecimal() and int(text) <= 255):
                column = "label" if index < labels else f"pixel{index - labels}"
                what = repr(text[:20]) if text else "an empty cell"
                return (
                    f"{name}: row {row}, column {column}: {what} is not a whole number "
                    f"from 0 to 255{_float_hint(text, cells[labels:])}"
                )
        if len(cells) != columns:
            return f"{name}: row {row} has {len(cells)} columns; expected {columns}"
    return f"{name}: rows {done + 1} to {done + len(batch)} cannot be read as whole numbers"


def _float_hint(text: str, cells: list[str]) -> str:
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        return ""
    if text.isdecimal() or not all(0 <= value <= 255 for value in values):
        return ""
    if max(values) <= 1:
        return " (for values from 0 to 1, multiply by 255 and round)"
    return " (write values from 0 to 255 without a decimal point)"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
