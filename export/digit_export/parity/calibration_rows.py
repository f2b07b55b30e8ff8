"""Draw rows of the training CSV that stand for all: seeded, and as many of each digit."""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from digit_runtime.contract import DIGITS, Labels, Pixels
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


def draw(
    pixels: Pixels,
    labels: Labels,
    rows: int,
    seed: list[int],
    names: tuple[str, ...] = DIGITS,
    file: str = "the training rows",
) -> Drawn:
    """Draw about `rows` rows, the same number of each class, by `seed` alone.

    The ten digits must all be there. Of other classes, which may be rare or only be there
    by name, as many are drawn as there are.

    Args:
        pixels: uint8 ``[N, 784]``, training rows only.
        labels: uint8 ``[N]``.
        rows: How many, if that is a multiple of the number of classes.
        seed: For numpy's default generator.
        names: Of the classes.
        file: Where the rows are from, for the message.

    Raises:
        PixelsError: There are not enough rows of a digit, or of all.
    """
    each = max(1, rows // len(names))
    random = np.random.default_rng(seed)
    chosen = []
    for index, name in enumerate(names):
        candidates = np.flatnonzero(labels == index)
        if len(candidates) < each and names == DIGITS:
            raise PixelsError(
                f"{file}: {len(candidates)} rows that are not held out show the digit {name}, and "
                f"{each} of each are needed; give a CSV of more rows with --data"
            )
        chosen.append(random.choice(candidates, min(each, len(candidates)), replace=False))
    order = np.sort(np.concatenate(chosen))
    if len(order) < rows // 2:
        raise PixelsError(
            f"{file}: gives only {len(order)} rows to calibrate with, up to {each} of each of "
            f"{len(names)} classes, and {rows // 2} are needed; --data must hold rows of the "
            "model's own classes"
        )
    return Drawn(pixels[order], labels[order])
