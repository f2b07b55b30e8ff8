"""The paper under the ink: its brightness at every place, and which of both is brighter.

Grey-scale closing with a window wider than a stroke takes dark strokes away and keeps what is
wider: light that falls off, the edge of a shadow, a desk (Serra, Image Analysis and
Mathematical Morphology, 1982). It runs on a shrunken copy, where it costs next to nothing.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from digit_runtime.inputs.mnist_form import Grey

if TYPE_CHECKING:
    from PIL import Image


# The longest side of the shrunken copy, in pixels.
_SMALL: Final = 360
# Shrinking by this takes the noise away.
_AVERAGED: Final = 4
# The window, as a share of the picture's shorter side: wider than the stroke of one digit
# that fills a picture, narrower than the shadow of a hand.
_WINDOW: Final = 0.32
# Those that tell which side is ink: a wide one fills a text on a sheet, a narrow one sees only
# the holes of a bold digit.
_NARROWER: Final = (0.04, 0.17)
# The share of a drawing that has the grey of its border.
_DRAWN_ON: Final = 0.6
# Differences up to this are JPEG's and the camera's.
_CONTRAST: Final = 16
# Less of a picture than this share says nothing about which side is ink.
_LEAST_INK: Final = 0.002
# How far around the ink its ground is looked at, as a share of the longer side.
_RING: Final = 0.03


@dataclass(frozen=True)
class Paper:
    """The paper of a picture.

    Attributes:
        small: Its brightness where there is no ink, uint8, on a copy shrunk by `factor`.
        factor: How many pixels of the picture one of `small` stands for, along a side.
        ink_is_dark: Whether the ink is darker than the paper.
        certainty: From 0 to 1, how clearly; below 0.5 the scales contradict each other.
        contrast: How much the strongest ink differs from it.
    """

    small: Grey
    factor: int
    ink_is_dark: bool
    certainty: float
    contrast: float


def find_paper(image: "Image.Image", ink_is_dark: bool | None = None) -> Paper:
    """Estimate the paper's brightness of a grey image; None finds out which is darker."""
    from PIL import ImageFilter

    factor = max(1, round(max(image.size) / _SMALL))
    drawing = of_drawing(np.asarray(image), factor)
    if drawing and ink_is_dark in (None, drawing.ink_is_dark):
        return drawing
    shrunk = image.reduce(factor)
    if factor < _AVERAGED:
        # The closing takes the brightest of the noise for the paper.
        shrunk = shrunk.filter(ImageFilter.GaussianBlur(1))
    return estimate(np.asarray(shrunk), factor, ink_is_dark)


def estimate(
    small: Grey, factor: int, ink_is_dark: bool | None = None, *, certain: bool = True
) -> Paper:
    """Estimate the paper under a picture that is shrunken by `factor`, uint8 ``[H, W]``.

    `certain` is whether the ink is taken to be dark, and no more is asked, where nothing tells.
    """
    window = max(3, round(_WINDOW * min(small.shape)))
    bright, dark = _closings(small, window)
    windows = [max(3, round(share * min(small.shape))) for share in _NARROWER]
    shares = [
        share
        for narrow in windows
        if (share := _bright_around(small, *_closings(small, narrow))) is not None
    ]
    certainty = max(min(shares), 1 - max(shares)) if shares else float(certain)
    if ink_is_dark is None:
        ink_is_dark = not shares or shares[-1] >= 0.5
    contrast = float(np.quantile(bright - dark, 0.998))
    ground = np.ascontiguousarray(bright if ink_is_dark else dark)
    return Paper(ground, factor, ink_is_dark, certainty, contrast)


def of_drawing(grey: Grey, factor: int) -> Paper | None:
    """Return the paper of what was drawn on a screen: one grey, its border's, all ink on one side.

    None for what light or a camera had a part in, which has to be estimated.
    """
    ground = grey[0, 0]
    if any((line != ground).any() for line in (grey[0], grey[-1], grey[:, 0], grey[:, -1])):
        return None
    dark = bool((grey <= ground).all())
    if (not dark and (grey < ground).any()) or (grey == ground).mean() < _DRAWN_ON:
        return None
    contrast = abs(float(np.quantile(grey, 0.002 if dark else 0.998)) - float(ground))
    shape = (-(-grey.shape[0] // factor), -(-grey.shape[1] // factor))
    return Paper(np.full(shape, ground), factor, dark, 1.0, contrast)


def _closings(small: Grey, window: int) -> tuple[Grey, Grey]:
    """Return the picture without its dark strokes, and without its bright ones."""
    # What is dark along the border goes on outside: a desk, a lid, a corner in the shade.
    outer = np.pad(small, window, mode="edge")
    inner = (slice(window, -window), slice(window, -window))
    return (
        lowest(highest(outer, window), window)[inner],
        highest(lowest(outer, window), window)[inner],
    )


def _bright_around(small: Grey, bright: Grey, dark: Grey) -> float | None:
    """Return how much of what surrounds the ink is as bright as the brighter of both.

    Where there is ink, and in the holes between its strokes, both closings differ; right
    outside they agree on the paper. None where there is too little to tell.
    """
    span = bright - dark
    strongest = int(span.max())
    inked = span > max(_CONTRAST, strongest // 2)
    if inked.mean() < _LEAST_INK or 2 * strongest < int(np.ptp(small)):
        return None
    reach = max(5, round(_RING * max(small.shape)))
    # Right at the ink all is blurred.
    near = highest((span > max(_CONTRAST, strongest // 5)).astype(np.uint8), 3)
    around = highest(inked.astype(np.uint8), reach).astype(np.bool_) & ~inked
    ring = around & ~near.astype(np.bool_)
    if 4 * ring.sum() < around.sum():
        ring = around
    if not ring.any():
        return None
    brighter = highest(np.where(inked, bright, 0).astype(np.uint8), reach + 2)[ring]
    darker = lowest(np.where(inked, dark, 255).astype(np.uint8), reach + 2)[ring]
    middle = (brighter.astype(np.int16) + darker) // 2
    return float((small[ring] > middle).mean())


def highest(values: Grey, window: int) -> Grey:
    """Return the highest value of the square window around each."""
    return _running(values, window, np.maximum)


def lowest(values: Grey, window: int) -> Grey:
    """Return the lowest value of the square window around each."""
    return _running(values, window, np.minimum)


def _running(values: Grey, window: int, pick: "np.ufunc") -> Grey:
    """Return the extreme of a square window around each pixel; outside counts for nothing.

    Windows of a power of two come from two of half the size, so the work grows with the
    logarithm of the window.
    """
    half = window // 2
    for axis in (0, 1):
        length = values.shape[axis]
        reach = min(half, length - 1)
        padding = [(0, 0), (0, 0)]
        padding[axis] = (reach, reach)
        line = np.moveaxis(np.pad(values, padding, mode="edge"), axis, 0)
        total, covered = 2 * reach + 1, 1
        while covered < total:
            step = min(covered, total - covered)
            line = pick(line[:-step], line[step:])
            covered += step
        values = np.moveaxis(line, 0, axis)
    return np.ascontiguousarray(values)
