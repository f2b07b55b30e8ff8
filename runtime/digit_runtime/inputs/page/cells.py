"""The ink of a picture of one digit, by the paper's brightness in at most 32x32 cells.

One digit needs no finer grid, and a microcontroller has room for no other: digit-export's
digit_ground.c does the same, in integers and by the same rules, so that both read the same. A sheet
full of digits has strokes too near for such cells; `ink` is for those.
"""

from typing import TYPE_CHECKING, Final

import numpy as np

from digit_runtime.inputs.mnist_form import Grey
from digit_runtime.inputs.page.ink import Ink, blur_radius
from digit_runtime.inputs.page.paper import Paper, estimate, highest, lowest, of_drawing

if TYPE_CHECKING:
    from PIL import Image

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


def find_ink_of_one(image: "Image.Image", ink_is_dark: bool | None = None) -> Ink:
    """Return the ink of one digit in a grey image (mode L).

    Its strength is as if all paper were as bright as the brightest: in the shade ink differs
    from paper by less, in proportion.
    """
    from PIL import ImageFilter

    factor = -(-max(image.size) // _CELLS)
    noise = _noise(np.asarray(image))
    paper = _paper(np.asarray(image), factor, ink_is_dark)
    radius = blur_radius(noise / _ROOT, paper.contrast)
    if radius:
        image = image.filter(ImageFilter.GaussianBlur(radius))
        noise = round(noise / max(1.0, 3.54 * radius))
        paper = _paper(np.asarray(image), factor, ink_is_dark)
    grey = np.asarray(image)
    ground = _in_between(paper.small, grey.shape, factor).astype(np.int32)
    brightest = max(_DARKEST, int(paper.small.max()))
    differs = ground - grey if paper.ink_is_dark else grey - ground
    strength = np.maximum(differs, 0) * brightest // np.maximum(ground, _DARKEST)
    strength = np.minimum(strength, 255).astype(np.uint8)
    least = _least(_peaks(strength, factor), paper.small, noise)
    return Ink(strength, strength > _in_between(least, grey.shape, factor), paper)


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
    steps = np.diff(rows[: down * _ROWS, : right * _COLUMNS + 1].astype(np.int32), axis=1)
    squares = np.square(steps).reshape(down, _ROWS, right, _COLUMNS).sum(axis=(1, 3)).reshape(-1)
    place = 3 * (len(squares) - 1) // 10
    return int(np.sqrt(np.partition(squares, place)[place]))


def _least(peaks: Grey, paper: Grey, noise: int) -> Grey:
    """Return the least strength of ink in each cell."""
    ground = np.maximum(paper, _DARKEST).astype(np.int32)
    brightest = int(ground.max())
    # Six standard deviations of the noise, and what paper of its own differs by.
    floor = np.maximum(17 * noise * brightest // (32 * ground), 7 * max(brightest, 64) // 100)
    inked = np.sort(peaks[2 * peaks.astype(np.int32) > 3 * floor])
    typical = int(inked[7 * (len(inked) - 1) // 10]) if len(inked) else 0
    around = 3 * highest(peaks, _AROUND).astype(np.int32) // 10
    # Where the paper's brightness changes at once, it is known only to a cell.
    step = (highest(paper, 3).astype(np.int32) - lowest(paper, 3)) * brightest // ground
    least = np.maximum.reduce(
        [floor, around, np.full_like(floor, 3 * typical // 10), 3 * step // 5]
    )
    result: Grey = np.minimum(least, 255).astype(np.uint8)
    return result


def _peaks(strength: Grey, factor: int) -> Grey:
    height, width = strength.shape
    rows, columns = -(-height // factor), -(-width // factor)
    padded = np.pad(strength, ((0, rows * factor - height), (0, columns * factor - width)))
    peaks: Grey = padded.reshape(rows, factor, columns, factor).max(axis=(1, 3))
    return peaks


def _averages(grey: Grey, factor: int) -> Grey:
    """Return the mean of each cell, to the nearest; those at the end may have fewer pixels."""
    starts = [np.arange(0, side, factor) for side in grey.shape]
    rows = np.add.reduceat(grey, starts[0], axis=0, dtype=np.uint32)
    sums = np.add.reduceat(rows, starts[1], axis=1)
    sides = [np.diff(at, append=side) for at, side in zip(starts, grey.shape, strict=True)]
    counts = np.multiply.outer(*sides).astype(np.uint32)
    return ((sums + counts // 2) // counts).astype(np.uint8)


def _in_between(cells: Grey, shape: tuple[int, ...], factor: int) -> Grey:
    """Return a value for each pixel of a picture from those of the cells around it."""
    values = cells.astype(np.int32)
    for axis in (0, 1):
        place = 2 * np.arange(shape[axis], dtype=np.int32) + 1 + factor
        cell, part = place // (2 * factor) - 1, place % (2 * factor)
        part = part[:, None] if axis == 0 else part
        last = cells.shape[axis] - 1
        before, after = (values.take(np.clip(at, 0, last), axis) for at in (cell, cell + 1))
        values = (before * (2 * factor - part) + after * part + factor) // (2 * factor)
    return values.astype(np.uint8)
