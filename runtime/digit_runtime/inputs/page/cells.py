"""The ink of a picture of one digit, by the paper's brightness in at most 32x32 cells.

One digit needs no finer grid, and a microcontroller has room for no other: digit-export's
digit_ground.c does the same, in integers and by the same rules, so that both read the same. A sheet
full of digits has strokes too near for such cells; `ink` is for those.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.inputs.mnist_form import Grey
from digit_runtime.inputs.page.ink import Ink, blur_radius
from digit_runtime.inputs.page.paper import Paper, estimate, highest, of_drawing

Box = tuple[slice, slice]
Cells = NDArray[np.int32]

_CELLS: Final = 32
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
    cells = _box(_strongest(grey, paper, ground) > floor.min())
    if cells is not None:
        # Ink is looked for only where it may be.
        rows, columns = (slice(part.start * factor, part.stop * factor) for part in cells)
        part = grey[rows, columns]
        corner = (rows.start, columns.start)
        differs = _strength(part, _in_between(paper.small, corner, part.shape, factor), paper)
        strength[rows, columns] = differs
        peaks = np.zeros_like(paper.small)
        peaks[cells] = _by_cell(np.maximum, differs, factor)
        least = _least(peaks, ground, floor)
        mask[rows, columns] = differs > _in_between(least, corner, part.shape, factor)
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
    place = 3 * (len(parts) - 1) // 10
    return math.isqrt(int(np.partition(parts, place)[place]))


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
    lowest, highest_ = ~highest(~paper, 3), highest(paper, 3)
    values = paper.clip(_DARKEST, None).astype(np.int32)
    return _Ground(lowest.astype(np.int32), highest_.astype(np.int32), values, int(values.max()))


def _floor(ground: _Ground, noise: int) -> Cells:
    """Return what all ink in each cell is stronger than."""
    # Six standard deviations of the noise, and what paper of its own differs by.
    floor: Cells = 17 * noise * ground.brightest // (32 * ground.even)
    return floor.clip(7 * max(ground.brightest, 64) // 100, None)


def _strongest(grey: Grey, paper: Paper, ground: _Ground) -> Cells:
    """Return what no ink in each cell is stronger than, wherever the paper there is brightest."""
    if paper.ink_is_dark:
        under = ground.highest
        differs = under - 255 + _by_cell(np.maximum, ~grey, paper.factor)
    else:
        under = ground.lowest
        differs = _by_cell(np.maximum, grey, paper.factor) - under
    strongest: Cells = differs * ground.brightest // under.clip(_DARKEST, None)
    return strongest


def _strength(grey: Grey, ground: Grey, paper: Paper) -> Grey:
    """Return how much pixels differ from the ground, in proportion to its brightness."""
    differs = np.maximum(grey, ground) - (grey if paper.ink_is_dark else ground)
    brightest = np.float32(max(_DARKEST, int(paper.small.max())))
    # No quotient of such small integers is so near the next integer that it is rounded to it.
    strength: Grey = (differs * brightest / ground.clip(_DARKEST, None)).clip(0, 255)
    return strength.astype(np.uint8)


def _least(peaks: Grey, ground: _Ground, floor: Cells) -> Grey:
    """Return the least strength of ink in each cell."""
    inked = np.sort(peaks[2 * peaks.astype(np.int32) > 3 * floor])
    typical = int(inked[7 * (len(inked) - 1) // 10]) if len(inked) else 0
    around = 3 * highest(peaks, _AROUND).astype(np.int32) // 10
    # Where the paper's brightness changes at once, it is known only to a cell.
    step = (ground.highest - ground.lowest) * ground.brightest // ground.even
    least = np.maximum(np.maximum(floor, around), 3 * step // 5)
    result: Grey = least.clip(3 * typical // 10, None).clip(0, 255).astype(np.uint8)
    return result


def _box(found: NDArray[np.bool_]) -> Box | None:
    """Return the box of the cells that were found and of those around; None if there are none."""
    rows, columns = (np.flatnonzero(found.any(axis=axis)).tolist() for axis in (1, 0))
    if not rows:
        return None
    return slice(max(0, rows[0] - 1), rows[-1] + 2), slice(max(0, columns[0] - 1), columns[-1] + 2)


def _by_cell(reduce: np.ufunc, values: Grey, factor: int, dtype: Any = None) -> NDArray[Any]:
    """Return one value for each cell; those at the end may have fewer pixels, as if of 0."""
    height, width = values.shape
    rows, columns = -(-height // factor), -(-width // factor)
    padded = np.zeros((rows * factor, columns * factor), np.uint8)
    padded[:height, :width] = values
    across = reduce.reduce(padded.reshape(rows, factor, -1), axis=1, dtype=dtype)
    cells: NDArray[Any] = reduce.reduce(across.reshape(rows, columns, factor), axis=2, dtype=dtype)
    return cells


def _averages(grey: Grey, factor: int) -> Grey:
    """Return the mean of each cell, to the nearest; those at the end may have fewer pixels."""
    sums = _by_cell(np.add, grey, factor, np.uint32)
    sides = (np.minimum(factor, side - np.arange(0, side, factor)) for side in grey.shape)
    counts = np.multiply.outer(*sides).astype(np.uint32)
    averages: Grey = ((sums + counts // 2) // counts).astype(np.uint8)
    return averages


def _in_between(cells: Grey, corner: tuple[int, int], shape: tuple[int, ...], factor: int) -> Grey:
    """Return a value for each pixel of a part of a picture from those of the cells around it."""
    values = cells.astype(np.uint16 if factor <= 128 else np.uint32)
    for axis in (0, 1):
        place = 2 * np.arange(corner[axis], corner[axis] + shape[axis]) + 1 + factor
        cell, part = place // (2 * factor) - 1, (place % (2 * factor)).astype(values.dtype)
        part = part[:, None] if axis == 0 else part
        before, after = (values.take(at, axis, mode="clip") for at in (cell, cell + 1))
        values = (before * (2 * factor - part) + after * part + factor) // (2 * factor)
    return values.astype(np.uint8)
