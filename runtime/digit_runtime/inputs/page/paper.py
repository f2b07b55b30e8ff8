"""The paper under the ink: its brightness at every place, and which of both is brighter.

Grey-scale closing with a window wider than a stroke takes dark strokes away and keeps what is
wider: light that falls off, the edge of a shadow, a desk (Serra, Image Analysis and
Mathematical Morphology, 1982). It runs on a shrunken copy, where it costs next to nothing.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from digit_runtime.inputs.histogram import counts_of, quantiles
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
    wide, *narrow = (
        _closings(small, max(3, round(share * min(small.shape)))) for share in (_WINDOW, *_NARROWER)
    )
    shares = [share for pair in narrow if (share := _bright_around(small, pair)) is not None]
    certainty = max(min(shares), 1 - max(shares)) if shares else float(certain)
    if ink_is_dark is None:
        ink_is_dark = not shares or shares[-1] >= 0.5
    bright, dark = wide[0], ~wide[1]
    (contrast,) = quantiles(counts_of(bright - dark), 0.998)
    return Paper(bright if ink_is_dark else dark, factor, ink_is_dark, certainty, contrast)


def of_drawing(grey: Grey, factor: int) -> Paper | None:
    """Return the paper of what was drawn on a screen: one grey, its border's, all ink on one side.

    None for what light or a camera had a part in, which has to be estimated.
    """
    ground = grey[0, 0]
    if any((line != ground).any() for line in (grey[0], grey[-1], grey[:, 0], grey[:, -1])):
        return None
    counts, value = counts_of(grey), int(ground)
    dark = not any(counts[value + 1 :])
    if (not dark and any(counts[:value])) or counts[value] / grey.size < _DRAWN_ON:
        return None
    (strongest,) = quantiles(counts, 0.002 if dark else 0.998)
    shape = (-(-grey.shape[0] // factor), -(-grey.shape[1] // factor))
    return Paper(np.full(shape, ground), factor, dark, 1.0, abs(strongest - value))


def _closings(small: Grey, window: int) -> Grey:
    """Return the picture without its dark strokes, and the negative without its bright ones."""
    # What is dark along the border goes on outside: a desk, a lid, a corner in the shade.
    outer = _widened(small, window // 2 * 2)
    return ~_highest_within(~_highest_within(np.stack([outer, ~outer]), window), window)


def _bright_around(small: Grey, closings: Grey) -> float | None:
    """Return how much of what surrounds the ink is as bright as the brighter of both.

    Where there is ink, and in the holes between its strokes, both closings differ; right
    outside they agree on the paper. None where there is too little to tell.
    """
    span = closings[0] - ~closings[1]
    strongest = int(span.max())
    inked = span > max(_CONTRAST, strongest // 2)
    too_few = np.count_nonzero(inked) / inked.size < _LEAST_INK
    if too_few or 2 * strongest < int(np.ptp(small)):
        return None
    reach = max(5, round(_RING * max(small.shape)))
    # Right at the ink all is blurred.
    near = highest((span > max(_CONTRAST, strongest // 5)).view(np.uint8), 3).view(np.bool_)
    around = highest(inked.view(np.uint8), reach).view(np.bool_) & ~inked
    ring = around & ~near
    if 4 * np.count_nonzero(ring) < np.count_nonzero(around):
        ring = around
    if not ring.any():
        return None
    both = highest(closings * inked, reach + 2)[:, ring]
    middle = (both[0].astype(np.int16) + ~both[1]) // 2
    # NumPy 2.4 counts in numbers of its own, which JSON does not know.
    return int(np.count_nonzero(small[ring] > middle)) / len(middle)


def highest(values: Grey, window: int) -> Grey:
    """Return the highest value of the square window around each; ``[..., H, W]``.

    Outside counts for nothing.
    """
    return _highest_within(_widened(values, window // 2), window)


def _widened(values: Grey, by: int) -> Grey:
    """Return ``[..., H, W]`` with its border repeated outside, so many times."""
    for axis in (-2, -1):
        places = np.arange(-by, values.shape[axis] + by)
        values = values.take(places, axis, mode="clip")
    return values


def _highest_within(values: Grey, window: int) -> Grey:
    """Return the highest value of each square window within ``[..., H, W]``.

    Windows of a power of two come from two of half the size, so the work grows with the
    logarithm of the window.
    """
    total = window // 2 * 2 + 1
    for axis in (-2, -1):
        covered = 1
        while covered < total:
            step = min(covered, total - covered)
            behind, ahead = slice(None, -step), slice(step, None)
            if axis == -2:
                values = np.maximum(values[..., behind, :], values[..., ahead, :])
            else:
                values = np.maximum(values[..., behind], values[..., ahead])
            covered += step
    return values
