"""How certain a measured figure is, and which figures are really different."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

Interval = tuple[float, float]

_RESAMPLES: Final = 5000
_SEED: Final = 0
_TAIL: Final = 0.025
# The 97.5 % quantile of the normal distribution: two sides of 2.5 % leave 95 %.
Z: Final = 1.959964


def median_interval(values: ArrayLike) -> Interval:
    """Return the 95 % confidence interval of the median of ``[N]`` independent values.

    The percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap",
    1993, chapter 13): medians of samples drawn from the values with replacement. Runs that
    follow each other share the state of the machine, so it is rounds that must be given
    here, and not single runs. The same values give the same interval.
    """
    sample = np.asarray(values, float)
    random = np.random.default_rng(_SEED)
    drawn = sample[random.integers(len(sample), size=(_RESAMPLES, len(sample)))]
    # Of an even number of values the median may lie between two; its quantiles need not.
    low, high = np.quantile(np.median(drawn, axis=1), [_TAIL, 1 - _TAIL], method="inverted_cdf")
    return float(low), float(high)


def share_interval(correct: int, rows: int) -> Interval:
    """Return the 95 % confidence interval of an accuracy, as fractions.

    Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927): unlike the normal
    approximation it holds close to 100 %.
    """
    share, spread = correct / rows, Z**2 / rows
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def overlap(one: Interval, other: Interval) -> bool:
    """Return whether two intervals share a value, so that neither figure is surely less."""
    return one[0] <= other[1] and other[0] <= one[1]


def ranks(intervals: Sequence[Interval]) -> list[tuple[int, bool]]:
    """Return the rank of each interval, the lowest first, and whether it is a tie.

    A rank is one more than the number of intervals that lie wholly below; a tie is an
    interval that overlaps with another. Overlapping is not transitive, so rank 2 may tie
    with rank 1: only what lies apart is ranked apart.
    """
    return [
        (
            1 + sum(other[1] < own[0] for other in intervals),
            sum(overlap(own, other) for other in intervals) > 1,
        )
        for own in intervals
    ]
