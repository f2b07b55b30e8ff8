"""From pixels to Kaggle's submission CSV, in one streaming pass."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, repeat
from typing import BinaryIO

import numpy as np

from digit_runtime.classifier import Classifier
from digit_runtime.contract import Labels
from digit_runtime.inputs.kaggle_csv import Batch
from digit_runtime.inputs.suspicions import Guard
from digit_runtime.terminal import progress

_HEADER = "ImageId,Label"


def predict_to_csv(
    classifier: Classifier,
    batches: Iterable[Batch],
    submission: BinaryIO,
    probabilities: BinaryIO | None = None,
    *,
    files: Sequence[str] | None = None,
    guard: Guard | None = None,
) -> Labels:
    """Predict every row, writing as it goes; returns the predicted classes, uint8 ``[N]``.

    Memory does not grow with the input, apart from one byte a row for the result.

    Args:
        classifier: Predicts.
        batches: The rows; labels are ignored.
        submission: Gets ``ImageId,Label`` and a line per row, ids from 1, with the name
            of the class (for digits, the digit).
        probabilities: Gets ``ImageId,p0,...,p9``, or what else the classes are called,
            and a line per row, if given.
        files: The image file of each row; if given, a last column ``File``.
        guard: Sees all rows and what was predicted for them.

    Raises:
        PixelsError, InputReadError: A bad row; names it.
        EngineError: The engine failed.
    """
    ends = repeat("\n") if files is None else _file_cells(["File", *files])
    header_end = next(ends)
    names = classifier.labels
    submission.write(f"{_HEADER}{header_end}".encode())
    if probabilities:
        header = ",".join(["ImageId", *(f"p{name}" for name in names)])
        probabilities.write(f"{header}{header_end}".encode())
    parts: list[Labels] = []
    done = 0
    with progress("predicting") as advance:
        for pixels, _ in batches:
            batch = classifier.predict_proba(pixels)
            if guard:
                guard.see_predicted(pixels, batch, classifier.predict_proba)
            digits = batch.argmax(axis=1).astype(np.uint8)
            numbered = enumerate(islice(ends, len(batch)), start=done + 1)
            keys = [(str(i), end) for i, end in numbered]
            submission.write(_lines(keys, [names[digit] for digit in digits.tolist()]))
            if probabilities:
                probabilities.write(_lines(keys, map(_cells, batch.tolist())))
            parts.append(digits)
            done += len(pixels)
            advance(len(pixels))
    return np.concatenate(parts)


def _lines(keys: list[tuple[str, str]], values: Iterable[str]) -> bytes:
    lines = (f"{i},{value}{end}" for (i, end), value in zip(keys, values, strict=True))
    # A file's name need not be valid text; its bytes go out as they came.
    return "".join(lines).encode(errors="surrogateescape")


def _cells(probabilities: list[float]) -> str:
    return ",".join(f"{p:.6g}" for p in probabilities)


def _file_cells(names: Iterable[str]) -> Iterator[str]:
    """Yield each name as the last cell of a line, quoted if need be, the line end included."""
    for name in names:
        cell = io.StringIO()
        csv.writer(cell, lineterminator="\n").writerow(["", name])
        yield cell.getvalue()
