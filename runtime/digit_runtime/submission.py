"""From a CSV of pixels to Kaggle's submission CSV, in one streaming pass."""

from typing import BinaryIO

import numpy as np

from digit_runtime.classifier import Classifier
from digit_runtime.console import progress
from digit_runtime.contract import LABELS, Labels, Probabilities
from digit_runtime.pixels import PixelCsv
from digit_runtime.prefetch import prefetch

_HEADER = b"ImageId,Label\n"
_PROBABILITIES_HEADER = ",".join(["ImageId", *(f"p{d}" for d in range(LABELS))]).encode() + b"\n"


def predict_csv(
    classifier: Classifier,
    source: PixelCsv,
    submission: BinaryIO,
    probabilities: BinaryIO | None = None,
) -> Labels:
    """Predict every row of `source`, writing as it goes; returns the digits, uint8 ``[N]``.

    The next rows are read while the current ones are predicted, and memory does not
    grow with the file, apart from one byte a row for the result.

    Args:
        classifier: Predicts.
        source: The rows; a label column is ignored.
        submission: Gets ``ImageId,Label`` and a line per row, ids from 1.
        probabilities: Gets ``ImageId,p0,...,p9`` and a line per row, if given.

    Raises:
        PixelsError, InputReadError: A bad row; names it.
        EngineError: The engine failed.
    """
    submission.write(_HEADER)
    if probabilities:
        probabilities.write(_PROBABILITIES_HEADER)
    parts: list[Labels] = []
    done = 0
    with progress("predicting") as advance:
        for pixels, _ in prefetch(source):
            batch = classifier.predict_proba(pixels)
            digits = batch.argmax(axis=1).astype(np.uint8)
            lines = [f"{i},{digit}\n" for i, digit in enumerate(digits.tolist(), start=done + 1)]
            submission.write("".join(lines).encode())
            if probabilities:
                probabilities.write(_probability_lines(batch, done + 1))
            parts.append(digits)
            done += len(pixels)
            advance(len(pixels))
    return np.concatenate(parts)


def _probability_lines(batch: Probabilities, first: int) -> bytes:
    rows = (
        f"{i},{','.join(f'{p:.6g}' for p in row)}\n"
        for i, row in enumerate(batch.tolist(), start=first)
    )
    return "".join(rows).encode()
