"""What cameras, pens and scanners do to digits, and what other people's hands do.

Each row gets at most one of it. A teacher sees the digit before, a student after.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from digit_runtime.contract import PIXELS, SIDE, Pixels
from numpy.typing import NDArray

Random = np.random.Generator
Images = NDArray[np.float32]


def turned(random: Random, images: Images) -> Images:
    """By up to 32 degrees either way, bilinearly."""
    angle = np.radians(random.uniform(-32, 32, (len(images), 1, 1)))
    axis = np.arange(SIDE) - (SIDE - 1) / 2
    y, x = np.meshgrid(axis, axis, indexing="ij")
    from_y = np.cos(angle) * y + np.sin(angle) * x + (SIDE - 1) / 2
    from_x = np.cos(angle) * x - np.sin(angle) * y + (SIDE - 1) / 2
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    from_y, from_x = (np.clip(part + 1, 0, SIDE + 0.99) for part in (from_y, from_x))
    top, left = from_y.astype(int), from_x.astype(int)
    down, right = from_y - top, from_x - left
    row = np.arange(len(images))[:, None, None]
    mixed = (padded[row, top, left] * (1 - right) + padded[row, top, left + 1] * right) * (1 - down)
    mixed += (
        padded[row, top + 1, left] * (1 - right) + padded[row, top + 1, left + 1] * right
    ) * down
    result: Images = mixed.astype(np.float32)
    return result


def moved(random: Random, images: Images) -> Images:
    """By 2 pixels at most along each axis."""
    result = np.zeros_like(images)
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    for index, (y, x) in enumerate(random.integers(0, 5, (len(images), 2))):
        result[index] = padded[index, y : y + SIDE, x : x + SIDE]
    return result


def thick(random: Random, images: Images) -> Images:
    """A broad pen: partly the brightest of each pixel's 3x3 neighbours."""
    return _pen(random, images, np.maximum)


def thin(random: Random, images: Images) -> Images:
    """A thin pen: partly the darkest of each pixel's 3x3 neighbours."""
    return _pen(random, images, np.minimum)


def noisy(random: Random, images: Images) -> Images:
    """Gaussian noise of 5 to 60 grey levels."""
    sigma = random.uniform(5, 60, (len(images), 1, 1)).astype(np.float32)
    return images + sigma * random.standard_normal(images.shape, np.float32)


def faint(random: Random, images: Images) -> Images:
    """Ink of 20 to 80 % strength, half of it on a ground that is not quite black."""
    ink = random.uniform(0.2, 0.8, (len(images), 1, 1)).astype(np.float32)
    ground = random.uniform(0, 40, (len(images), 1, 1)) * (random.random((len(images), 1, 1)) < 0.5)
    result: Images = np.maximum(images * ink, ground.astype(np.float32))
    return result


def coarse(random: Random, images: Images) -> Images:
    """As from a camera of few pixels: averaged over 2x2 to 3x3 pixels, then enlarged."""
    result = np.empty_like(images)
    cells = random.integers(8, 13, len(images))
    for count in np.unique(cells):
        chosen = cells == count
        down = _resizing(SIDE, int(count))
        up = _resizing(int(count), SIDE)
        result[chosen] = up @ (down @ images[chosen] @ down.T) @ up.T
    bright: Images = result * (255 / np.maximum(result.max(axis=(1, 2), keepdims=True), 64))
    return bright


SHARES: Final[dict[Callable[[Random, Images], Images], float]] = {
    turned: 0.09,
    moved: 0.03,
    thick: 0.03,
    thin: 0.03,
    noisy: 0.06,
    faint: 0.04,
    coarse: 0.05,
}
"""The share of rows that each happens to; the others stay as they are."""


def spoil(random: Random, pixels: Pixels, strength: float = 1.0) -> Pixels:
    """Return uint8 ``[N, 784]`` of which `SHARES` times `strength` is spoiled."""
    result = pixels.copy()
    order = random.permutation(len(pixels))
    start = 0
    for change, share in SHARES.items():
        rows = order[start : start + round(strength * share * len(pixels))]
        start += len(rows)
        if len(rows):
            images = pixels[rows].reshape(-1, SIDE, SIDE).astype(np.float32)
            changed = np.clip(np.rint(change(random, images)), 0, 255)
            result[rows] = changed.astype(np.uint8).reshape(-1, PIXELS)
    return result


def _pen(random: Random, images: Images, extreme: Callable[[Images, Images], Images]) -> Images:
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    found = images
    for y in range(3):
        for x in range(3):
            found = extreme(found, padded[:, y : y + SIDE, x : x + SIDE])
    share = random.uniform(0.3, 1, (len(images), 1, 1)).astype(np.float32)
    if extreme is np.minimum:
        # All of it would leave nothing of thin strokes.
        share *= 0.6
    return images + share * (found - images)


def _resizing(old: int, new: int) -> Images:
    """Return ``[new, old]`` that resizes by a triangle filter."""
    scale = old / new
    middles = (np.arange(new) + 0.5) * scale - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(old) - middles[:, None]) / max(scale, 1.0))
    result: Images = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return result
