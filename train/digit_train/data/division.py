"""Which MNIST image goes into which of Kaggle's two files."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

TRAIN_ROWS: Final = 42_000
TEST_ROWS: Final = 28_000
SEED: Final = 42

Indices = NDArray[np.int64]


def draw(training: int, official_test: int, seed: int = SEED) -> tuple[Indices, Indices]:
    """Divide MNIST's images: returns the indices of train.csv's rows and of test.csv's.

    Indices run over the `training` images in their original order, then over the
    `official_test` ones. Training rows are drawn from the training images only; all
    other images are test rows, shuffled, so that no test row is ever trained on.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(training)
    rest = np.concatenate([order[TRAIN_ROWS:], training + np.arange(official_test)])
    return order[:TRAIN_ROWS], random.permutation(rest)
