"""Parse lines of comma-separated whole numbers from 0 to 255, many lines at a time.

A block of lines is one array of bytes, and every step works on all of it. Four pixels of
five are 0, so most of the text is ``0,0,0,0,``: eight bytes that are compared as one
number, counted, and left out. Of MNIST's text two fifths remain.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digit_runtime.contract import Pixels

_ZERO: Final = np.uint8(ord("0"))
_COMMA: Final = np.uint8(ord(","))
_NEWLINE: Final = np.uint8(ord("\n"))
_TEN: Final = np.uint8(10)
_TWO: Final = np.uint8(2)
_HUNDRED: Final = np.uint8(100)
# Eight bytes as one number, whose highest are the last.
_WORD: Final = np.dtype("<u8")
# Both hold the ends of four cells; the second begins in the middle of one.
_CELLS: Final = 4
_ZEROS: Final = np.frombuffer(b"0,0,0,0,", _WORD)[0]
_SPLIT_ZEROS: Final = np.frombuffer(b",0,0,0,0", _WORD)[0]
# Less than this is what ends with a comma or a newline, and not with a digit.
_DIGIT_LAST: Final = np.frombuffer(b"\0\0\0\0\0\0\0-", _WORD)[0]

# glibc gives freed blocks of 128 kB and more back to the system, and the next ones come page by
# page, which takes half of the time here. It keeps those that are smaller than one freed before
# (M_MMAP_THRESHOLD in mallopt(3)). No page of this one is touched.
np.empty(1 << 24, np.uint8)

Indices = NDArray[np.intp]
Marks = NDArray[np.bool_]


class Parsed(NamedTuple):
    """What the plain lines of a block hold, and which lines are not plain.

    Attributes:
        values: uint8 ``[n, columns]``, a row for each plain line.
        odd: The other lines, counted from 0: another number of cells, or a cell that is
            not one to three digits, or more than 255.
    """

    values: Pixels
    odd: Indices


def parse(block: bytes, columns: int) -> Parsed:
    """Return the values of all plain lines of `block`, each ended by a newline."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    if not block:
        return Parsed(np.empty((0, columns), np.uint8), np.empty(0, np.intp))
    # Whole words, made of blank lines that are not counted.
    padding = -len(block) % _WORD.itemsize
    text, skipped = _without_zeros(np.frombuffer(block + b"\n" * padding, np.uint8))
    value = text - _ZERO
    digit = value < _TEN
    ends = np.flatnonzero(~digit)
    line_ends = np.flatnonzero(newline := text == _NEWLINE)
    line_ends = line_ends[: len(line_ends) - padding]
    end = text == _COMMA
    end |= newline
    last_of_line = np.searchsorted(ends, line_ends)
    numbers, hundreds = _numbers(value, digit)
    # The last digit of each number, and its word: what is left out behind it is after its cell.
    ends -= 1
    ends[0] = max(ends[0], 0)
    found = numbers.take(ends)
    ends >>= 3
    cell = skipped.take(ends)
    cell += _counting(len(cell))
    values = np.zeros(int(cell[-1]) + 1, np.uint8)
    values[cell] = found
    last_cells = cell[last_of_line]
    good = np.diff(last_cells, prepend=-1) == columns
    size = int(line_ends[-1]) + 1
    lines_only = digit[:size], end[:size], numbers[:size], hundreds[: max(size - 2, 0)]
    if not _all_plain(*lines_only):
        wrong = np.flatnonzero(_wrong(*lines_only))
        good[np.searchsorted(line_ends, wrong)] = False
    return Parsed(_rows(values, last_cells, good, columns), np.flatnonzero(~good))


@lru_cache(maxsize=1)
def _count_to(size: int) -> Indices:
    return np.arange(size)


def _counting(size: int) -> Indices:
    """Return 0, 1, ... up to `size`; made once, since new memory costs more than adding."""
    return _count_to(1 << max(17, size.bit_length()))[:size]


def _without_zeros(text: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Indices]:
    """Leave out words of zeros; also return how many cells that were before each word kept.

    Only where the text on both sides ends and begins cells, so that no two cells become
    one, and none that is wrong becomes right.
    """
    words = text.view(_WORD)
    zeros = words == _ZEROS
    split = words == _SPLIT_ZEROS
    # By a comma or a newline; whatever else is less than a digit is in no plain line.
    ended = words[:-1] < _DIGIT_LAST
    following = words[1:].astype(np.uint8)
    zeros[1:] &= ended
    zeros[:-1] &= following >= _ZERO
    np.greater(split[1:], ended, out=split[1:])
    split[:-1] &= following == _COMMA
    zeros |= split
    # The first and last have no text on one of their sides.
    zeros[0] = zeros[-1] = False
    kept = np.flatnonzero(~zeros)
    without = words.take(kept).view(np.uint8)
    kept -= _counting(len(kept))
    kept *= _CELLS
    return without, kept


def _numbers(value: NDArray[np.uint8], digit: NDArray[np.bool_]) -> tuple[Pixels, Pixels]:
    """Return at each digit the number that ends there, and from the third on its hundreds."""
    is_digit = digit.view(np.uint8)  # Arithmetic with booleans would convert them first.
    value *= is_digit
    number = value.copy()
    number[1:] += _TEN * value[:-1]
    # Whatever separates numbers counts as a zero; hundreds are some only if tens are there.
    hundreds = value[:-2] * (is_digit[1:-1] & is_digit[2:])
    number[2:] += _HUNDRED * hundreds
    return number, hundreds


def _all_plain(digit: Marks, end: Marks, number: Pixels, hundreds: Pixels) -> bool:
    """Tell whether `_wrong` would mark nothing, in half of its time."""
    two = digit[1:] & digit[:-1]
    return bool(
        digit[0]
        and np.count_nonzero(digit) + np.count_nonzero(end) == len(digit)
        and (digit[1:] | digit[:-1]).all()
        and not (two[2:] & two[:-2]).any()
        and hundreds.max(initial=0) <= _TWO
        and not (number[2:] < _HUNDRED * hundreds).any()
    )


def _wrong(digit: Marks, end: Marks, number: Pixels, hundreds: Pixels) -> Marks:
    """Mark what is no digit and ends no cell, cells without digits, of four, and over 255."""
    plain: Marks = digit | end
    plain[1:] &= digit[1:] | digit[:-1]
    plain[0] &= digit[0]
    two = digit[1:] & digit[:-1]
    plain[3:] &= ~(two[2:] & two[:-2])
    # What does not fit begins anew at 0: 256 to 299 at 0 to 43.
    plain[2:] &= (hundreds <= _TWO) & (number[2:] >= _HUNDRED * hundreds)
    return ~plain


def _rows(values: Pixels, last: Indices, good: NDArray[np.bool_], columns: int) -> Pixels:
    if good.all():
        return values[: len(good) * columns].reshape(-1, columns)
    if len(values) < columns:
        return np.empty((0, columns), np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(values, columns)
    return windows[last[good] - (columns - 1)]
