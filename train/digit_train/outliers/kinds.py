"""The kinds of nothing to train with: seeded generators, one function a kind.

Outlier exposure: Hendrycks, Mazeika and Dietterich, "Deep Anomaly Detection with Outlier
Exposure" (ICLR 2019). Each function returns uint8 ``[count, 784]``. What a kind could
draw that is a digit to somebody (one upright line, an O) it leaves out.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from digit_runtime.contract import PIXELS, SIDE, Labels, Pixels
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Random = np.random.Generator
_FINE: Final = 4
"""Strokes are drawn this many times larger, then reduced, so that their edges are grey."""


def drawn(draw: Callable[[ImageDraw.ImageDraw], None]) -> Pixels:
    """Return what `draw` paints on a canvas of 112x112, reduced to uint8 ``[784]``."""
    canvas = Image.new("L", (SIDE * _FINE, SIDE * _FINE))
    draw(ImageDraw.Draw(canvas))
    return np.asarray(canvas.reduce(_FINE)).reshape(PIXELS)


def scribbles(random: Random, count: int) -> Pixels:
    """Smooth curves through 6 to 14 random points."""

    def draw(pen: ImageDraw.ImageDraw) -> None:
        points = random.uniform(14, 98, (random.integers(6, 15), 2))
        at = np.linspace(0, len(points) - 1, 160)
        # A spline would do as well; a smoothed polyline needs no scipy.
        path = np.stack([np.interp(at, np.arange(len(points)), axis) for axis in points.T], 1)
        kernel = np.hanning(27) / np.hanning(27).sum()
        smooth = np.stack([np.convolve(axis, kernel, "valid") for axis in path.T], 1)
        width = int(random.integers(6, 15))
        pen.line([tuple(p) for p in smooth], fill=255, width=width, joint="curve")

    return _stack(draw, count)


def frames(random: Random, count: int) -> Pixels:
    """Boxes, grids and level rules."""

    def draw(pen: ImageDraw.ImageDraw) -> None:
        width = int(random.integers(3, 13))
        low, high = random.uniform(0, 34, 2), random.uniform(74, 111, 2)
        lines = random.integers(1, 6)
        match random.integers(4):
            case 0 | 1:
                pen.rectangle((*low, *high), outline=255, width=width)
            case 2:
                for y in np.sort(random.uniform(10, 100, lines)):
                    pen.line((low[0], y, high[0], y + random.normal(0, 3)), 255, width)
            case _:
                steps = np.linspace(0, 1, random.integers(3, 6))
                for x, y in (low + step * (high - low) for step in steps):
                    pen.line((x, low[1], x, high[1]), 255, width)
                    pen.line((low[0], y, high[0], y), 255, width)

    return _stack(draw, count)


def blots(random: Random, count: int) -> Pixels:
    """One to four filled blobs with uneven edges."""

    def draw(pen: ImageDraw.ImageDraw) -> None:
        for _ in range(random.integers(1, 5)):
            angles = np.linspace(0, 2 * math.pi, 24, endpoint=False)
            radius = random.uniform(10, 38) * (1 + 0.25 * random.normal(size=24))
            middle = random.uniform(28, 84, 2)
            ring = middle + np.stack([np.cos(angles), np.sin(angles)], 1) * radius[:, None]
            pen.polygon([tuple(p) for p in ring], fill=int(random.integers(120, 256)))

    return _stack(draw, count)


def noise(random: Random, count: int) -> Pixels:
    """Gaussian noise and black-and-white dots, of several grains and strengths."""
    grain = random.choice([1, 2, 4], count)
    sizes = {1: SIDE, 2: SIDE // 2, 4: SIDE // 4}
    result: NDArray[np.float64] = np.empty((count, SIDE, SIDE))
    for index, cells in enumerate(sizes[int(g)] for g in grain):
        if random.random() < 0.5:
            middle, strength = random.uniform(0, 160), random.uniform(20, 120)
            field: NDArray[np.float64] = middle + random.normal(0, strength, (cells, cells))
        else:
            field = np.where(random.random((cells, cells)) < random.uniform(0.05, 0.7), 255.0, 0.0)
        result[index] = np.kron(field, np.ones((SIDE // cells,) * 2))
    return _grey(result)


def blanks(random: Random, count: int) -> Pixels:
    """One grey, or one that goes evenly over into another."""
    ends = random.uniform(0, 256, (count, 2, 1))
    ends[: count // 2, 1] = ends[: count // 2, 0]
    ends[: count // 4] = 0
    ramp = np.linspace(0, 1, SIDE)
    fields = (ends[:, :1] * (1 - ramp) + ends[:, 1:] * ramp) * np.ones((count, SIDE, SIDE))
    turned = random.random(count) < 0.5
    fields[turned] = fields[turned].transpose(0, 2, 1)
    return _grey(fields)


def textures(random: Random, count: int) -> Pixels:
    """Clouds with a spectrum like that of photographs, half of them over overlapping leaves."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    frequency[0, 0] = 1 / SIDE
    result = np.empty((count, SIDE, SIDE))
    for index in range(count):
        spectrum = np.fft.fft2(random.normal(size=(SIDE, SIDE)))
        cloud = np.fft.ifft2(spectrum / frequency ** random.uniform(0.5, 2.2)).real
        cloud = (cloud - cloud.mean()) / cloud.std()
        field = random.uniform(30, 220) + random.uniform(15, 70) * cloud
        if random.random() < 0.5:
            leaves = Image.new("L", (SIDE, SIDE), int(random.integers(256)))
            pen = ImageDraw.Draw(leaves)
            for _ in range(random.integers(4, 20)):
                (x, y), size = random.uniform(-6, 30, 2), random.uniform(3, 16, 2)
                shape = pen.ellipse if random.random() < 0.5 else pen.rectangle
                shape((x, y, x + size[0], y + size[1]), fill=int(random.integers(256)))
            field = np.asarray(leaves) + 0.3 * (field - field.mean())
        result[index] = field
    return _grey(result)


def side_by_side(random: Random, count: int, pixels: Pixels, labels: Labels) -> Pixels:
    """Two narrow digits beside each other, or two flat ones on top of each other."""
    pairs = random.integers(len(pixels), size=(count, 2))
    result = np.zeros((count, SIDE, SIDE), np.uint8)
    for index, pair in enumerate(pairs):
        long, short = int(random.integers(20, 29)), int(random.integers(13, 18))
        field = Image.new("L", (SIDE, SIDE))
        upright = random.random() < 0.7
        for place, row in enumerate(pair):
            digit = Image.fromarray(pixels[row].reshape(SIDE, SIDE))
            shift = place * (SIDE - short) + int(random.integers(-1, 2))
            across = (SIDE - long) // 2
            size, corner = (
                ((short, long), (shift, across)) if upright else ((long, short), (across, shift))
            )
            part = digit.resize(size, Image.Resampling.BILINEAR)
            field.paste(part, corner)
        result[index] = np.asarray(field)
    return result.reshape(count, PIXELS)


def overlaid(random: Random, count: int, pixels: Pixels, labels: Labels) -> Pixels:
    """Two different digits through each other; no 1, which would vanish in the other."""
    usable = np.flatnonzero(labels != 1)
    pairs = random.choice(usable, (4 * count, 2))
    pairs = pairs[labels[pairs[:, 0]] != labels[pairs[:, 1]]][:count]
    right = np.roll(pixels[pairs[:, 1]].reshape(-1, SIDE, SIDE), random.integers(-4, 5), 2)
    result: Pixels = np.maximum(pixels[pairs[:, 0]], right.reshape(-1, PIXELS))
    return result


def broken(random: Random, count: int, pixels: Pixels, labels: Labels) -> Pixels:
    """An upper and a lower half, of two digits, moved apart by 5 to 9 pixels."""
    upper, lower = random.integers(len(pixels), size=(2, count))
    shifts = random.integers(5, 10, count) * random.choice([-1, 1], count)
    result: Pixels = pixels[upper].reshape(-1, SIDE, SIDE).copy()
    other = pixels[lower].reshape(-1, SIDE, SIDE)
    for index, shift in enumerate(shifts):
        result[index, SIDE // 2 :] = np.roll(other[index, SIDE // 2 :], shift, 1)
        result[index] = np.roll(result[index], -shift // 2, 1)
        if random.random() < 0.3:
            result[index] = result[index].T
    flat: Pixels = result.reshape(count, PIXELS)
    return flat


def pieces(random: Random, count: int, pixels: Pixels, labels: Labels) -> Pixels:
    """A third to a half of a digit's ink, on one side of a line; no 1, whose half is a 1."""
    rows = random.choice(np.flatnonzero(labels != 1), count)
    angles = random.uniform(0, 2 * math.pi, count)[:, None]
    axis = np.arange(SIDE) - (SIDE - 1) / 2
    y, x = (part.reshape(1, PIXELS) for part in np.meshgrid(axis, axis, indexing="ij"))
    distance = np.cos(angles) * x + np.sin(angles) * y
    ink = pixels[rows].astype(np.float64)
    order = np.argsort(distance, axis=1)
    sorted_ink = np.take_along_axis(ink, order, 1).cumsum(axis=1)
    share = sorted_ink / sorted_ink[:, -1:]
    kept = np.empty_like(share)
    np.put_along_axis(kept, order, share, 1)
    ink = np.where(kept < random.uniform(0.3, 0.5, (count, 1)), pixels[rows], np.uint8(0))
    left: Pixels = ink.astype(np.uint8)
    return left


def _stack(draw: Callable[[ImageDraw.ImageDraw], None], count: int) -> Pixels:
    return np.stack([drawn(draw) for _ in range(count)])


def _grey(fields: NDArray[np.float64]) -> Pixels:
    return np.clip(np.rint(fields), 0, 255).astype(np.uint8).reshape(-1, PIXELS)
