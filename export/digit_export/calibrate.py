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
    """Rows of the training CSV, in its order: uint8 ``[n, 784]``, and uint8 ``[n]`` or None."""

    pixels: Pixels
    labels: Labels | None

    @property
    def sha256(self) -> str:
        """Of the pixels, row after row, a byte each."""
        return hashlib.sha256(self.pixels.tobytes()).hexdigest()


def draw(
    pixels: Pixels, labels: Labels | None, rows: int, seed: list[int], classes: int = LABELS
) -> Drawn:
    """Draw up to `rows` rows, the same number of each class, by `seed` alone.

    Args:
        pixels: uint8 ``[N, 784]``, training rows only.
        labels: uint8 ``[N]``; None to draw from all alike.
        rows: How many; with labels, as many as that is a multiple of `classes`.
        seed: For numpy's default generator.
        classes: How many there are.

    Raises:
        PixelsError: There are not enough rows, or not of a class.
    """
    random = np.random.default_rng(seed)
    if labels is None:
        if len(pixels) < rows:
            raise PixelsError(f"there are {len(pixels)} training rows; {rows} are needed")
        return Drawn(pixels[np.sort(random.choice(len(pixels), rows, replace=False))], None)
    each = max(1, rows // classes)
    chosen = []
    for label in range(classes):
        candidates = np.flatnonzero(labels == label)
        if len(candidates) < each:
            raise PixelsError(
                f"the training rows hold {len(candidates)} of the "
                f"{'digit' if classes == LABELS else 'class'} {label}; {each} of each are needed"
            )
        chosen.append(random.choice(candidates, each, replace=False))
    order = np.sort(np.concatenate(chosen))
    return Drawn(pixels[order], labels[order])
