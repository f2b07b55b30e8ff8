"""The ink of a picture of one digit, by the paper's brightness in at most 32x32 cells.

One digit needs no finer grid, and a microcontroller has room for no other: digit-export's
digit_ground.c does the same, in integers and by the same rules, so that both read the same. A sheet
full of digits has strokes too near for such cells; `ink` is for those.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.inputs.mnist_form import Grey
from digit_runtime.inputs.page.blocks import by_cell
from digit_runtime.inputs.page.ink import Ink, blur_radius
from digit_runtime.inputs.page.paper import Paper, estimate, highest, of_drawing

Box = tuple[slice, slice]
Cells = NDArray[np.int32]
Indices = NDArray[np.intp]

_CELLS: Final = 32
# Pixels of which the intermediate results stay in a processor's cache.
_BAND: Final = 60_000
# Ink on darker paper than this is not made stronger still.
_DARKEST: Final = 32
# The cells around one, as a window, whose strongest ink makes fainter ink its blur.
_AROUND: Final = 5
# The noise is looked for in parts of 4 rows, of which a fax has empty ones, and 16 columns.
_ROWS: Final = 4
_COLUMNS: Final = 16
# The root of a part's sum of squared steps, for noise with a standard deviation of 1.
_ROOT: Final = (2 * _ROWS * _COLUMNS) ** 0.5


def find_ink_of_one(grey: Grey, ink_is_dark: bool | None = None) -> Ink:
    """Return the ink of one digit in a grey picture, uint8 ``[H, W]``.

    Its strength is as if all paper were as bright as the brightest: in the shade ink differs
    from paper by less, in proportion. It is 0 in cells too far from any ink to matter.
    """
    from PIL import Image, ImageFilter

    factor = -(-max(grey.shape) // _CELLS)
    noise = _noise(grey)
    paper = _paper(grey, factor, ink_is_dark)
    radius = blur_radius(noise / _ROOT, paper.contrast)
    if radius:
        grey = np.asarray(Image.fromarray(grey).filter(ImageFilter.GaussianBlur(radius)))
        noise = round(noise / max(1.0, 3.54 * radius))
        paper = _paper(grey, factor, ink_is_dark)
    ground = _ground(paper.small)
    floor = _floor(ground, noise)
    strength, mask = np.zeros_like(grey), np.zeros(grey.shape, np.bool_)
    peaks = np.zeros_like(paper.small)
    # Ink is looked for only where it may be.
    cells = _box(_strongest(grey, paper, ground) > floor.min())
    for band in _bands(cells, factor):
        box = _pixels(band, factor, grey.shape)
        strength[box] = _strength(grey[box], _in_between(paper.small, box, factor), paper)
        peaks[band] = by_cell(np.maximum, strength[box], factor)
    least = _least(peaks, ground, floor)
    box = _pixels(_box(peaks > least.min()), factor, grey.shape)
    mask[box] = strength[box] > _in_between(least, box, factor)
    return Ink(strength, mask, paper)


def _paper(grey: Grey, factor: int, ink_is_dark: bool | None) -> Paper:
    drawing = of_drawing(grey, factor)
    if drawing and ink_is_dark in (None, drawing.ink_is_dark):
        return drawing
    # Where a lamp's light falls off by more than ink differs from paper, nothing is certain.
    return estimate(_averages(grey, factor), factor, ink_is_dark, certain=False)


def _noise(grey: Grey) -> int:
    """Return the root of the sum of squared steps in parts without a stroke: a third has none."""
    rows = grey[:: max(1, len(grey) // 240)]
    down, right = len(rows) // _ROWS, (rows.shape[1] - 1) // _COLUMNS
    if not down or not right:
        return 0
    values = rows[: down * _ROWS, : right * _COLUMNS + 1].astype(np.uint16)
    steps = values[:, 1:] - values[:, :-1]
    # Modulo 2**16 the square of a step is right, whatever the step's sign.
    squares = (steps * steps).reshape(down, _ROWS, -1).sum(axis=1, dtype=np.uint32)
    parts = squares.reshape(-1, _COLUMNS).sum(axis=1)
    return math.isqrt(int(np.sort(parts)[3 * (len(parts) - 1) // 10]))


@dataclass(frozen=True)
class _Ground:
    """The brightness of the paper in each cell.

    Attributes:
        lowest, highest: In the cells around each.
        even: In the cell, or `_DARKEST` if that is more.
        brightest: The highest of `even`.
    """

    lowest: Cells
    highest: Cells
    even: Cells
    brightest: int


def _ground(paper: Grey) -> _Ground:
    values = np.maximum(paper, _DARKEST).astype(np.int32)
    extremes = ~highest(np.stack([~paper, paper]), 3)
    return _Ground(
        extremes[0].astype(np.int32), 255 - extremes[1].astype(np.int32), values, int(values.max())
    )


def _floor(ground: _Ground, noise: int) -> Cells:
    """Return what all ink in each cell is stronger than."""
    # Six standard deviations of the noise, and what paper of its own differs by.
    floor: Cells = 17 * noise * ground.brightest // (32 * ground.even)
    return np.maximum(floor, 7 * max(ground.brightest, 64) // 100)


def _strongest(grey: Grey, paper: Paper, ground: _Ground) -> Cells:
    """Return what no ink in each cell is stronger than, wherever the paper there is brightest."""
    if paper.ink_is_dark:
        under = ground.highest
        differs = under - 255 + by_cell(np.maximum, ~grey, paper.factor)
    else:
        under = ground.lowest
        differs = by_cell(np.maximum, grey, paper.factor) - under
    strongest: Cells = differs * ground.brightest // np.maximum(under, _DARKEST)
    return strongest


def _strength(grey: Grey, ground: Grey, paper: Paper) -> Grey:
    """Return how much pixels differ from the ground, in proportion to its brightness."""
    differs = np.maximum(grey, ground) - (grey if paper.ink_is_dark else ground)
    # Of two arrays of one type numpy's maximum and quotient are several times as fast.
    least = np.maximum(ground, np.full_like(ground, _DARKEST)).astype(np.float32)
    brightest = np.float32(max(_DARKEST, int(paper.small.max())))
    # No quotient of such small integers is so near the next integer that it is rounded to it.
    strength: Grey = (differs.astype(np.float32) * brightest / least).clip(0, 255).astype(np.uint8)
    return strength


def _least(peaks: Grey, ground: _Ground, floor: Cells) -> Grey:
    """Return the least strength of ink in each cell."""
    inked = np.sort(peaks[2 * peaks.astype(np.int32) > 3 * floor])
    typical = int(inked[7 * (len(inked) - 1) // 10]) if len(inked) else 0
    around = 3 * highest(peaks, _AROUND).astype(np.int32) // 10
    # Where the paper's brightness changes at once, it is known only to a cell.
    step = (ground.highest - ground.lowest) * ground.brightest // ground.even
    least = np.maximum(np.maximum(floor, around), 3 * step // 5)
    least = np.maximum(least, 3 * typical // 10)
    result: Grey = np.minimum(least, 255).astype(np.uint8)
    return result


def _box(found: NDArray[np.bool_]) -> Box:
    """Return the box of the cells that were found and of those around; an empty one for none."""
    rows, columns = np.nonzero(found)
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    left, right = int(columns.min()), int(columns.max())
    return (
        slice(max(0, int(rows[0]) - 1), min(int(rows[-1]) + 2, len(found))),
        slice(max(0, left - 1), min(right + 2, found.shape[1])),
    )


def _bands(cells: Box, factor: int) -> list[Box]:
    """Return a box of cells in parts whose pixels stay in a processor's cache."""
    rows, columns = cells
    step = max(1, _BAND // max(1, factor * factor * (columns.stop - columns.start)))
    return [
        (slice(row, min(row + step, rows.stop)), columns)
        for row in range(rows.start, rows.stop, step)
    ]


def _pixels(cells: Box, factor: int, shape: tuple[int, ...]) -> Box:
    """Return the pixels of a box of cells."""
    rows, columns = (
        slice(part.start * factor, min(part.stop * factor, side))
        for part, side in zip(cells, shape, strict=True)
    )
    return rows, columns


def _averages(grey: Grey, factor: int) -> Grey:
    """Return the mean of each cell, to the nearest; those at the end may have fewer pixels."""
    sums = by_cell(np.add, grey, factor, np.uint32)
    sides = (np.minimum(factor, side - np.arange(0, side, factor)) for side in grey.shape)
    counts = np.multiply.outer(*sides).astype(np.uint32)
    averages: Grey = ((sums + counts // 2) // counts).astype(np.uint8)
    return averages


def _in_between(cells: Grey, box: Box, factor: int) -> Grey:
    """Return a value for each pixel of a box from those of the cells around it."""
    if cells.min() == cells.max():
        return np.full([side.stop - side.start for side in box], cells[0, 0])
    values = cells
    for axis, side in enumerate(box):
        between, neighbours, away = _places(cells.shape[axis], factor)
        pixels = np.bincount(between[side], minlength=cells.shape[axis] + 1)
        before, after = (values.take(at, axis).repeat(pixels, axis) for at in neighbours)
        weights = away[side, None] if axis == 0 else away[side]
        values = (before * (2 * factor - weights) + after * weights + factor) // (2 * factor)
    return values.astype(np.uint8)


@lru_cache(maxsize=64)
def _places(
    cells: int, factor: int
) -> tuple[Indices, tuple[Indices, Indices], NDArray[np.unsignedinteger]]:
    """Return where the pixels of a side lie between the middles of its cells.

    Returns:
        How many middles come before each pixel; for each such number, the cells before and
        after; how far each pixel is from the middle before it, in halves of a pixel.
    """
    between, away = np.divmod(2 * np.arange(cells * factor) + 1 + factor, 2 * factor)
    neighbours = np.arange(-1, cells).clip(0), np.arange(cells + 1).clip(None, cells - 1)
    # The sum of two weighted greys has to fit.
    return between, neighbours, away.astype(np.uint16 if factor <= 128 else np.uint32)
