"""Draw rows of the training CSV that stand for all: seeded, and as many of each digit."""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from digit_runtime.contract import LABELS, Labels, Pixels
from digit_runtime.errors import PixelsError

CALIBRATION_ROWS: Final = 500


@dataclass(frozen=True)
class Drawn:
    """Rows of the training CSV: uint8 ``[n, 784]``, uint8 ``[n]``, in the CSV's order."""

    pixels: Pixels
    labels: Labels

    @property
    def sha256(self) -> str:
        """Of the pixels, row after row, a byte each."""
        return hashlib.sha256(self.pixels.tobytes()).hexdigest()


def draw(pixels: Pixels, labels: Labels, rows: int, seed: list[int]) -> Drawn:
    """Draw `rows` rows, the same number of each digit, by `seed` alone.

    Args:
        pixels: uint8 ``[N, 784]``, training rows only.
        labels: uint8 ``[N]``.
        rows: A multiple of 10.
        seed: For numpy's default generator.

    Raises:
        PixelsError: There are not enough rows of a digit.
    """
    each = rows // LABELS
    random = np.random.default_rng(seed)
    chosen = []
    for digit in range(LABELS):
        candidates = np.flatnonzero(labels == digit)
        if len(candidates) < each:
            raise PixelsError(
                f"the training rows hold {len(candidates)} of the digit {digit}; "
                f"{each} of each are needed"
            )
        chosen.append(random.choice(candidates, each, replace=False))
    order = np.sort(np.concatenate(chosen))
    return Drawn(pixels[order], labels[order])
