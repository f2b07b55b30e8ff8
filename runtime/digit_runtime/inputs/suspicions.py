"""Suspicions about pixels that have the right format and perhaps the wrong meaning.

A file cannot say that its colours are inverted or its rows and columns exchanged, so
these are found by what no real digit does. They are warnings: the digits are predicted
all the same.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from digit_runtime.contract import PIXELS, SIDE, Pixels, Probabilities

# Over MNIST's 70,000 digits the brightest border has a mean of 9, and the darkest digit a
# maximum of 254.
_BRIGHT: Final = 127
_INSIDE: Final = np.zeros((SIDE - 2, SIDE - 2), bool)
_BORDER: Final = np.flatnonzero(np.pad(_INSIDE, 1, constant_values=True))

# Transposed digits make a model unsure: its mean probability falls from 0.96 to 0.75 for
# the cnn and from 0.98 to 0.74 for the mlp. In 5,000 random samples of 64 real digits the
# least difference was 0.11, in favour of the digits as they are.
_FEWEST: Final = 64
_MOST: Final = 256
_SURE: Final = 0.9
_GAIN: Final = 0.1


class PixelsWarning(UserWarning):
    """Pixels that keep the contract, but do not look like digits as the models know them."""


class Guard:
    """Looks at batches as they pass; `complaints` then says what was suspicious.

    Args:
        name: Of the input, for the messages.
        invert: Whether the pixels were inverted before they came here.
        transpose: The same for rows and columns.
    """

    def __init__(self, name: str, invert: bool = False, transpose: bool = False) -> None:
        self._name = name
        self._inverted = invert
        self._transposed = transpose
        self._rows = 0
        self._bright = 0
        self._largest = 0
        self._first_bright = 0
        self._suspect_transposed = False

    def see(self, pixels: Pixels) -> None:
        """Look at the next rows, uint8 ``[n, 784]``."""
        bright = pixels[:, _BORDER].mean(axis=1) > _BRIGHT
        if bright.any() and not self._bright:
            self._first_bright = self._rows + int(bright.argmax()) + 1
        self._bright += int(bright.sum())
        self._largest = max(self._largest, int(pixels.max(initial=0)))
        self._rows += len(pixels)

    def see_predicted(
        self,
        pixels: Pixels,
        probabilities: Probabilities,
        predict_proba: Callable[[Pixels], Probabilities],
    ) -> None:
        """Look at the next rows with what was predicted for them, float32 ``[n, 10]``.

        The first rows, if they are enough and the model is unsure of them, are predicted
        once more, transposed.
        """
        if not self._rows and len(pixels) >= _FEWEST:
            sure = _sureness(probabilities[:_MOST])
            if sure < _SURE:
                other = _sureness(predict_proba(transposed(pixels[:_MOST])))
                self._suspect_transposed = other > sure + _GAIN
        self.see(pixels)

    def complaints(self) -> list[str]:
        """Return a message for each suspicion about all rows seen."""
        found = []
        if self._bright:
            remedy = "leave out --invert" if self._inverted else "use --invert, or 255 - pixels"
            found.append(
                f"{self._name}: {self._bright:,} of {self._rows:,} rows, the first in row "
                f"{self._first_bright:,}, look inverted (dark ink on a bright ground); the models "
                f"read bright ink on 0: {remedy}"
            )
        if self._rows and self._largest == 1:
            found.append(
                f"{self._name}: all rows hold nothing but 0 and 1, while pixels go from 0 to 255: "
                "multiply by 255"
            )
        if self._suspect_transposed:
            remedy = "leave out --transpose" if self._transposed else "use --transpose"
            found.append(
                f"{self._name}: the images may be transposed (rows and columns exchanged): the "
                f"model is much surer of them the other way: {remedy} if they are"
            )
        return found


def transposed(pixels: Pixels) -> Pixels:
    """Exchange rows and columns of each image: uint8 ``[N, 784]`` to the same."""
    images = pixels.reshape(-1, SIDE, SIDE).transpose(0, 2, 1)
    return np.ascontiguousarray(images).reshape(-1, PIXELS)


def _sureness(probabilities: Probabilities) -> float:
    return float(probabilities.max(axis=1).mean())
