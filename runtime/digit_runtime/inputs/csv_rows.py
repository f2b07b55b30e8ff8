"""Lines of a CSV of digits to pixels: all plain lines at once, the others one by one.

Where a line is not plain (see `digit_runtime.inputs.csv_parser`), its cells may still be
whole numbers from 0 to 255 in other words: quoted, spaced, ``12.0``, ``1.2e+01``.
"""

import re
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digit_runtime.contract import PIXELS, Pixels
from digit_runtime.errors import PixelsError
from digit_runtime.inputs.csv_layout import Layout
from digit_runtime.inputs.csv_parser import parse

_NUMBER: Final = re.compile(rb"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
# Spellings of numbers to remember: 256 and some variants of each.
_MOST_SPELLINGS: Final = 4096
_SPELLED: Final = [b"%d" % value for value in range(256)]


class BadLine(NamedTuple):
    """A line that is not a digit, and why."""

    line: bytes
    error: PixelsError


class Rows(NamedTuple):
    """What some lines hold.

    Attributes:
        numbers: Of the good rows in the file, counted from 1: int64 ``[n]``.
        pixels: Theirs, uint8 ``[n, 784]``.
        labels: Their label cells as they stand in the file; None without such a column.
        bad: The other rows.
    """

    numbers: NDArray[np.int64]
    pixels: Pixels
    labels: list[bytes] | None
    bad: list[BadLine]


def read_rows(block: bytes, layout: Layout, before: int, name: str) -> Rows:
    """Read whole lines; nothing is raised for a bad one.

    Args:
        block: The lines, each ended by a newline; the last one need not be.
        layout: Of the file.
        before: How many rows of the file are before them.
        name: Of the file.
    """
    if not block.endswith(b"\n"):
        block += b"\n"
    values, odd, labels = _plain(block, layout)
    good = np.ones(len(values) + len(odd), bool)
    bad: list[BadLine] = []
    if len(odd):
        lines = block.split(b"\n")
        found: list[list[int]] = []
        for index in odd.tolist():
            try:
                found.append(_read_line(lines[index], layout, before + index + 1, name))
            except PixelsError as error:
                bad.append(BadLine(lines[index], error))
                good[index] = False
        values = _merged(values, odd, np.array(found, np.uint8).reshape(-1, PIXELS), good)
        if labels is not None:
            plain_labels = iter(labels)
            odd_lines = set(odd.tolist())
            labels = [
                cells_of(lines[index], layout)[0] if index in odd_lines else next(plain_labels)
                for index in np.flatnonzero(good).tolist()
            ]
    if layout.order is not None:
        values = values.take(layout.order, axis=1)
    return Rows(np.flatnonzero(good) + before + 1, values, labels, bad)


def _plain(block: bytes, layout: Layout) -> tuple[Pixels, NDArray[np.intp], list[bytes] | None]:
    """Return the pixels of the plain lines, the other lines, and the labels of the plain."""
    label = layout.label
    if label is None:
        return *parse(_with_commas(block, layout), PIXELS), None
    values, odd = parse(_with_commas(block, layout), PIXELS + 1)
    if len(odd) <= len(values):
        labels = [_SPELLED[value] for value in values[:, label].tolist()]
        pixels = values[:, 1:] if label == 0 else np.delete(values, label, axis=1)
        return pixels, odd, labels
    # Labels are not numbers.
    parts = [_without_label(line, layout) for line in block.split(b"\n")[:-1]]
    whole = b"\n".join([*(rest for _, rest in parts), b""])
    values, odd = parse(_with_commas(whole, layout), PIXELS)
    odd_lines = set(odd.tolist())
    return values, odd, [cell for i, (cell, _) in enumerate(parts) if i not in odd_lines]


def _with_commas(block: bytes, layout: Layout) -> bytes:
    if layout.separator == b",":
        return block
    # A comma in such a file is a decimal one.
    return block.replace(b",", b".").replace(layout.separator, b",")


def cells_of(line: bytes, layout: Layout) -> tuple[bytes, list[bytes]]:
    """Return the label cell of a line, empty without one, and the others, in their order."""
    cells = line.rstrip(b"\r").split(layout.separator)
    if layout.label is None or layout.label >= len(cells):
        return b"", cells
    return cells.pop(layout.label), cells


def bare(cell: bytes) -> bytes:
    """Return a cell without spaces and quotes around it."""
    cell = cell.strip()
    quoted = len(cell) > 1 and cell[:1] == cell[-1:] == b'"'
    return cell[1:-1].strip() if quoted else cell


def _merged(
    values: Pixels, odd: NDArray[np.intp], found: Pixels, good: NDArray[np.bool_]
) -> Pixels:
    """Put the rows of odd lines that turned out to be good between the plain ones."""
    if not len(found):
        return values
    was_odd = np.zeros(len(good), bool)
    was_odd[odd] = True
    was_odd = was_odd[good]
    whole = np.empty((len(was_odd), PIXELS), np.uint8)
    whole[~was_odd] = values
    whole[was_odd] = found
    return whole


def _without_label(line: bytes, layout: Layout) -> tuple[bytes, bytes]:
    if layout.label == 0:
        first, _, rest = line.partition(layout.separator)
        return first, rest
    label, cells = cells_of(line, layout)
    return label, layout.separator.join(cells)


def _read_line(line: bytes, layout: Layout, row: int, name: str) -> list[int]:
    if not line.strip():
        raise PixelsError.in_row(name, row, "is blank; remove that line")
    _, cells = cells_of(line, layout)
    known = _WITH_POINTS if layout.separator == b"," else _WITH_COMMAS
    try:
        values = [known[cell] for cell in cells[:PIXELS]]
    except _NotWholeError:
        names = [n for i, n in enumerate(layout.names) if i != layout.label]
        column, cell = next((n, c) for n, c in zip(names, cells, strict=False) if c not in known)
        raise PixelsError.in_row(name, row, _complaint(cell, cells), column) from None
    if len(cells) != PIXELS:
        columns, expected = line.count(layout.separator) + 1, len(layout.names)
        hint = "; it ends with a comma: take it away" * (columns > expected and not bare(cells[-1]))
        raise PixelsError.in_row(name, row, f"has {columns} columns; expected {expected}{hint}")
    return values


class _NotWholeError(ValueError):
    """A cell is not a whole number from 0 to 255."""


class _Spellings(dict[bytes, int]):
    """The values of cells, found out once for each spelling."""

    def __init__(self, decimal: bytes) -> None:
        super().__init__((b"%d" % value, value) for value in range(256))
        self._decimal = decimal

    def __missing__(self, cell: bytes) -> int:
        number = bare(cell).replace(self._decimal, b".")
        value = float(number) if _NUMBER.fullmatch(number) else -1.0
        if not (0 <= value <= 255 and value.is_integer()):
            raise _NotWholeError
        if len(self) < _MOST_SPELLINGS:
            self[cell] = int(value)
        return int(value)

    def __contains__(self, cell: object) -> bool:
        try:
            return isinstance(cell, bytes) and self[cell] >= 0
        except _NotWholeError:
            return False


_WITH_POINTS: Final = _Spellings(b".")
_WITH_COMMAS: Final = _Spellings(b",")


def _complaint(cell: bytes, cells: list[bytes]) -> str:
    text = bare(cell).decode("utf-8", errors="replace")
    what = repr(text[:20]) if text else "an empty cell"
    return f"{what} is not a whole number from 0 to 255{_hint(text, cells)}"


def _hint(text: str, cells: list[bytes]) -> str:
    # Most often this cell alone tells that no scale would help.
    if text.isdecimal() or not 0 <= _float(text.encode()) <= 255:
        return ""
    values = list(map(_float, cells))
    if not all(0 <= value <= 255 for value in values):
        return ""
    if max(values) <= 1:
        return " (for values from 0 to 1, multiply by 255 and round)"
    return " (round the values)"


def _float(cell: bytes) -> float:
    try:
        return float(bare(cell))
    except ValueError:
        return -1.0
