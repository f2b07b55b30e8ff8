"""Digits that the pen wrote in parts, or the light broke: pieces above each other.

Where there are many pieces, most tell how high digits are, and a part is what is lower. Few
pieces do not; but lines have more between them than the parts of a digit.
"""

from typing import Final

import numpy as np

from digit_runtime.inputs.page.runs import Blobs, Indices

Box = tuple[int, int, int, int]

# How far parts are apart at most, as a share of the digit's height.
_APART: Final = 0.12
# A digit is at most this much higher than wide, if it is in parts.
_SLIM: Final = 1.8
# How much of the narrower part the other is above, below or around.
_AROUND: Final = 0.4
# ... and how much where the one ends at about the height where the other begins.
_ABOVE: Final = 0.2


def stacked(blobs: Blobs, chosen: Indices) -> tuple[Indices, Indices, Indices]:
    """Return which digit each piece is of, and of each chosen piece that digit's size.

    The first array has an entry for each of `blobs`; the heights and widths follow `chosen`.
    """
    digit = np.arange(len(blobs))
    boxes: dict[int, Box] = {
        index: (
            int(blobs.left[index]),
            int(blobs.top[index]),
            int(blobs.right[index]),
            int(blobs.bottom[index]),
        )
        for index in chosen.tolist()
    }
    while (pair := _pair(boxes)) is not None:
        one, two = pair
        boxes[one] = _both(boxes[one], boxes.pop(two))
        digit[digit == two] = one
    found = np.array([boxes[index] for index in digit[chosen].tolist()])
    return digit, found[:, 3] - found[:, 1], found[:, 2] - found[:, 0]


def _pair(boxes: dict[int, Box]) -> tuple[int, int] | None:
    for one, first in boxes.items():
        for two, second in boxes.items():
            if one < two and _are_parts(first, second):
                return one, two
    return None


def _are_parts(one: Box, two: Box) -> bool:
    """Tell whether two boxes are so near, above each other, that they are of one digit."""
    left, top, right, bottom = _both(one, two)
    tall, wide = bottom - top, right - left
    beside = wide - (one[2] - one[0]) - (two[2] - two[0])
    above = tall - (one[3] - one[1]) - (two[3] - two[1])
    narrower = min(one[2] - one[0], two[2] - two[0])
    lower = min(one[3] - one[1], two[3] - two[1])
    if above > _APART * tall or tall > _SLIM * wide:
        return False
    return -beside > _AROUND * narrower or (-beside > _ABOVE * narrower and -above < lower / 2)


def _both(one: Box, two: Box) -> Box:
    return min(one[0], two[0]), min(one[1], two[1]), max(one[2], two[2]), max(one[3], two[3])
