"""One digit from each picture; a bad picture costs only itself."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from digit_runtime.errors import DigitError
from digit_runtime.inputs.images import Found, find_digit
from digit_runtime.inputs.suspicions import transposed
from digit_runtime.models.classifier import Classifier

_TOGETHER: Final = 32


@dataclass(frozen=True)
class PictureAnswer:
    """What one picture shows.

    Attributes:
        file: Its name.
        label: The class's name; None if the picture cannot be read.
        probability: The model's, from 0 to 1.
        unsure: Whether that is below what the model's manifest calls sure.
        others: How many further digits the picture may have.
        error: Why it cannot be read; None if it can.
        probabilities: Of all classes.
    """

    file: str
    label: str | None = None
    probability: float = 0.0
    unsure: bool = False
    others: int = 0
    error: str | None = None
    probabilities: tuple[float, ...] = ()

    def __str__(self) -> str:
        if self.label is None:
            return self.error or ""
        notes = f"{self.file}: {self.label}"
        if self.unsure:
            notes += f"   unsure: {self.probability:.2f}"
        if self.others:
            notes += f"   the largest of {self.others + 1} marks; digit-read reads all of them"
        return notes

    def as_json(self) -> dict[str, Any]:
        """Return it for `json.dumps`."""
        return {
            "file": self.file,
            "label": self.label,
            "probability": None if self.label is None else round(self.probability, 4),
            "unsure": self.unsure,
            "others": self.others,
            "error": self.error,
        }


def predict_pictures(
    files: Sequence[Path], classifier: Classifier, *, transpose: bool = False
) -> Iterator[PictureAnswer]:
    """Yield the answer for each of `files`, in their order."""
    limit = classifier.unsure_below
    for start in range(0, len(files), _TOGETHER):
        part = files[start : start + _TOGETHER]
        found = [_find(file) for file in part]
        good = [one.pixels for one in found if isinstance(one, Found)]
        answers: Iterator[list[float]] = iter(())
        if good:
            pixels = np.stack(good)
            rows = classifier.predict_proba(transposed(pixels) if transpose else pixels)
            answers = iter(rows.tolist())
        for file, one in zip(part, found, strict=True):
            if isinstance(one, DigitError):
                yield PictureAnswer(file.name, error=str(one))
                continue
            row = next(answers)
            best = max(row)
            yield PictureAnswer(
                file.name,
                classifier.labels[row.index(best)],
                best,
                limit is not None and best < limit,
                one.others,
                probabilities=tuple(row),
            )


def as_csv(answers: Sequence[PictureAnswer], names: Sequence[str] | None = None) -> bytes:
    """Return ``ImageId,Label,File`` with a row for each picture; with `names`, probabilities.

    The label of a picture that cannot be read is empty.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        ["ImageId", *(["Label"] if names is None else [f"p{n}" for n in names]), "File"]
    )
    for number, answer in enumerate(answers, 1):
        if names is None:
            cells = [answer.label or ""]
        else:
            cells = [f"{p:.6g}" for p in answer.probabilities] or [""] * len(names)
        writer.writerow([number, *cells, answer.file])
    # A file's name need not be valid text; its bytes go out as they came.
    return stream.getvalue().encode(errors="surrogateescape")


def _find(file: Path) -> Found | DigitError:
    try:
        return find_digit(file)
    except DigitError as error:
        return error
