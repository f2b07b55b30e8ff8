"""How fast a file is on an engine, as far as choosing between them goes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_KAGGLE_ROWS: Final = 28_000
# A thread that brings less is better left to whoever reads the rows.
_AS_FAST: Final = 0.9


@dataclass(frozen=True)
class Trial:
    """The speed of a pair, or the reason why there is none.

    `start_s` is the CPU time of importing the engine, loading the file and the first batch:
    it counts as much as the throughput where a small model has few images.
    """

    images_per_s: float | None = None
    """The median, in batches as `Classifier` makes them."""
    failure: str | None = None
    start_s: float = 0.0
    threads: int = 1
    """The fewest of those tried with which it is as fast as with any."""

    @property
    def seconds(self) -> float:
        """Return what Kaggle's test set would take; infinity for a failure."""
        return self.start_s + _KAGGLE_ROWS / self.images_per_s if self.images_per_s else math.inf


def enough_threads(rates: Mapping[int, float]) -> int:
    """Return the fewest threads whose rate is about as high as the best, of a rate for each."""
    enough = _AS_FAST * max(rates.values())
    return min(threads for threads, rate in rates.items() if rate >= enough)
