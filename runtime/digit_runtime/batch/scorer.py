"""What a worker does with a part: read, predict, publish."""

from collections.abc import Generator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from digit_runtime.batch.errors import WorkerKilledError
from digit_runtime.batch.job import Job, Outcome, Record
from digit_runtime.batch.parts import BadRow, Part, Rows
from digit_runtime.batch.places import ERRORS, PARTS, Folder
from digit_runtime.batch.readers.pictures import is_picture, read_marks
from digit_runtime.batch.readers.table import format_of
from digit_runtime.batch.results import MARKS, SCHEMA, Results
from digit_runtime.contract import Pixels
from digit_runtime.errors import (
    DigitError,
    InputNotFoundError,
    InputReadError,
    OutputError,
    PixelsError,
)
from digit_runtime.inputs.page.read import Model
from digit_runtime.inputs.suspicions import Guard, transposed
from digit_runtime.loading.load import load

BAD_INPUT: Final = (PixelsError, InputReadError, InputNotFoundError, WorkerKilledError)
# Ray gives a part to a new worker as often as one dies; a part that kills them must end.
ATTEMPTS: Final = 3


class Scorer:
    """A worker's classifier, and what it does with a part.

    Args:
        job: What all parts have in common.
        model: Content of the model file: a cluster's machines need not have it.
    """

    def __init__(self, job: Job, model: bytes) -> None:
        self._job = job
        self._folder = Folder(job.output, job.run)
        with TemporaryDirectory(prefix="digit-batch-", ignore_cleanup_errors=True) as folder:
            path = Path(folder, job.model)
            try:
                path.write_bytes(model)
            except OSError as error:
                raise OutputError(f"{path}: cannot be written: {error.strerror}") from error
            self._classifier = load(path, engine=job.engine, threads=job.threads)

    def score(self, part: Part) -> Outcome:
        """Publish the results of a part, or say why there are none."""
        try:
            with self._folder.attempt(part.name) as killed:
                if killed >= ATTEMPTS:
                    raise WorkerKilledError(f"{part.source.name}: killed {killed} workers")
                return Outcome(part, record=self._publish(part), killed=killed)
        except DigitError as error:
            return Outcome(part, error=error)

    def _publish(self, part: Part) -> Record:
        # In the order of their appearance: bad rows, record, results. So results that
        # are there have all that belongs to them, and being there makes a part complete.
        marks = is_picture(part.source)
        with self._folder.writing(f"{part.name}.{self._job.output_format}") as stream:
            with Results(
                part.source.name,
                stream,
                self._job.output_format,
                lambda: self._folder.writing(f"{ERRORS}/{part.name}.csv"),
                MARKS if marks else SCHEMA,
            ) as results:
                total, warnings = (self._marks if marks else self._rows)(part, results)
            record = Record(
                identity=self._job.identity(part),
                rows_in=total if part.rows is None else part.rows,
                rows_out=results.rows,
                errors=results.errors,
                size=stream.tell(),
                warnings=warnings,
            )
            with self._folder.writing(f"{PARTS}/{part.name}.json") as file:
                file.write(record.to_json())
        return record

    def _rows(self, part: Part, results: Results) -> tuple[int, list[str]]:
        """Score a table's rows; returns how many there were, and suspicions."""
        guard = self._guard(part)
        reading = _Reading(format_of(part.source).read(part))
        for rows in reading:
            results.add_bad(rows.bad)
            if len(rows.pixels):
                self._predict(rows, results, guard)
        return reading.total, guard.complaints()

    def _marks(self, part: Part, results: Results) -> tuple[int, list[str]]:
        """Find and score a picture's marks; returns how many there were, and no suspicions."""
        classifier = self._classifier
        model = Model(classifier.predict_proba, classifier.labels, self._job.unsure_below)
        total = 0
        for found in read_marks(part, model):
            if isinstance(found, BadRow):
                results.add_bad([found])
                total += 1
            else:
                results.add_table(found)
                total += found.num_rows
        return total, []

    def _predict(self, rows: Rows, results: Results, guard: Guard) -> None:
        pixels = self._oriented(rows.pixels)
        probabilities = self._classifier.predict_proba(pixels)
        guard.see_predicted(pixels, probabilities, self._classifier.predict_proba)
        results.add(rows.numbers, probabilities, rows.ids)

    def _oriented(self, pixels: Pixels) -> Pixels:
        if self._job.transpose:
            pixels = transposed(pixels)
        return 255 - pixels if self._job.invert else pixels

    def _guard(self, part: Part) -> Guard:
        where = f" after row {part.before:,}" if part.before else ""
        return Guard(part.source.name + where, self._job.invert, self._job.transpose)


class _Reading:
    """Iterates over a part's rows, and keeps the total that its reader returns at the end."""

    def __init__(self, rows: Generator[Rows, None, int]) -> None:
        self._rows = rows
        self.total = 0

    def __iter__(self) -> Iterator[Rows]:
        self.total = yield from self._rows
