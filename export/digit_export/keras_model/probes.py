"""Images that nobody draws but every device sees: a blank one, a full one, and noise.

A camera with its cap on gives the first; what a model answers there must be a number.
"""

from typing import Final

import numpy as np
from digit_runtime.contract import PIXELS, Pixels

_NOISE_ROWS: Final = 64
NAMES: Final = (
    "a blank image (all pixels 0)",
    "a full image (all pixels 255)",
    *("noise",) * _NOISE_ROWS,
)
"""What each row of PROBES is, in words."""

PROBES: Final[Pixels] = np.concatenate(
    [
        np.full((1, PIXELS), 0, np.uint8),
        np.full((1, PIXELS), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (_NOISE_ROWS, PIXELS), np.uint8),
    ]
)
"""uint8 ``[66, 784]``."""
