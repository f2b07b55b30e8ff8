"""Sketches of whole sets of families, from one seed."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from digit_runtime.contract import PIXELS, Pixels

from digit_train.outliers.sketches import development, frames, scribbles
from digit_train.outliers.sketches.pen import Family, Random, sketch

# Frames stand nearly upright; scribbles have no up and down.
_TILTS: Final = {"frames": 4.0, "scribbles": 40.0}
_SEED: Final = 1616


def sketches(random: Random, count: int) -> Pixels:
    """Return frames and scribbles to train with, as many of both, uint8 ``[count, 784]``."""
    half = count // 2
    return np.concatenate(
        [
            drawn(random, half, frames.FAMILIES, _TILTS["frames"]),
            drawn(random, count - half, scribbles.FAMILIES, _TILTS["scribbles"]),
        ]
    )


def for_development(count: int = 1000) -> dict[str, Pixels]:
    """Return frames and scribbles to judge a training by, `count` of each, always the same."""
    random = np.random.default_rng(_SEED)
    return {
        "frames": drawn(random, count, development.FRAMES, _TILTS["frames"]),
        "scribbles": drawn(random, count, development.SCRIBBLES, _TILTS["scribbles"]),
    }


def drawn(random: Random, count: int, families: Sequence[Family], tilt: float) -> Pixels:
    """Return `count` sketches of these families, uint8 ``[count, 784]``."""
    result = np.empty((count, PIXELS), np.uint8)
    for index, family in enumerate(random.integers(len(families), size=count)):
        result[index] = sketch(random, families[family](random), tilt)
    return result
