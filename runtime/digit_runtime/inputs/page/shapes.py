"""Shapes: the pieces of ink that may be digits, their sizes, and what is too small for one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.inputs.page.parts import stacked
from digit_runtime.inputs.page.runs import Blobs, Indices, Runs

Chosen = NDArray[np.bool_]

# A piece that lies along this share of a side of the picture is a desk, a scanner's lid, ...
_ALONG_BORDER: Final = 0.3
# Smaller than this share of a digit's height: a speck, unless it is near a larger piece.
_SPECK: Final = 0.3
# A piece lower than this share is part of a digit where one is right above or below it.
_FRAGMENT: Final = 0.65
# No digit is lower than this, in pixels and as a share of the picture's longer side.
_LOWEST: Final = 8
_LOWEST_SHARE: Final = 1 / 140
# So few pieces say little about how high digits are.
_FEW: Final = 8
# A piece that holds others takes more than this share of both sides of the picture ...
_HOLDS: Final = 0.5
# ... and has this much of a rectangle; round digits have less.
_RECTANGLE: Final = 0.9
# More than this share of the typical height is no digit.
_HUGE: Final = 3.0


@dataclass(frozen=True)
class Shape:
    """Ink that belongs together; right and bottom are exclusive."""

    runs: Runs

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom."""
        runs = self.runs
        return (
            int(runs.start.min()),
            int(runs.row.min()),
            int(runs.stop.max()),
            int(runs.row.max()) + 1,
        )

    @property
    def width(self) -> int:
        """Of the box."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> int:
        """Of the box."""
        return self.box[3] - self.box[1]

    @property
    def middle(self) -> tuple[float, float]:
        """Of the box: x, y."""
        left, top, right, bottom = self.box
        return (left + right) / 2, (top + bottom) / 2

    @cached_property
    def area(self) -> int:
        """Pixels of ink."""
        return int((self.runs.stop - self.runs.start).sum())


def united(shapes: Sequence[Shape]) -> Shape:
    """Return several shapes as one."""
    if len(shapes) == 1:
        return shapes[0]
    parts = [shape.runs for shape in shapes]
    return Shape(
        Runs(
            np.concatenate([runs.row for runs in parts]),
            np.concatenate([runs.start for runs in parts]),
            np.concatenate([runs.stop for runs in parts]),
        )
    )


def find_shapes(blobs: Blobs, size: tuple[int, int]) -> tuple[list[Shape], list[Shape], float]:
    """Return the shapes that may be digits, those that are not, and a digit's typical height.

    `size` is the height and width of the picture.
    """
    outside = _at_border(blobs, size)
    kept = (blobs.area >= 6) & ~_solid(blobs, size, outside)
    if outside.any():
        kept &= ~_along_border(blobs, size)
    kept &= ~_holders(blobs, kept, size)
    out = [Shape(blobs.runs_of(int(index))) for index in np.flatnonzero(~kept & (blobs.area >= 12))]
    lowest = max(_LOWEST, _LOWEST_SHARE * max(size))
    chosen = np.flatnonzero(kept)
    if not len(chosen) or (blobs.bottom - blobs.top)[chosen].max() < lowest:
        return [], out, 0.0
    if len(chosen) == 1:
        shape = Shape(blobs.runs_of(int(chosen[0])))
        return [shape], out, max(lowest, shape.height, 0.6 * shape.width)
    heights, widths = (blobs.bottom - blobs.top)[chosen], (blobs.right - blobs.left)[chosen]
    digit = np.arange(len(blobs))
    if len(chosen) <= _FEW:
        digit, heights, widths = stacked(blobs, chosen)
    typical = max(lowest, _typical(np.maximum(heights, 0.6 * widths), blobs.area[chosen]))
    extent = np.maximum(heights, widths)
    speck = extent < _SPECK * typical
    huge = (heights > _HUGE * typical) | (widths > 4 * _HUGE * typical)
    out += [Shape(blobs.runs_of(int(index))) for index in chosen[huge]]
    main = chosen[~speck & ~huge]
    groups = _attach(blobs, main, chosen[speck & (extent >= 0.12 * typical)], typical)
    groups = _united(groups, digit)
    shapes = [united([Shape(blobs.runs_of(int(index))) for index in group]) for group in groups]
    used = {index for group in groups for index in group}
    out += [Shape(blobs.runs_of(int(index))) for index in chosen[speck] if index not in used]
    return shapes, out, typical


def _holders(blobs: Blobs, kept: Chosen, size: tuple[int, int]) -> Chosen:
    """Tell which pieces hold others: frames, and sheets with what is written on them."""
    tall = blobs.bottom - blobs.top
    result = np.zeros(len(blobs), np.bool_)
    for index in np.flatnonzero(kept & (tall > _HOLDS * size[0])).tolist():
        inside = kept & (blobs.left > blobs.left[index]) & (blobs.right < blobs.right[index])
        inside &= (blobs.top > blobs.top[index]) & (blobs.bottom < blobs.bottom[index])
        inside &= tall > 0.1 * tall[index]
        result[index] = inside.any() and is_sheet(Shape(blobs.runs_of(index)), size)
    return result


def is_sheet(shape: Shape, size: tuple[int, int]) -> bool:
    """Tell whether a shape is large and has the outline of a rectangle, whatever is in it."""
    if shape.height <= _HOLDS * size[0] or shape.width <= _HOLDS * size[1]:
        return False
    left, top, right, bottom = shape.box
    first, last = np.full(bottom - top, right), np.full(bottom - top, left)
    np.minimum.at(first, shape.runs.row - top, shape.runs.start)
    np.maximum.at(last, shape.runs.row - top, shape.runs.stop)
    return bool((last - first).sum() > _RECTANGLE * shape.width * shape.height)


def _typical(heights: "Indices", areas: "Indices") -> float:
    """Return the median height of a pixel's piece: specks are many, but hold little ink."""
    order = np.argsort(heights)
    weights = np.cumsum(np.sqrt(areas[order]) * heights[order])
    return float(heights[order][np.searchsorted(weights, weights[-1] / 2)])


def _along_border(blobs: Blobs, size: tuple[int, int]) -> Chosen:
    height, width = size
    runs = blobs.runs
    owner = np.repeat(np.arange(len(blobs)), np.diff(blobs.first))
    length = runs.stop - runs.start
    one = np.ones_like(length)
    result = np.zeros(len(blobs), np.bool_)
    for on_side, weight, side in (
        (runs.row == 0, length, width),
        (runs.row == height - 1, length, width),
        (runs.start == 0, one, height),
        (runs.stop == width, one, height),
    ):
        contact = np.bincount(owner[on_side], weight[on_side], len(blobs))
        result |= contact > _ALONG_BORDER * side
    return result


def _at_border(blobs: Blobs, size: tuple[int, int]) -> Chosen:
    height, width = size
    result: Chosen = (
        (blobs.left == 0) | (blobs.top == 0) | (blobs.right == width) | (blobs.bottom == height)
    )
    return result


def _solid(blobs: Blobs, size: tuple[int, int], outside: Chosen) -> Chosen:
    """Tell which pieces are blocks: wide and filled, and all the more at the border."""
    tall, wide = blobs.bottom - blobs.top, blobs.right - blobs.left
    fill = blobs.area / (tall * wide)
    thick = np.minimum(tall, wide) > 0.02 * min(size)
    result: Chosen = thick & (wide > 0.4 * tall) & (fill > np.where(outside, 0.75, 0.85))
    return result


def _united(groups: list[list[int]], digit: Indices) -> list[list[int]]:
    """Return the groups of one digit as one."""
    result: dict[int, list[int]] = {}
    for group in groups:
        result.setdefault(int(digit[group[0]]), []).extend(group)
    return list(result.values())


def _attach(blobs: Blobs, main: Indices, small: Indices, typical: float) -> list[list[int]]:
    """Return groups of pieces that are one digit: fragments with what they broke off from."""
    order = main[np.argsort(-blobs.area[main])]
    left, top, right, bottom = (
        side.astype(np.float64) for side in (blobs.left, blobs.top, blobs.right, blobs.bottom)
    )
    groups: list[list[int]] = []
    boxes = np.empty((len(order), 4))
    for index in [*order.tolist(), *small.tolist()]:
        box = np.array([left[index], top[index], right[index], bottom[index]])
        speck = max(box[2] - box[0], box[3] - box[1]) < _SPECK * typical
        fragment = box[3] - box[1] < _FRAGMENT * typical
        if groups and fragment:
            others = boxes[: len(groups)]
            overlap = np.minimum(others[:, 2], box[2]) - np.maximum(others[:, 0], box[0])
            gap = np.maximum(others[:, 1], box[1]) - np.minimum(others[:, 3], box[3])
            tall = np.maximum(others[:, 3], box[3]) - np.minimum(others[:, 1], box[1])
            narrower = np.minimum(others[:, 2] - others[:, 0], box[2] - box[0])
            near = 0.08 if speck else 0.25
            fits = (
                (overlap >= (0.0 if speck else 0.5) * narrower)
                & (gap <= near * typical)
                & (tall <= 1.45 * typical)
            )
            if fits.any():
                chosen = int(np.argmin(np.where(fits, gap - overlap, np.inf)))
                groups[chosen].append(index)
                other = boxes[chosen]
                boxes[chosen] = [*np.minimum(other[:2], box[:2]), *np.maximum(other[2:], box[2:])]
                continue
        if not speck:
            boxes[len(groups)] = box
            groups.append([index])
    return groups
