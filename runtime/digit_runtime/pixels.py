"""Read Kaggle's Digit Recognizer CSV files, in batches, with errors that can be acted on.

A batch that is not of the plain form (see `digit_runtime.parse`) goes to numpy.loadtxt,
which also takes spaces, but nothing except whole numbers from 0 to 255; only
when it refuses, too, are the cells looked at one by one, to say which one is wrong.
"""

import codecs
import gzip
import io
import sys
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO, cast

import numpy as np

from digit_runtime import foreign
from digit_runtime.contract import LABELS, PIXELS, Labels, Pixels
from digit_runtime.errors import InputNotFoundError, InputReadError, PixelsError
from digit_runtime.guard import Guard, PixelsWarning
from digit_runtime.parse import parse_lines

BATCH_ROWS: Final = 1024
# A row of 785 cells needs about 3 kB; more than this without a line end is not a CSV.
_LONGEST_LINE: Final = 1 << 16
_GZIP_MAGIC: Final = b"\x1f\x8b"
_WRONG_SEPARATORS: Final = {";": "semicolons", "\t": "tabs"}
# What pandas writes as the header of a bare array; it cannot be a row, for 256 is no pixel.
_COUNTED: Final = [str(column) for column in range(PIXELS)]
_BYTE_ORDER_MARK: Final = codecs.BOM_UTF8.decode("latin-1")

Batch = tuple[Pixels, Labels | None]


class PixelCsv:
    """A CSV of digits, open for reading; iterate over it for its batches.

    Each batch is ``(pixels, labels)``: uint8 ``[n, 784]`` with n up to `batch_rows`, and
    uint8 ``[n]``, or None where the file has no label column. Plain or gzip, with or
    without the header ``[label,]pixel0,...,pixel783``; ``-`` is standard input.

    Raises:
        InputNotFoundError: There is no such file.
        InputReadError: It cannot be read, or is damaged gzip.
        PixelsError: It is not such a CSV: says file, row and column. Rows count from 1,
            the header not counted, as Kaggle's ImageId does.
    """

    def __init__(self, path: str | Path, batch_rows: int = BATCH_ROWS) -> None:
        self.name = "standard input" if str(path) == "-" else str(path)
        self.batch_rows = batch_rows
        with ExitStack() as stack:
            self._lines = _lines(_open(path, self.name, stack), self.name)
            self._first_row, self.has_labels = self._read_header()
            self._stack = stack.pop_all()

    def __enter__(self) -> "PixelCsv":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches; a file without a single row is an error."""
        lines = chain(self._first_row, self._lines)
        done = 0
        while batch := list(islice(lines, self.batch_rows)):
            if any(map(str.isspace, batch)):
                batch = self._without_blank_end(batch, lines, done)
            if batch:
                yield self._parse(batch, done)
            done += len(batch)
        if not done:
            raise PixelsError(f"{self.name}: has a header but no rows")

    def _read_header(self) -> tuple[list[str], bool]:
        first = next(self._lines, "")
        if not first:
            raise PixelsError(f"{self.name}: is empty")
        for separator, called in _WRONG_SEPARATORS.items():
            if "," not in first and first.count(separator) >= PIXELS - 1:
                raise PixelsError(f"{self.name}: is separated by {called}; expected commas")
        if not first.rstrip("\r\n").isprintable():
            what = foreign.kind(first.encode("latin-1"))
            hint = "; digit-predict and digit_runtime.read_pixels read it by its name"
            raise PixelsError(
                f"{self.name}: is {what or 'not text'}; expected a CSV of digits"
                + hint * (foreign.is_image(what) or what in (foreign.NPY, foreign.ZIP))
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
        return ([] if is_header else [first]), has_labels

    def _without_blank_end(self, batch: list[str], rest: Iterator[str], done: int) -> list[str]:
        # numpy.loadtxt would skip a blank line and so shift the ids of all rows after it.
        blank = next(index for index, line in enumerate(batch) if line.isspace())
        if not all(map(str.isspace, chain(batch[blank:], rest))):
            raise PixelsError(f"{self.name}: row {done + blank + 1} is blank; remove that line")
        return batch[:blank]

    def _parse(self, batch: list[str], done: int) -> Batch:
        columns = PIXELS + self.has_labels
        values = parse_lines(batch, columns)
        if values is None:
            values = self._parse_carefully(batch, done, columns)
        if not self.has_labels:
            return values, None
        labels = values[:, 0]
        if labels.max() >= LABELS:
            row = int(np.argmax(labels >= LABELS))
            raise PixelsError(
                f"{self.name}: row {done + row + 1}, column label: {labels[row]} is not a digit "
                f"from 0 to {LABELS - 1}"
            )
        return values[:, 1:], labels

    def _parse_carefully(self, batch: list[str], done: int, columns: int) -> Pixels:
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


def read_csv(path: str | Path) -> tuple[Pixels, Labels | None]:
    """Read a whole CSV: uint8 ``[N, 784]``, and uint8 ``[N]`` or None. See `PixelCsv`.

    Pixels that look inverted give a `PixelsWarning`.
    """
    with PixelCsv(path) as source:
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


def read_labels(path: Path) -> Labels:
    """Read ``ImageId,Label`` rows, as in Kaggle's submissions: uint8 ``[N]`` in id order.

    Raises:
        InputNotFoundError, InputReadError: As for `PixelCsv`.
        PixelsError: Not such a file, or ids that are not 1 to N in order.
    """
    with ExitStack() as stack:
        lines = _lines(_open(path, str(path), stack), str(path))
        header = next(lines, "")
        if [cell.strip().strip('"').lower() for cell in header.split(",")] != ["imageid", "label"]:
            raise PixelsError(f"{path}: line 1 must be ImageId,Label")
        labels = [_label(line, row, path) for row, line in enumerate(lines, start=1)]
    if not labels:
        raise PixelsError(f"{path}: has a header but no rows")
    return np.array(labels, dtype=np.uint8)


def _label(line: str, row: int, path: Path) -> int:
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != 2 or cells[0] != str(row):
        raise PixelsError(f"{path}: row {row} must be {row},<digit>, not {line.strip()[:40]!r}")
    if cells[1] not in map(str, range(LABELS)):
        raise PixelsError(f"{path}: row {row}, column Label: {cells[1][:20]!r} is not a digit")
    return int(cells[1])


def _open(path: str | Path, name: str, stack: ExitStack) -> TextIO:
    raw: io.BufferedReader[Any]
    try:
        if str(path) == "-":
            raw = io.BufferedReader(_raw_stdin())
            stack.callback(raw.detach)
        else:
            raw = stack.enter_context(Path(path).open("rb"))
        zipped = raw.peek(2)[:2] == _GZIP_MAGIC
    except FileNotFoundError as error:
        raise InputNotFoundError(f"{name}: no such file") from error
    except OSError as error:
        raise InputReadError(f"{name}: cannot be read: {error.strerror or error}") from error
    plain = stack.enter_context(gzip.GzipFile(fileobj=raw)) if zipped else raw
    # Every byte is a Latin-1 character, so junk reaches the cell that can be named.
    text = io.TextIOWrapper(plain, encoding="latin-1", newline="\n")
    stack.callback(text.detach)
    return text


def _raw_stdin() -> io.RawIOBase:
    # Not sys.stdin.buffer: an interrupted command may end while a thread still waits in a
    # read, and Python aborts if it cannot lock that object to close it.
    try:
        return io.FileIO(sys.stdin.fileno(), closefd=False)
    except io.UnsupportedOperation:  # Someone has put an object in its place.
        return cast(io.RawIOBase, sys.stdin.buffer)


def _lines(stream: TextIO, name: str) -> Iterator[str]:
    lines = iter(partial(stream.readline, _LONGEST_LINE), "")
    try:
        for first in islice(lines, 1):
            yield first.removeprefix(_BYTE_ORDER_MARK)
        yield from lines
    except (OSError, EOFError, zlib.error) as error:
        raise InputReadError(f"{name}: cannot be read: {error}") from error


def _explain(batch: list[str], name: str, done: int, columns: int) -> str:
    """Say what is wrong with the first bad cell of a batch that numpy refused."""
    labels = columns - PIXELS
    for row, line in enumerate(batch, start=done + 1):
        cells = line.rstrip("\r\n").split(",")
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
