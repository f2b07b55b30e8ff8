"""How good predictions are: accuracy and confusion matrix."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digit_runtime.contract import DIGITS, Labels
from digit_runtime.measuring.statistics import Interval, share_interval
from digit_runtime.terminal import percent, table


@dataclass(frozen=True)
class Score:
    """Predictions against labels; ``confusion[label, prediction]`` counts rows."""

    confusion: NDArray[np.int64]
    names: Sequence[str] = DIGITS

    @property
    def rows(self) -> int:
        """How many rows were compared."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """How many predictions were right."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """The fraction that was right."""
        return self.correct / self.rows

    @property
    def interval(self) -> Interval:
        """The 95 % confidence interval of the accuracy; see `share_interval`."""
        return share_interval(self.correct, self.rows)

    def __add__(self, other: "Score") -> "Score":
        """Return the score of both sets of rows together."""
        return Score(self.confusion + other.confusion, self.names)

    def as_json(self) -> dict[str, Any]:
        """Return the score as plain numbers and lists."""
        return {
            "rows": self.rows,
            "correct": self.correct,
            "accuracy": self.accuracy,
            "confidence_interval_95": [round(bound, 6) for bound in self.interval],
            "confusion": self.confusion.tolist(),
        }

    def __str__(self) -> str:
        body = table(
            ["label", *self.names, "recall"],
            [
                [name, *(str(count) if count else "." for count in row), _share(row[i], row.sum())]
                for i, (name, row) in enumerate(zip(self.names, self.confusion, strict=True))
            ],
        )
        low, high = self.interval
        return (
            f"accuracy  {percent(self.accuracy)}  ({self.correct:,} of {self.rows:,}), "
            f"95 % interval {low:.2%} to {high:.2%}\n\n"
            f"label in rows, prediction in columns\n{body}"
        )


def score(predicted: Labels, labels: Labels, names: Sequence[str] = DIGITS) -> Score:
    """Compare uint8 ``[N]`` with uint8 ``[N]``, N at least 1, of so many classes."""
    classes = len(names)
    pairs = labels.astype(np.int64) * classes + predicted
    counts = np.bincount(pairs, minlength=classes * classes)
    return Score(counts.reshape(classes, classes), names)


def _share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else "-"
