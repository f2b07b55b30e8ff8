"""Whether this device computes what Keras computed where the model was trained.

Every model carries a few digits with the probabilities that Keras gave them. A file that
is intact can still answer otherwise: another CPU's instructions, another version of an
engine, an engine built by someone else. No labels are needed, and no data set.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from digit_runtime.contract import Probabilities
from digit_runtime.engines.table import ENGINES, engine_for, engines_for
from digit_runtime.errors import DigitError, ModelNotFoundError, UnsupportedModelError
from digit_runtime.models.classifier import Classifier
from digit_runtime.models.exported import no_such_file
from digit_runtime.models.folder import FoundFile, files_of
from digit_runtime.models.manifest import Manifest, file_state
from digit_runtime.models.reference import Golden, described

# What a file without a recorded gate is held to: digit-export's loosest.
UNRECORDED: Final[Mapping[str, float]] = {"min_agreement": 0.997}
_CHANCE: Final = 0.01


@dataclass(frozen=True)
class Tolerance:
    """How far the answers may be from Keras's on some rows; None leaves that free."""

    difference: float | None = None
    """Of any probability."""
    changed: int | None = None
    """How many rows may have another digit."""

    @classmethod
    def of(cls, gate: Mapping[str, float], rows: int) -> "Tolerance":
        """Return what a file that passed `gate` may do on so many other rows.

        The share of changed answers was measured on thousands of rows; on few, more than
        that share can still be chance: as many as a file at the limit would change in
        99 of 100 draws.
        """
        agreement = gate.get("min_agreement")
        changed = None if agreement is None else _likely(rows, 1 - agreement)
        difference = gate.get("max_difference")
        # A changed answer that an allowed difference explains is a tie.
        return cls(difference, changed if difference is None else None)


def _likely(rows: int, share: float) -> int:
    """Return the least k that a binomial count of `rows` exceeds in `_CHANCE` of all draws."""
    below = 0.0
    for count in range(rows):
        below += math.comb(rows, count) * share**count * (1 - share) ** (rows - count)
        if below >= 1 - _CHANCE:
            return count
    return rows


@dataclass(frozen=True)
class Candidate:
    """A file of a model and an engine to run it with; None if none is installed."""

    file: FoundFile
    engine: str | None


@dataclass(frozen=True)
class Difference:
    """One digit that differs. `row` counts from 1; `difference` is of its probabilities."""

    row: int
    expected: int
    predicted: int
    difference: float


@dataclass(frozen=True)
class Check:
    """What came of one candidate; `failure` says in words what is wrong, if anything is."""

    path: str
    format: str
    precision: str | None
    engine: str | None
    rows: int = 0
    max_difference: float | None = None
    changed: int | None = None
    differences: tuple[Difference, ...] = ()
    failure: str | None = None
    gate: Mapping[str, float] = field(default_factory=dict)
    """The limits that the file was published under, and is held to here."""
    tolerance: Mapping[str, float] = field(default_factory=dict)
    """Those of them that --tolerance gave."""
    obstacle: str | None = None
    """Why nothing was checked, though the engine is there."""


@dataclass(frozen=True)
class FileState:
    """A file that the manifest describes: "intact", "damaged" or "not here"."""

    path: str
    state: str


@dataclass(frozen=True)
class Report:
    """All that was checked of one model."""

    name: str
    folder: str
    files: list[FileState]
    checks: list[Check]

    @property
    def failures(self) -> int:
        """How many files are damaged, plus how many checks of intact ones failed."""
        damaged = {file.path for file in self.files if file.state == "damaged"}
        return len(damaged) + sum(
            check.failure is not None and check.path not in damaged for check in self.checks
        )


def file_states(directory: Path) -> list[FileState]:
    """Check the size and hash of every file that the manifest describes.

    Raises:
        ModelNotFoundError, ManifestError: See `Manifest.read` and `Manifest.described`.
    """
    others = [described(directory, key) for key in ("model", "reference")]
    return [
        FileState(file.path, file_state(directory / file.path, file))
        for file in [*filter(None, others), *Manifest.read(directory).files]
    ]


def candidates(
    directory: Path,
    format: str | None = None,
    precision: str | None = None,
    engines: Sequence[str] = (),
) -> list[Candidate]:
    """Return the model's files that are here with every installed engine that reads them.

    Args:
        directory: The model's.
        format: Only files of this format.
        precision: Only files of this precision.
        engines: Only these engines, and the files that they read; none means all.

    Raises:
        ModelNotFoundError: There are no such files.
        EngineNotInstalledError: One of `engines` is not installed.
        ManifestError: See `Manifest.read`.
    """
    for engine in ENGINES:
        if engine.name in engines:
            engine_for(engine.format, engine.name)
    files = [file for file in files_of(directory, format) if precision in (None, file.precision)]
    if not files:
        raise no_such_file(directory, format, precision, files_of(directory))
    found: list[Candidate] = []
    for file in files:
        names = [engine.name for engine in engines_for(file.format)]
        found += [Candidate(file, name) for name in names if not engines or name in engines]
        if not names:
            found.append(Candidate(file, None))
    if not found:
        raise ModelNotFoundError(f"{directory}: has no file that {' or '.join(engines)} reads")
    return found


def check(candidate: Candidate, reference: Golden) -> Check:
    """Run the reference rows through one file on one engine; a failure is in the result."""
    file = candidate.file
    about = (file.entry.path if file.entry else file.path.name, file.format, file.precision)
    if candidate.engine is None:
        return Check(*about, None)
    try:
        classifier = Classifier(file, candidate.engine)
        predicted = classifier.predict_proba(reference.pixels)
    except UnsupportedModelError as error:
        return Check(*about, candidate.engine, obstacle=str(error))
    except DigitError as error:
        return Check(*about, candidate.engine, failure=str(error))
    rows = len(predicted)
    if predicted.shape != reference.probabilities.shape:
        failure = f"has {predicted.shape[1]} classes, the reference rows have others"
        return Check(*about, candidate.engine, rows, failure=failure)
    if not np.isfinite(predicted).all():
        failure = "has probabilities that are not numbers"
        return Check(*about, candidate.engine, rows, failure=failure)
    gate = (file.entry.gate if file.entry else None) or UNRECORDED
    tolerance = Tolerance.of(gate, rows)
    differences = _differences(reference.probabilities, predicted, tolerance)
    changed = sum(found.expected != found.predicted for found in differences)
    largest = float(np.abs(predicted - reference.probabilities).max())
    return Check(
        *about,
        candidate.engine,
        rows,
        largest,
        changed,
        tuple(differences),
        _failure(tolerance, largest, changed, rows),
        gate,
        file.entry.tolerance if file.entry else {},
    )


def _differences(
    expected: Probabilities, predicted: Probabilities, tolerance: Tolerance
) -> list[Difference]:
    """Return the rows with another digit or, where that counts, too far from Keras's."""
    largest = np.abs(predicted - expected).max(axis=1)
    before, now = expected.argmax(axis=1), predicted.argmax(axis=1)
    wrong = before != now
    if tolerance.difference is not None:
        wrong |= largest > tolerance.difference
    return [
        Difference(int(row) + 1, int(before[row]), int(now[row]), float(largest[row]))
        for row in np.flatnonzero(wrong)
    ]


def _failure(tolerance: Tolerance, largest: float, changed: int, rows: int) -> str | None:
    if tolerance.difference is not None and largest > tolerance.difference:
        return f"differs by {largest:.1e}, more than {tolerance.difference:.0e}"
    if tolerance.changed is not None and changed > tolerance.changed:
        return f"{changed} of {rows} digits changed, more than {tolerance.changed}"
    return None
