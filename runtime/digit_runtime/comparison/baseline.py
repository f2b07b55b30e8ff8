"""Set a comparison against an older one of the same device, for use in CI."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from digit_runtime.comparison import results
from digit_runtime.comparison.results import Comparison, Row
from digit_runtime.errors import ResultsError
from digit_runtime.measuring.statistics import overlap
from digit_runtime.terminal import table


@dataclass(frozen=True)
class Change:
    """One figure of one row, then and now. `change` is relative; above 0 is worse."""

    row: str
    figure: str
    old: float
    new: float
    change: float
    verdict: str
    """"ok", "better", "worse", or "undecided": it grew by more, but the intervals overlap."""


@dataclass(frozen=True)
class Report:
    """All changes, and in `notes` what could not be set against each other."""

    changes: list[Change]
    notes: list[str]

    @property
    def worse(self) -> int:
        """How many figures are worse than allowed."""
        return sum(change.verdict == "worse" for change in self.changes)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    def __str__(self) -> str:
        header = ["row", "figure", "old", "new", "change", "verdict"]
        rows = [
            [c.row, c.figure, f"{c.old:,.5g}", f"{c.new:,.5g}", f"{c.change:+.1%}", c.verdict]
            for c in self.changes
            if c.verdict != "ok"
        ]
        same = f"{len(self.changes) - len(rows)} of {len(self.changes)} figures are as before."
        return "\n".join(
            ([table(header, rows, left=2)] if rows else [])
            + [same, *self._undecided(), *self.notes]
        )

    def _undecided(self) -> list[str]:
        count = sum(change.verdict == "undecided" for change in self.changes)
        if not count:
            return []
        return [
            f"{count} undecided: the old and the new 95 % interval overlap, so that this may be "
            "chance; measure longer with --seconds, on a machine that does nothing else."
        ]


def read(path: Path, threads: int) -> Comparison:
    """Read an older comparison; see `results.read`.

    Raises:
        ResultsError: It was measured with another number of threads, too.
    """
    old = results.read(path)
    if old.settings.threads != threads:
        raise ResultsError(
            f"{path}: was measured with --threads {old.settings.threads}, and this would be with "
            f"--threads {threads}"
        )
    return old


def check(old: Comparison, new: Comparison, limit: float) -> Report:
    """Compare the median latency, size, memory and error rate of rows that both have.

    A figure is worse if it grew by more than `limit`, a fraction, and, where it has
    a confidence interval, if that does not overlap with the old one's.

    Raises:
        ResultsError: No row is in both.
    """
    then, now = ({row.key: row for row in one.rows} for one in (old, new))
    both = [key for key in now if key in then]
    if not both:
        raise ResultsError("the baseline has none of the rows that were measured now")
    same_digits = old.settings.data_sha256 == new.settings.data_sha256
    notes = [f"Not in the baseline: {now[key]}." for key in now if key not in then]
    notes += [f"Not measured now: {then[key]}." for key in then if key not in now]
    if not same_digits:
        notes.append("The baseline was measured on other digits, so accuracy is left out.")
    if old.device.cpu != new.device.cpu:
        notes.append(f"The baseline is of another processor: {old.device.cpu}.")
    changes = [
        change for key in both for change in _changes(then[key], now[key], limit, same_digits)
    ]
    return Report(changes, notes)


def _changes(old: Row, new: Row, limit: float, same_digits: bool) -> Sequence[Change]:
    name = str(new)
    certain = not overlap(old.p50_interval, new.p50_interval)
    found = [
        _change(name, "p50 ms", old.p50_ms, new.p50_ms, limit, certain),
        _change(name, "size kB", old.bytes / 1e3, new.bytes / 1e3, limit),
    ]
    if old.peak_bytes and new.peak_bytes:
        found.append(_change(name, "memory MB", old.peak_bytes / 1e6, new.peak_bytes / 1e6, limit))
    same_rows = same_digits and old.accuracy_rows == new.accuracy_rows
    if same_rows and (old.accuracy_interval and new.accuracy_interval):
        certain = not overlap(old.accuracy_interval, new.accuracy_interval)
        before, after = (100 * (1 - (row.accuracy or 0)) for row in (old, new))
        found.append(_change(name, "errors %", before, after, limit, certain))
    return found


def _change(
    row: str, figure: str, old: float, new: float, limit: float, certain: bool = True
) -> Change:
    change = new / old - 1 if old else float(new > 0)
    verdict = "ok"
    if change > limit:
        verdict = "worse" if certain else "undecided"
    elif change < -limit and certain:
        verdict = "better"
    return Change(row, figure, old, new, change, verdict)
