"""The digits a comparison runs on."""

from pathlib import Path

import numpy as np

from digit_runtime.contract import Labels, Pixels, as_pixels
from digit_runtime.errors import ModelNotFoundError, PixelsError
from digit_runtime.pixels import read_csv, read_labels

REFERENCE_NAME = "reference.npz"


def from_csv(data: Path, labels: Path | None, rows: int) -> tuple[Pixels, Labels | None]:
    """Return the first rows of `data` and their labels, from `labels` or its own column.

    Raises:
        PixelsError: Bad rows, or as many labels as rows are not there.
    """
    pixels, own = read_csv(data)
    answers = read_labels(labels) if labels else own
    if answers is not None and len(answers) != len(pixels):
        raise PixelsError(f"{labels}: has {len(answers):,} rows, {data} has {len(pixels):,}")
    return pixels[:rows], None if answers is None else answers[:rows]


def reference(directory: Path) -> tuple[Pixels, None]:
    """Return the digits that a model carries, for timing without a data set.

    They are training rows, so no accuracy may be drawn from them.

    Raises:
        ModelNotFoundError: The model carries none.
    """
    path = directory / REFERENCE_NAME
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return as_pixels(arrays["pixels"]), None
    except (OSError, ValueError, KeyError) as error:
        raise ModelNotFoundError(f"{path}: not readable ({error}); give --data") from error
