"""The digits a comparison runs on: a CSV's, or those that a model carries."""

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digit_runtime.contract import LABELS, Labels, Pixels, Probabilities, as_pixels
from digit_runtime.errors import ModelNotFoundError, PixelsError
from digit_runtime.inputs import read_pixels
from digit_runtime.pixels import read_labels

REFERENCE_NAME = "reference.npz"


@dataclass(frozen=True)
class Golden:
    """Digits that a model carries, uint8 ``[N, 784]``, with Keras's answers."""

    pixels: Pixels
    probabilities: Probabilities
    """float32 ``[N, 10]``."""


def from_csv(data: Path, labels: Path | None, rows: int) -> tuple[Pixels, Labels | None]:
    """Return the first rows of `data` and their labels, from `labels` or its own column.

    Raises:
        PixelsError: Bad rows, or as many labels as rows are not there.
    """
    pixels, own = read_pixels(data)
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
    try:
        return golden(directory / REFERENCE_NAME).pixels, None
    except ModelNotFoundError as error:
        raise ModelNotFoundError(f"{error}; give --data") from error


def golden(path: Path) -> Golden:
    """Read a reference.npz, as digit-export writes it.

    Raises:
        ModelNotFoundError: It is missing or damaged.
    """
    try:
        # numpy leaves a file that it opened itself open if that turns out to be no zip.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            pixels, probabilities = as_pixels(arrays["pixels"]), arrays["probabilities"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelNotFoundError(f"{path}: not readable ({error})") from error
    if probabilities.shape != (len(pixels), LABELS) or probabilities.dtype != np.float32:
        raise ModelNotFoundError(f"{path}: not readable (probabilities of another shape or type)")
    return Golden(pixels, probabilities)
