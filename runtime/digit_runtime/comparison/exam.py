"""Which rows tell how good a file is, and what digit-export has recorded of them.

How fast a file is shows on a few rows; how good it is needs thousands. So all labelled
rows are asked, or the manifest is, where it is of these very rows and this device gives
the reference rows the digits that Keras gave.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from digit_runtime.comparison.candidates import Candidate
from digit_runtime.contract import Pixels
from digit_runtime.errors import DigitError
from digit_runtime.models.manifest import Manifest, sha256_of
from digit_runtime.models.reference import Golden, golden_rows

GIVEN: Final = "given rows"
HELD_OUT: Final = "held-out rows"
TRAINING: Final = "training rows"
# As digit-verify: two of a hundred digits can be chance for an int8 file.
_MOST_CHANGED: Final = 0.02


@dataclass(frozen=True)
class Recorded:
    """What digit-export found of a file, and the rows to see whether it holds here."""

    accuracy: float
    reference: Golden

    def holds(self, digits: Sequence[int]) -> bool:
        """Return whether these digits of the reference rows are those that Keras gave."""
        expected = self.reference.probabilities.argmax(axis=1)
        return float(np.mean(expected != np.asarray(digits))) <= _MOST_CHANGED


@dataclass(frozen=True)
class Exam:
    """The rows, by number from 0, that tell how good a file is."""

    start: int
    rows: int
    of: str = GIVEN
    """`GIVEN`, `HELD_OUT`, or `TRAINING`, which tell nothing."""
    recorded: Recorded | None = None

    def measured(self, rows: int) -> "Exam":
        """Return an exam of so many rows at most, whose answers are asked and not looked up."""
        return replace(self, rows=min(rows, self.rows), recorded=None)


def exams(
    chosen: Sequence[Candidate], data: Path, labels: Path | None, rows: int
) -> dict[Candidate, Exam]:
    """Return for each candidate the rows to ask it.

    Args:
        chosen: What is measured.
        data: The file of the labelled digits.
        labels: That of their labels, if they are in one of their own.
        rows: How many there are.
    """
    hashes = (sha256_of(data), sha256_of(labels) if labels else None)
    return {candidate: _exam(candidate, hashes, rows) for candidate in chosen}


def reference_pixels(chosen: Mapping[Candidate, Exam]) -> dict[Candidate, Pixels]:
    """Return the rows to check recorded figures with, of the candidates that have one."""
    return {c: exam.recorded.reference.pixels for c, exam in chosen.items() if exam.recorded}


def _exam(candidate: Candidate, hashes: tuple[str, str | None], rows: int) -> Exam:
    if candidate.directory is None:
        return Exam(0, rows)
    manifest = Manifest.read(candidate.directory)
    training, exported = (_section(manifest, key) for key in ("training", "export"))
    learnt_from, data = _section(training, "data"), _section(exported, "data")
    if hashes[0] not in (learnt_from.get("sha256"), data.get("train")):
        is_test = hashes == (data.get("test"), data.get("test_labels"))
        return Exam(0, rows, GIVEN, _recorded(candidate, manifest, "test") if is_test else None)
    held_out = training.get("validation_rows")
    if hashes[0] != learnt_from.get("sha256") or not isinstance(held_out, int):
        return Exam(0, rows, TRAINING)
    same = hashes[0] == data.get("train")
    recorded = _recorded(candidate, manifest, "validation") if same else None
    return Exam(rows - held_out, held_out, HELD_OUT, recorded)


def _recorded(candidate: Candidate, manifest: Manifest, split: str) -> Recorded | None:
    assert candidate.directory is not None
    for file in manifest.files:
        parity = file.parity.get(split)
        if file.sha256 == candidate.sha256 and parity and parity.accuracy is not None:
            try:
                return Recorded(parity.accuracy, golden_rows(candidate.directory))
            except DigitError:  # Without them it cannot be known whether the figure holds.
                return None
    return None


def _section(of: Manifest | Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = (of.provenance if isinstance(of, Manifest) else of).get(key)
    return value if isinstance(value, dict) else {}
