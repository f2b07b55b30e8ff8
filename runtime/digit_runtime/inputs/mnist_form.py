"""From the ink of one digit to MNIST's form, as its authors describe it.

The ink is scaled to fit 20x20 pixels, its aspect ratio kept and its edges anti-aliased,
and put into a field of 28x28 with its centre of mass in the middle (LeCun, Cortes and
Burges, The MNIST database of handwritten digits).
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.contract import SIDE
from digit_runtime.errors import PixelsError

Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]

BOX: Final = 20
# Where MNIST's digits have their centre of mass, in pixel indices: all 70,000 within half
# a pixel, since they were moved by whole pixels.
CENTRE: Final = 14
# Differences from the ground up to this are noise of the paper, the camera or JPEG.
_FAINT: Final = 25
# A digit ends where its ink is this share of the darkest: half-way down a blurred edge
# would cut thin ends off.
_EDGE: Final = 0.25


def centre(grey: Grey) -> Grey:
    """Bring a grey image of one digit, uint8 ``[H, W]``, into MNIST's form, ``[28, 28]``.

    The ground is the grey of the outermost pixels (their median), and ink is what differs
    from it, darker or lighter, whichever differs more. An image of 28x28 pixels that has
    MNIST's form already is returned as it is, but light on dark: its ink fits 20x20
    without room to grow, with its centre of mass within a pixel of MNIST's.

    Raises:
        PixelsError: Another shape or dtype, or no ink: everything is nearly one grey.
    """
    if grey.ndim != 2 or grey.dtype != np.uint8 or not grey.size:
        raise PixelsError(f"expected uint8 [H, W], not {grey.dtype} {list(grey.shape)}")
    ink = _ink(grey)
    peak = int(ink.max())
    if peak <= _FAINT:
        raise PixelsError("has no ink: all its pixels have nearly the same grey")
    if _has_mnist_form(ink):
        return ink
    return fitted(ink[_box(ink > _EDGE * peak)])


def mnist_form(grey: Grey) -> Grey | None:
    """Return a grey image that has MNIST's form already, light on dark; None for others."""
    ink = _ink(grey)
    return ink if int(ink.max()) > _FAINT and _has_mnist_form(ink) else None


def fitted(ink: Grey) -> Grey:
    """Scale ink to 20x20 at most and put its centre of mass into the middle of 28x28."""
    height, width = (max(1, round(BOX * side / max(ink.shape))) for side in ink.shape)
    digit = _weights(ink.shape[0], height) @ ink.astype(np.float32)
    digit = digit @ _weights(ink.shape[1], width).T
    # Thin strokes would fade; MNIST's are white in the middle.
    digit *= 255 / max(1e-6, float(digit.max()))
    field = np.zeros((SIDE, SIDE), np.uint8)
    corner = np.rint(CENTRE - _centre_of_mass(digit)).astype(int)
    y, x = np.clip(corner, 0, (SIDE - height, SIDE - width))
    field[y : y + height, x : x + width] = np.rint(digit)
    return field


def _ink(grey: Grey) -> Grey:
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ground = int(np.median(border))
    if ground - int(grey.min()) > int(grey.max()) - ground:
        return np.uint8(ground) - np.minimum(grey, ground).astype(np.uint8)
    return np.maximum(grey, ground).astype(np.uint8) - np.uint8(ground)


def _has_mnist_form(ink: Grey) -> bool:
    if ink.shape != (SIDE, SIDE):
        return False
    longest = max(ink[_box(ink > _FAINT)].shape)
    off_centre = np.abs(_centre_of_mass(ink) - CENTRE).max()
    return BOX - 2 <= longest <= BOX and bool(off_centre <= 1)


def _box(marked: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(marked.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _centre_of_mass(ink: Floats | Grey) -> NDArray[np.float64]:
    total = max(1e-6, float(ink.sum(dtype=np.float64)))
    return np.array(
        [
            ink.sum(axis=1 - axis, dtype=np.float64) @ np.arange(length) / total
            for axis, length in enumerate(ink.shape)
        ]
    )


@lru_cache(maxsize=512)
def _weights(old: int, new: int) -> Floats:
    """Return ``[new, old]`` that resizes by a triangle filter, as Pillow's BILINEAR does."""
    scale = old / new
    middles = (np.arange(new) + 0.5) * scale - 0.5
    distance = np.abs(np.arange(old) - middles[:, None]) / max(scale, 1.0)
    weights = np.maximum(0, 1 - distance)
    normalised: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised
