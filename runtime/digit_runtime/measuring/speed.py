"""How fast a file is on an engine, as far as choosing between them goes."""

import math
from dataclasses import dataclass
from typing import Final

_KAGGLE_ROWS: Final = 28_000


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

    @property
    def seconds(self) -> float:
        """Return what Kaggle's test set would take; infinity for a failure."""
        return self.start_s + _KAGGLE_ROWS / self.images_per_s if self.images_per_s else math.inf
