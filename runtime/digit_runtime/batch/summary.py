"""What a run comes to, and the proof that no row was lost or doubled."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from digit_runtime.batch.errors import CountsError
from digit_runtime.batch.job import Record
from digit_runtime.batch.places import Folder
from digit_runtime.batch.walk import PassedOver
from digit_runtime.terminal import one_line, plural


@dataclass(frozen=True)
class Summary:
    """Counts over the whole output, not only over what this run added to it.

    Attributes:
        rows_in: Rows of all parts that could be read at all.
        rows_out: Rows with a result.
        rows_bad: Rows in the errors file, those of unreadable parts included.
        files: Input files.
        files_bad: Those of them that could not be read, in whole or in part.
        parts_scored: By this run.
        parts_kept: Scored by an earlier run.
        rows_scored: By this run.
        workers: That this run had; 0 if there was nothing left to do.
        workers_killed: While at parts that others then scored.
        seconds: That it took.
        passed_over: Files in the inputs that are none of digits.
    """

    output: str
    errors_file: str
    model: str
    engine: str
    threads: int
    rows_in: int
    rows_out: int
    rows_bad: int
    files: int
    files_bad: int
    parts_scored: int
    parts_kept: int
    rows_scored: int
    workers: int
    workers_killed: int
    seconds: float
    warnings: Sequence[str]
    passed_over: Sequence[PassedOver] = ()

    @property
    def rows_per_s(self) -> float:
        """Rows that this run scored in a second of wall time, start of the workers included."""
        return self.rows_scored / self.seconds

    def as_json(self) -> dict[str, Any]:
        """Return a document for programs."""
        return asdict(self) | {"rows_per_s": round(self.rows_per_s, 1)}

    def __str__(self) -> str:
        lines = [
            f"{plural(self.rows_in, 'row')} in = {self.rows_out:,} out + "
            f"{plural(self.rows_bad, 'error')}, in {plural(self.files, 'file')}"
        ]
        if self.parts_kept:
            lines.append(f"{plural(self.parts_kept, 'part')} complete from an earlier run")
        if self.workers:
            lines.append(
                f"{plural(self.parts_scored, 'part')} scored to {self.output} in "
                f"{self.seconds:.1f} s ({self.rows_per_s:,.0f} rows/s): {self.model} on "
                f"{self.engine}, {plural(self.workers, 'worker')}, "
                f"{plural(self.threads, 'thread')} each"
            )
        if self.workers_killed:
            killed = plural(self.workers_killed, "worker")
            lines.append(f"{killed} died; what they were at was scored again")
        if self.files_bad:
            lines.append(f"{plural(self.files_bad, 'file')} could not be read to the end")
        if self.rows_bad or self.files_bad:
            lines.append(f"errors are in {self.errors_file}")
        return "\n".join(map(one_line, lines))


def verify(folder: Folder, records: Mapping[str, Record], output_format: str) -> None:
    """Check that the folder holds the results of these parts, whole, and of no others.

    Raises:
        CountsError: It does not, or the rows of a part do not add up.
    """
    for name, record in records.items():
        if record.rows_in != record.rows_out + record.errors:
            raise CountsError(
                f"{folder.name}/{name}.{output_format}: {record.rows_in:,} rows in, but "
                f"{record.rows_out:,} out and {record.errors:,} errors; please report this"
            )
    expected = {f"{name}.{output_format}": record.size for name, record in records.items()}
    there = {n: size for n, size in folder.sizes().items() if not n.startswith(("_", "."))}
    if differing := sorted(expected.items() ^ there.items()):
        raise CountsError(
            f"{folder.name}/{differing[0][0]}: is not what was written there; does another run "
            "write into the same folder?"
        )
