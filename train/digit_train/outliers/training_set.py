"""The outliers of a training: so many of each kind, as data, from one seed."""

from pathlib import Path
from typing import Final

import numpy as np
from digit_runtime.contract import Labels, Pixels

from digit_train.outliers import glyphs, kinds

GLYPHS: Final = {"letters": 0.38, "symbols": 0.08}
DRAWN: Final = {
    kinds.scribbles: 0.11,
    kinds.frames: 0.08,
    kinds.blots: 0.03,
    kinds.noise: 0.05,
    kinds.blanks: 0.02,
    kinds.textures: 0.07,
}
FROM_DIGITS: Final = {
    kinds.side_by_side: 0.08,
    kinds.overlaid: 0.03,
    kinds.broken: 0.05,
    kinds.pieces: 0.02,
}
"""Each kind's share of the whole; together 1."""


def outliers(count: int, seed: int, pixels: Pixels, labels: Labels, fonts: Path) -> Pixels:
    """Return `count` shuffled pictures without a digit, uint8 ``[count, 784]``.

    Args:
        count: How many; the glyphs repeat, to be distorted.
        seed: Of everything random.
        pixels: Digits to cut and to combine, uint8 ``[N, 784]``: training rows only.
        labels: Theirs, uint8 ``[N]``.
        fonts: The folder of fonts; only those to train with are read.
    """
    random = np.random.default_rng(seed)
    letters = "".join(c for c in glyphs.LETTERS if c not in glyphs.LOOKALIKES)
    sets = {
        "letters": glyphs.glyphs(fonts, letters, held_out=False),
        "symbols": glyphs.glyphs(fonts, glyphs.SYMBOLS, held_out=False),
    }
    parts = [
        sets[name][random.integers(len(sets[name]), size=round(share * count))]
        for name, share in GLYPHS.items()
    ]
    parts += [kind(random, round(share * count)) for kind, share in DRAWN.items()]
    parts += [
        kind(random, round(share * count), pixels, labels) for kind, share in FROM_DIGITS.items()
    ]
    return random.permutation(np.concatenate(parts))[:count]
