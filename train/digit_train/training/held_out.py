"""What a trained network gets wrong on the rows that were held out of its training."""

import csv
import io
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from digit_runtime.contract import SIDE, Labels, Pixels, Probabilities
from digit_runtime.predicting.score import Score, score

CSV_NAME: Final = "held-out.csv"
PICTURE_NAME: Final = "held-out.png"
LISTED: Final = 100
KEPT: Final = 0.99
"""The share of digits that a model must be sure of."""
_DRAWN: Final = 30
_COLUMNS: Final = 10


@dataclass(frozen=True)
class HeldOut:
    """The network's answers to the rows held out.

    Attributes:
        first_row: The number of the first of them in the CSV, from 1.
        pixels: uint8 ``[N, 784]``.
        labels: uint8 ``[N]``.
        probabilities: float32 ``[N, 10]``.
    """

    first_row: int
    pixels: Pixels
    labels: Labels
    probabilities: Probabilities

    @property
    def predicted(self) -> Labels:
        """The most probable digit of each row, uint8 ``[N]``."""
        digits: Labels = self.probabilities.argmax(axis=1).astype(np.uint8)
        return digits

    @property
    def score(self) -> Score:
        """Accuracy and confusions."""
        return score(self.predicted, self.labels)

    def as_json(self) -> dict[str, Any]:
        """Return the figures for the manifest."""
        return self.score.as_json()

    def unsure_below(self) -> dict[str, Any]:
        """Return the probability that `KEPT` of the digits reach, for the manifest.

        A row whose highest probability is lower shows no digit, or one that is hard to read.
        """
        highest = np.sort(self.probabilities.max(axis=1))
        # Rounded down, so that the row that it was read from stays above.
        limit = math.floor(float(highest[int((1 - KEPT) * len(highest))]) * 10_000) / 10_000
        kept = float(np.mean(highest >= limit))
        return {
            "probability": limit,
            "digits_kept": round(kept, 4),
            "rows": len(highest),
            "chosen_on": "validation rows",
        }

    def hardest(self, count: int) -> list[int]:
        """Return the rows, from 0, whose true digit got the least probability, hardest first."""
        order: list[int] = np.argsort(self._given(), kind="stable")[:count].tolist()
        return order

    def files(self) -> dict[str, bytes]:
        """Return the hardest rows as ``held-out.csv``, the first of them as ``held-out.png``."""
        text, given, predicted = io.StringIO(newline=""), self._given(), self.predicted
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(["row", "label", "predicted", "p_label", "p_predicted"])
        for row in self.hardest(LISTED):
            digit = predicted[row]
            shares = (given[row], self.probabilities[row, digit])
            rows.writerow(
                [self.first_row + row, self.labels[row], digit, *(f"{p:.4f}" for p in shares)]
            )
        return {CSV_NAME: text.getvalue().encode(), PICTURE_NAME: self._picture()}

    def _given(self) -> Probabilities:
        given: Probabilities = self.probabilities[np.arange(len(self.labels)), self.labels]
        return given

    def _picture(self) -> bytes:
        from matplotlib.figure import Figure

        shown, predicted = self.hardest(_DRAWN), self.predicted
        lines = -(-len(shown) // _COLUMNS)
        figure = Figure(figsize=(11, 1.55 * lines), layout="constrained")
        figure.subplots(lines, _COLUMNS, squeeze=False)
        for axes in figure.axes:
            axes.set_axis_off()
        # There may be fewer rows than places for them.
        for axes, row in zip(figure.axes, shown, strict=False):
            label, digit = self.labels[row], predicted[row]
            axes.imshow(self.pixels[row].reshape(SIDE, SIDE), cmap="gray", vmin=0, vmax=255)
            axes.set_title(
                f"row {self.first_row + row}\n{label} read as {digit}",
                size=8,
                color="tab:red" if label != digit else "black",
            )
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=110, metadata={"Software": None})
        return picture.getvalue()
