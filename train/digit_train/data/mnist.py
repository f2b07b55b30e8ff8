"""MNIST in memory, whatever it came from."""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
from digit_runtime.contract import LABELS, PIXELS, Labels, Pixels

from digit_train.data.sources import SourceError

TRAINING_IMAGES: Final = 60_000
TEST_IMAGES: Final = 10_000
IMAGES: Final = TRAINING_IMAGES + TEST_IMAGES


@dataclass(frozen=True)
class Mnist:
    """MNIST whole: its 60,000 training images, then its 10,000 test images.

    Attributes:
        images: uint8 ``[70000, 784]``.
        labels: uint8 ``[70000]``.
    """

    images: Pixels
    labels: Labels

    def __post_init__(self) -> None:
        wanted = (IMAGES, PIXELS), (IMAGES,)
        if (self.images.shape, self.labels.shape) != wanted or self.labels.max() >= LABELS:
            raise SourceError(
                f"gave images {list(self.images.shape)} and labels {list(self.labels.shape)}, "
                "which are not MNIST's"
            )

    def sha256(self) -> str:
        """Return the SHA-256 of the images followed by the labels."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()
