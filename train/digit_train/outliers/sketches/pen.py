"""A pen for sketches: strokes as points, put somewhere on the canvas, drawn unsteadily."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from digit_runtime.contract import PIXELS, SIDE, Pixels
from digit_runtime.inputs.mnist_form import centre
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Random = np.random.Generator
Path = NDArray[np.float64]
"""The points of one stroke, ``[n, 2]``: x to the right, y down, in any unit."""
Family = Callable[[Random], list[Path]]

CANVAS: Final = 4 * SIDE
"""Strokes are drawn four times larger, then reduced, so that their edges are grey."""
_CENTRED: Final = 0.3
_STEP: Final = 3.0


def sketch(random: Random, strokes: Sequence[Path], tilt: float) -> Pixels:
    """Draw strokes with some pen, somewhere, uint8 ``[784]``.

    Args:
        random: Of place, size, tilt, pen and hand.
        strokes: They are stretched to the canvas together.
        tilt: Degrees, the standard deviation.
    """
    canvas = Image.new("L", (CANVAS, CANVAS))
    pen = ImageDraw.Draw(canvas)
    uneven = random.random() < 0.3
    grey = 255 if random.random() < 0.8 else int(random.integers(110, 255))
    tremble = random.choice([0.0, 1.0, 2.5])
    placed = _placed(random, strokes, tilt)
    # A broader pen would leave a blot.
    widest = 0.16 * float(np.ptp(np.concatenate(placed), axis=0).max())
    width = min(3 + 12 * random.beta(1.3, 2), widest)
    for stroke in placed:
        path = _steps(stroke)
        path = path + tremble * _drift(random, len(path))
        if uneven:
            _brush(pen, path, width * np.exp(0.5 * _drift(random, len(path))[:, 0]), grey)
        else:
            pen.line(path.ravel().tolist(), grey, max(2, round(width)), joint="curve")
            _brush(pen, path[[0, -1]], np.full(2, width), grey)
    if random.random() < _CENTRED and np.asarray(canvas).max() > 0:
        # As digit-read brings a mark to MNIST's form.
        return centre(np.asarray(canvas)).reshape(PIXELS)
    return np.asarray(canvas.reduce(CANVAS // SIDE)).reshape(PIXELS)


def _placed(random: Random, strokes: Sequence[Path], tilt: float) -> list[Path]:
    """Stretch strokes to a box of random sides, turn them a little, and move them."""
    points = np.concatenate(strokes)
    low, span = points.min(axis=0), np.maximum(np.ptp(points, axis=0), 1e-6)
    long, ratio = random.uniform(44, 108), random.uniform(0.5, 1)
    sides = np.array([long, long * ratio])
    if random.random() < 0.6:
        sides = sides[::-1]
    # What is a level or an upright line stays one.
    sides = np.where(np.ptp(points, axis=0) < 0.02 * np.ptp(points), 0, sides)
    angle = np.radians(random.normal(0, tilt))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    slack = np.maximum(CANVAS - sides, 0) / 2
    middle = CANVAS / 2 + random.uniform(-0.8, 0.8, 2) * slack
    return [((stroke - low) / span - 0.5) * sides @ turn + middle for stroke in strokes]


def _steps(path: Path) -> Path:
    """Return points every few pixels of a path's length."""
    lengths = np.concatenate([[0], np.hypot(*np.diff(path, axis=0).T).cumsum()])
    count = max(2, int(lengths[-1] / _STEP) + 1)
    # The corners stay, so that they are sharp.
    at = np.union1d(np.linspace(0, lengths[-1], count), lengths)
    return np.stack([np.interp(at, lengths, axis) for axis in path.T], 1)


def _drift(random: Random, count: int) -> Path:
    """Return smooth noise of about unit size, ``[count, 2]``."""
    knots = np.linspace(0, 1, max(2, count // 8))
    noise = random.normal(size=(len(knots), 2))
    return np.stack([np.interp(np.linspace(0, 1, count), knots, axis) for axis in noise.T], 1)


def _brush(pen: ImageDraw.ImageDraw, path: Path, widths: NDArray[np.float64], grey: int) -> None:
    for (x, y), radius in zip(path.tolist(), (widths / 2).tolist(), strict=True):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=grey)
