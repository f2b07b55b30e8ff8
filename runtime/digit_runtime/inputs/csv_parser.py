"""Parse lines of comma-separated whole numbers from 0 to 255, many lines at a time.

A block of lines is one array of bytes, and every step works on all of it. Four pixels of
five are 0, so most of the text is ``0,0,0,0,``: eight bytes that are compared as one
number, counted, and left out. Of MNIST's text two fifths remain.
"""

import sys
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
_WORD: Final = 8
# Both hold the ends of four cells; the second begins in the middle of one.
_CELLS: Final = 4
_ZEROS: Final = np.frombuffer(b"0,0,0,0,", np.uint64)[0]
_SPLIT_ZEROS: Final = np.frombuffer(b",0,0,0,0", np.uint64)[0]
# Strided views of the bytes would take twice as long.
_SHIFTS: Final = np.array([0, 56] if sys.byteorder == "little" else [56, 0], np.uint64)

# glibc gives freed blocks of 128 kB and more back to the system, and the next ones come page by
# page, which takes half of the time here. It keeps those that are smaller than one freed before
# (M_MMAP_THRESHOLD in mallopt(3)). No page of this one is touched.
np.empty(1 << 24, np.uint8)

Indices = NDArray[np.intp]


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
    padding = -len(block) % _WORD
    text, skipped = _without_zeros(np.frombuffer(block + b"\n" * padding, np.uint8))
    value = text - _ZERO
    digit = value < _TEN
    ends = np.flatnonzero(~digit)
    numbers, too_large = _numbers(value, digit)
    wrong = _wrong(text, digit)
    wrong |= too_large
    found = numbers.take(ends)
    line_ends = np.flatnonzero(text == _NEWLINE)
    line_ends = line_ends[: len(line_ends) - padding]
    last_of_line = np.searchsorted(ends, line_ends)
    # The word of the byte before: a cell that goes on in words left out ends there.
    word = ends
    word -= 1
    word[0] = max(word[0], 0)
    word >>= 3
    cell = skipped.take(word)
    cell *= _CELLS
    cell += _counting(len(cell))
    values = np.zeros(int(cell[-1]) + 1, np.uint8)
    values[cell] = found
    last_cells = cell[last_of_line]
    good = np.diff(last_cells, prepend=-1) == columns
    if wrong[: line_ends[-1] + 1].any():
        lines = np.searchsorted(line_ends, np.flatnonzero(wrong))
        good[lines[lines < len(good)]] = False
    return Parsed(_rows(values, last_cells, good, columns), np.flatnonzero(~good))


@lru_cache(maxsize=1)
def _count_to(size: int) -> Indices:
    return np.arange(size)


def _counting(size: int) -> Indices:
    """Return 0, 1, ... up to `size`; made once, since new memory costs more than adding."""
    return _count_to(1 << max(17, size.bit_length()))[:size]


def _without_zeros(text: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], Indices]:
    """Leave out words of zeros; also return how many were before each word that is kept.

    Only where the text on both sides ends and begins cells, so that no two cells become
    one, and none that is wrong becomes right.
    """
    words = text.view(np.uint64)
    first, last = ((words >> shift).astype(np.uint8) for shift in _SHIFTS)
    zeros = words == _ZEROS
    zeros[1:] &= last[:-1] == _COMMA
    split = words == _SPLIT_ZEROS
    split[:-1] &= first[1:] == _COMMA
    split[1:] &= last[:-1] - _ZERO < _TEN
    zeros |= split
    # The first and last have no text on one of their sides.
    zeros[0] = zeros[-1] = False
    kept = np.flatnonzero(~zeros)
    skipped = kept - _counting(len(kept))
    return words.take(kept).view(np.uint8), skipped


def _numbers(
    value: NDArray[np.uint8], digit: NDArray[np.bool_]
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return at each separator the number that ends before it, and whether that is over 255.

    Elsewhere numbers may be anything.
    """
    is_digit = digit.view(np.uint8)  # Arithmetic with booleans would convert them first.
    value *= is_digit
    # Whatever separates a number from the one before counts as a zero, and hundreds are
    # some only if tens are there.
    number = np.zeros_like(value)
    number[1:] = value[:-1]
    number[2:] += _TEN * value[:-2]
    hundreds = value[:-3] * is_digit[1:-2]
    number[3:] += _HUNDRED * hundreds
    # What does not fit begins anew at 0: 256 to 299 at 0 to 43.
    too_large = np.zeros_like(digit)
    too_large[3:] = (number[3:] < _HUNDRED) & (hundreds != 0) | (hundreds > _TWO)
    return number, too_large & ~digit


def _wrong(text: NDArray[np.uint8], digit: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark what is no digit and ends no cell, cells without digits, and those of four."""
    wrong: NDArray[np.bool_] = digit | (text == _COMMA)
    wrong |= text == _NEWLINE
    wrong[1:] &= digit[1:] | digit[:-1]
    wrong[0] &= digit[0]
    np.logical_not(wrong, out=wrong)
    two = digit[1:] & digit[:-1]
    wrong[3:] |= two[2:] & two[:-2]
    return wrong


def _rows(values: Pixels, last: Indices, good: NDArray[np.bool_], columns: int) -> Pixels:
    if good.all():
        return values[: len(good) * columns].reshape(-1, columns)
    if len(values) < columns:
        return np.empty((0, columns), np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(values, columns)
    return windows[last[good] - (columns - 1)]
