"""The ink on the paper: how much each pixel differs from it, and which pixels are ink."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.inputs.mnist_form import Grey
from digit_runtime.inputs.page.blocks import by_cell
from digit_runtime.inputs.page.paper import Paper, find_paper

if TYPE_CHECKING:
    from PIL import Image

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]

# A pixel is ink from this share of the strongest ink around it; half-way up a blurred edge
# would cut thin ends off.
_EDGE: Final = 0.4
# ... and from this share of the page's typical ink, which printed rules seldom reach.
_PAGE: Final = 0.3
# ... and from this many standard deviations of the noise.
_ABOVE_NOISE: Final = 6.0
# ... and from this share of the paper's brightness.
_FAINTEST: Final = 0.07
# The noise that may remain, as a share of the ink's contrast; more is blurred away.
_NOISE_SHARE: Final = 1 / 11
_WIDEST_BLUR: Final = 2.5
# ... and from this share of the step where a sheet ends.
_STEP: Final = 0.6
_CELL: Final = 8
# How far ink makes other ink near it look faint, as a share of the picture's longer side.
_AROUND: Final = 0.05


@dataclass(frozen=True)
class Ink:
    """The ink of a picture.

    Attributes:
        strength: How much each pixel differs from the paper, uint8 ``[H, W]``.
        mask: Which pixels are ink, bool ``[H, W]``.
        paper: The paper under it.
    """

    strength: Grey
    mask: Mask
    paper: Paper


def find_ink(image: "Image.Image", ink_is_dark: bool | None = None) -> Ink:
    """Return the ink of a grey image (mode L)."""
    from PIL import Image, ImageChops, ImageFilter

    paper = find_paper(image, ink_is_dark)
    noise = _noise(np.asarray(image))
    typical = float(np.quantile(noise, 0.3))
    radius = blur_radius(typical, paper.contrast)
    if radius:
        image = image.filter(ImageFilter.GaussianBlur(radius))
        noise /= max(1.0, 3.54 * radius)
        paper = find_paper(image, ink_is_dark)
    ground = Image.fromarray(paper.small).resize(
        image.size,
        Image.Resampling.BILINEAR,
        box=(0, 0, image.width / paper.factor, image.height / paper.factor),
    )
    pair = (ground, image) if paper.ink_is_dark else (image, ground)
    strength = np.asarray(ImageChops.subtract(*pair))
    least = _least(strength, np.asarray(ground), noise)
    threshold = Image.fromarray(least).resize(
        image.size,
        Image.Resampling.BILINEAR,
        box=(0, 0, image.width / _CELL, image.height / _CELL),
    )
    return Ink(strength, strength > np.asarray(threshold), paper)


def blur_radius(noise: float, contrast: float) -> float:
    """Return how much a picture with this noise has to be blurred for its ink; 0 for not at all."""
    radius = min(_WIDEST_BLUR, noise / (3.54 * _NOISE_SHARE * max(1.0, contrast)))
    return radius if radius > 0.4 else 0.0


def _noise(grey: Grey) -> Floats:
    """Return the standard deviation of the noise in up to 8x8 parts of the picture.

    Neighbours differ by noise and by strokes; a third of a part's cells has no stroke.
    """
    rows = grey[:: max(1, len(grey) // 240)]
    steps = np.diff(rows.astype(np.int16), axis=1)
    cell = 16
    height, width = (min(8, max(1, side // 64)) for side in grey.shape)
    down, right = len(rows) // height, steps.shape[1] // (width * cell)
    if not down or not right:
        return np.zeros((1, 1), np.float32)
    # A dithered picture has rows without dots.
    together = 4 if down >= 16 else 1
    down = down // together
    steps = steps[: down * together * height, : right * width * cell]
    squares = np.square(steps, dtype=np.float32).reshape(height * down, together, -1, cell)
    energy = squares.mean(axis=(1, 3))
    parts = energy.reshape(height, down, width, right).swapaxes(1, 2).reshape(height, width, -1)
    result: Floats = np.sqrt(np.quantile(parts, 0.3, axis=2) / 2).astype(np.float32)
    return result


def _least(strength: Grey, ground: Grey, noise: Floats) -> Grey:
    """Return the least strength of ink, one value per cell of the picture."""
    height, width = strength.shape
    rows, columns = -(-height // _CELL), -(-width // _CELL)
    peaks = by_cell(np.maximum, strength, _CELL).astype(np.float32)
    paper = np.asarray(ground[::_CELL, ::_CELL], np.float32)
    floor = np.maximum(
        _ABOVE_NOISE * _spread(noise, rows, columns), _FAINTEST * np.maximum(paper, 64)
    )
    reach = max(3, round(_AROUND * max(height, width) / _CELL))
    local = _around(peaks, reach)
    relative = peaks / np.maximum(paper, 32)
    inked = peaks > 1.5 * floor
    typical = float(np.quantile(relative[inked], 0.7)) if inked.any() else 0.0
    # Where the paper ends, its brightness is known only to a pixel of the shrunken copy.
    step = _around(paper, 1) + _around(-paper, 1)
    least = np.maximum(np.maximum(floor, _EDGE * local), _PAGE * typical * paper)
    least = np.maximum(least, _STEP * step)
    result: Grey = np.rint(np.minimum(least, 255)).astype(np.uint8)
    return result


def _spread(values: Floats, rows: int, columns: int) -> Floats:
    down = np.arange(rows) * values.shape[0] // rows
    right = np.arange(columns) * values.shape[1] // columns
    result: Floats = values[np.ix_(down, right)]
    return result


def _around(values: Floats, reach: int) -> Floats:
    for axis in (0, 1):
        padding = [(0, 0), (0, 0)]
        padding[axis] = (reach, reach)
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(values, padding, mode="edge"), 2 * reach + 1, axis=axis
        )
        values = windows.max(axis=-1)
    return values
