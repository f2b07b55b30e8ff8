"""The statistics of a paired comparison: two models' answers to the same labelled rows."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from digit_runtime.contract import Labels, Probabilities
from digit_runtime.measuring.statistics import Z

BINS: Final = 15

# Below this a float32 probability is zero for all that an engine can say.
_LEAST: Final = float(np.finfo(np.float32).eps)


def change_interval(lost: int, gained: int, rows: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a change in accuracy, as fractions.

    The change itself is ``(gained - lost) / rows``. Bonett and Price, "Adjusted Wald
    confidence interval for a difference of binomial proportions based on paired data",
    Journal of Educational and Behavioral Statistics 37 (2012): one more row of either
    kind, so that a sample without any change is not taken for certainty.

    Args:
        lost: Rows that only the first model had right.
        gained: Rows that only the second had right.
        rows: All of them.
    """
    down, up = (lost + 1) / (rows + 2), (gained + 1) / (rows + 2)
    change = up - down
    half = Z * math.sqrt((up + down - change**2) / (rows + 2))
    return max(-1.0, change - half), min(1.0, change + half)


def mcnemar_exact(lost: int, gained: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    How likely is a split as uneven as this one if a row that only one model has right
    may be either's with the same chance? McNemar, "Note on the sampling error of the
    difference between correlated proportions or percentages", Psychometrika 12 (1947),
    with the binomial distribution itself in place of its approximation.
    """
    discordant = lost + gained
    tail, ways = 0, 1
    for count in range(min(lost, gained) + 1):
        tail += ways
        ways = ways * (discordant - count) // (count + 1)
    return float(min(1.0, 2 * tail / 2**discordant))


def kl_divergence(first: Probabilities, second: Probabilities) -> float:
    """Return the mean Kullback-Leibler divergence of `second` from `first`, in nats.

    Kullback and Leibler, "On information and sufficiency", Annals of Mathematical
    Statistics 22 (1951). A probability of zero counts as 1.2e-7, the spacing of float32
    below one: int8 outputs have exact zeros, which would make the figure infinite.

    Args:
        first: float32 ``[N, classes]``.
        second: The same.
    """
    p, q = (np.clip(part.astype(np.float64), _LEAST, None) for part in (first, second))
    p /= p.sum(axis=1, keepdims=True)
    q /= q.sum(axis=1, keepdims=True)
    return float((p * np.log(p / q)).sum(axis=1).mean())


@dataclass(frozen=True)
class Reliability:
    """Rows in 15 equal bins of confidence, the highest probability, from 0 to 1.

    Attributes:
        rows: How many rows each bin has.
        correct: How many of them are right.
        confidence: Their mean confidence; 0 in an empty bin.
    """

    rows: tuple[int, ...]
    correct: tuple[int, ...]
    confidence: tuple[float, ...]

    @classmethod
    def of(cls, probabilities: Probabilities, labels: Labels) -> "Reliability":
        """Sort answers into bins, each of which holds its upper bound.

        Args:
            probabilities: float32 ``[N, classes]``.
            labels: uint8 ``[N]``.
        """
        confidence = probabilities.max(axis=1).astype(np.float64)
        right = probabilities.argmax(axis=1) == labels
        inner = np.linspace(0, 1, BINS + 1)[1:-1]
        bins = np.digitize(confidence, inner, right=True)
        rows = np.bincount(bins, minlength=BINS)
        total = np.bincount(bins, confidence, minlength=BINS)
        return cls(
            rows=tuple(rows.tolist()),
            correct=tuple(np.bincount(bins[right], minlength=BINS).tolist()),
            confidence=tuple(np.round(total / np.maximum(rows, 1), 6).tolist()),
        )

    @property
    def error(self) -> float:
        """The expected calibration error (ECE), from 0 to 1.

        How far confidence and accuracy of a bin are apart, averaged over the rows. Guo,
        Pleiss, Sun and Weinberger, "On calibration of modern neural networks", ICML 2017.
        """
        bins = zip(self.rows, self.correct, self.confidence, strict=True)
        apart = sum(abs(correct - rows * confidence) for rows, correct, confidence in bins)
        return apart / sum(self.rows)
