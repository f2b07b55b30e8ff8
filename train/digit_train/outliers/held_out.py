"""Pictures of nothing that no training sees: other fonts, other generators, other kinds.

What a model is measured by must not be what it was trained with, so nothing here is used
by `training_set`: the fonts are the held-out ones, the strokes are made in another way,
and photographs are a kind that trainings do not have at all.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from digit_runtime.contract import PIXELS, SIDE, Pixels
from PIL import Image, ImageDraw

from digit_train.data import others
from digit_train.outliers import glyphs
from digit_train.outliers.kinds import Random, drawn

_COUNT: Final = 1000
_SEED: Final = 2026


@dataclass(frozen=True)
class Strangers:
    """Pictures without a digit, uint8 ``[n, 784]`` of each kind and of each letter."""

    kinds: dict[str, Pixels]
    letters: dict[str, Pixels]


def strangers(folder: Path, digits: Pixels) -> Strangers:
    """Make all of them, the same each time.

    Args:
        folder: What ``digit-data others`` fetched.
        digits: uint8 ``[N, 784]`` to put side by side: rows that were not trained on.

    Raises:
        InputNotFoundError: Something was not fetched.
        InputReadError: It is damaged.
    """
    random = np.random.default_rng(_SEED)
    fonts = others.fonts_of(folder)
    letters = {c: glyphs.glyphs(fonts, c, held_out=True) for c in glyphs.LETTERS}
    kinds = {
        "letters that are nobody's digit": np.concatenate(
            [letters[c] for c in glyphs.CLEAR_LETTERS]
        ),
        "symbols": glyphs.glyphs(fonts, glyphs.SYMBOLS, held_out=True),
        "scribbles": _many(_scribble, random),
        "frames": _many(_frame, random),
        "stars": _many(_star, random),
        "noise": _noise(random),
        "blanks": np.arange(0, 256, dtype=np.uint8)[:, None].repeat(PIXELS, axis=1),
        "two digits": _two_digits(random, digits),
        "pieces of photographs": _photographs(random, folder),
    }
    return Strangers(kinds, letters)


def _many(draw: Callable[[ImageDraw.ImageDraw, Random], None], random: Random) -> Pixels:
    return np.stack([drawn(lambda pen: draw(pen, random)) for _ in range(_COUNT)])


def _scribble(pen: ImageDraw.ImageDraw, random: Random) -> None:
    """To and fro, a pen that runs on in sine waves: three to six turns each way."""
    t = np.linspace(0, 2 * math.pi, 200)
    turns = random.uniform(2.5, 6, 2)
    drift = random.uniform(-1, 1, 2)
    phase = random.uniform(0, 2 * math.pi, 2)
    size = random.uniform(16, 34, 2)
    x = 56 + size[0] * np.sin(turns[0] * t + phase[0]) + 6 * drift[0] * (t - math.pi)
    y = 56 + size[1] * np.sin(turns[1] * t + phase[1]) + 6 * drift[1] * (t - math.pi)
    width = int(random.integers(5, 12))
    pen.line(list(zip(x.tolist(), y.tolist(), strict=True)), 255, width, joint="curve")


def _frame(pen: ImageDraw.ImageDraw, random: Random) -> None:
    """Double, round-cornered, crossed, ticked and three-sided frames."""
    width = int(random.integers(3, 11))
    low, high = random.uniform(4, 30, 2), random.uniform(80, 107, 2)
    match random.integers(4):
        case 0:
            pen.rectangle((*low, *high), outline=255, width=width)
            pen.rectangle((*(low + 16), *(high - 16)), outline=255, width=max(3, width // 2))
        case 1:
            pen.rounded_rectangle((*low, *high), radius=12, outline=255, width=width)
        case 2:
            pen.rectangle((*low, *high), outline=255, width=width)
            pen.line((*low, *high), 255, width)
            pen.line((low[0], high[1], high[0], low[1]), 255, width)
        case _:
            corners = [(56, low[1]), (high[0], high[1]), (low[0], high[1]), (56, low[1])]
            pen.line(corners, 255, width, joint="curve")


def _star(pen: ImageDraw.ImageDraw, random: Random) -> None:
    """Four to eight strokes through one middle."""
    middle, width = random.uniform(48, 64, 2), int(random.integers(4, 11))
    count = int(random.integers(2, 5))
    start = random.uniform(0, math.pi)
    for index in range(count):
        angle = start + math.pi * index / count
        reach = random.uniform(26, 44) * np.array([math.cos(angle), math.sin(angle)])
        pen.line((*(middle - reach), *(middle + reach)), 255, width)


def _noise(random: Random) -> Pixels:
    """Even grey levels, and salt on black, pixel by pixel and in 3x3 blocks."""
    fine = random.integers(0, random.integers(40, 257, (_COUNT // 4, 1)), (_COUNT // 4, PIXELS))
    salt = 255 * (random.random((_COUNT // 2, PIXELS)) < random.uniform(0.1, 0.6, (_COUNT // 2, 1)))
    blocks = random.integers(0, 256, (_COUNT // 4, 10, 10)).repeat(3, 1).repeat(3, 2)
    coarse = blocks[:, :SIDE, :SIDE].reshape(-1, PIXELS)
    return np.concatenate([fine, salt, coarse]).astype(np.uint8)


def _two_digits(random: Random, digits: Pixels) -> Pixels:
    """Two cells of 28x28 side by side, as a page has them, squeezed into one."""
    pairs = digits[random.integers(len(digits), size=(_COUNT, 2))].reshape(-1, 2, SIDE, SIDE)
    squeezed = [
        np.asarray(Image.fromarray(np.hstack((a[:, 4:24], b[:, 4:24]))).resize((SIDE, SIDE)))
        for a, b in pairs
    ]
    return np.stack(squeezed).reshape(-1, PIXELS)


def _photographs(random: Random, folder: Path) -> Pixels:
    """Square pieces of 28 to 200 pixels, reduced to 28."""
    pieces = []
    photographs = others.photographs(folder)
    for _ in range(_COUNT):
        image = photographs[random.integers(len(photographs))]
        side = int(random.integers(SIDE, 201))
        top, left = (int(random.integers(0, length - side)) for length in image.shape)
        piece = Image.fromarray(image[top : top + side, left : left + side])
        pieces.append(np.asarray(piece.resize((SIDE, SIDE), Image.Resampling.BOX)))
    return np.stack(pieces).reshape(-1, PIXELS)
