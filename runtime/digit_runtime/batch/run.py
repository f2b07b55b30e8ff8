"""A batch run from beginning to end."""

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from digit_runtime.batch.errors import ClusterError
from digit_runtime.batch.job import Job, Outcome, Record
from digit_runtime.batch.last_words import last_words
from digit_runtime.batch.ledger import Ledger
from digit_runtime.batch.parts import BadRow, Part
from digit_runtime.batch.places import ERRORS, Folder
from digit_runtime.batch.readers.table import plan_of
from digit_runtime.batch.results import ERRORS_HEADER, error_lines
from digit_runtime.batch.scorer import BAD_INPUT
from digit_runtime.batch.sources import Source, find
from digit_runtime.batch.summary import Summary, verify
from digit_runtime.device import usable_cpus
from digit_runtime.errors import DigitError, ModelFileError
from digit_runtime.models.classifier import Classifier
from digit_runtime.terminal import one_line, progress, track

ERRORS_FILE: Final = "_errors.csv"
# Reading footers and counting lines is waiting for a disk or a network.
_PLANNERS: Final = 8
_ENDED: Final = (
    "Error: the run was killed, or Ray lost a process of its own; what was scored is kept, the "
    "same command goes on\n"
)


@dataclass(frozen=True)
class Settings:
    """What a run is asked for; see the command's options.

    Attributes:
        address: Of a Ray cluster; None to start one here.
        workers: None for as many as the CPUs allow.
        threads: Of each worker's engine.
        part_rows: Rows of a part, about.
    """

    address: str | None = None
    workers: int | None = None
    threads: int = 1
    part_rows: int = 100_000
    output_format: str = "parquet"
    invert: bool = False
    transpose: bool = False
    force: bool = False


def run(inputs: Sequence[str], output: str, classifier: Classifier, settings: Settings) -> Summary:
    """Score all rows of `inputs` into the folder `output`; what is there already is kept.

    Args:
        inputs: Files, folders and patterns; see `sources.find`.
        output: Address of a folder.
        classifier: Every worker loads the same file with the same engine.
        settings: The rest.

    Raises:
        InputNotFoundError: An input names nothing.
        OutputInUseError: The folder holds results of something else.
        ClusterError: Ray or its workers fail.
        OutputError, EngineError: A worker cannot write or predict.
        CountsError: The results are not complete.
    """
    start = time.perf_counter()
    model = _content(classifier.path)
    job = Job(
        output=output if "://" in output else os.path.abspath(output),
        run=f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}",
        output_format=settings.output_format,
        model=classifier.path.name,
        sha256=hashlib.sha256(model).hexdigest(),
        engine=classifier.engine,
        threads=settings.threads,
        invert=settings.invert,
        transpose=settings.transpose,
        unsure_below=classifier.unsure_below,
    )
    folder = Folder(job.output, job.run)
    found = find(inputs, job.output)
    parts, errors = _plan(found.sources, settings.part_rows)
    with folder.owned():
        records = Ledger(folder).complete(parts, job, settings.force)
        todo = [part for part in parts if part.name not in records]
        kept, workers, killed = len(records), 0, 0
        folder.create()
        try:
            if todo:
                workers, killed = _score(todo, job, model, settings, records, errors)
            with folder.writing(ERRORS_FILE) as stream:
                stream.writelines(_error_lines(folder, parts, records, errors))
        finally:
            folder.clean()
        verify(folder, records, job.output_format)
    lost = sum(part.rows or 0 for part in errors if isinstance(part, Part))
    return Summary(
        output=folder.name,
        errors_file=f"{folder.name}/{ERRORS_FILE}",
        model=job.model,
        engine=job.engine,
        threads=job.threads,
        rows_in=lost + sum(record.rows_in for record in records.values()),
        rows_out=sum(record.rows_out for record in records.values()),
        rows_bad=lost + sum(record.errors for record in records.values()),
        files=len(found.sources),
        files_bad=len({_source(where) for where in errors}),
        parts_scored=len(records) - kept,
        parts_kept=kept,
        rows_scored=sum(records[part.name].rows_in for part in todo if part.name in records),
        workers=workers,
        workers_killed=killed,
        seconds=round(time.perf_counter() - start, 3),
        warnings=[text for record in records.values() for text in record.warnings],
        passed_over=found.passed_over,
    )


# A file that cannot be cut into parts, or a part that cannot be read, and why.
_Errors = dict[Source | Part, DigitError]


def _plan(sources: Sequence[Source], rows: int) -> tuple[list[Part], _Errors]:
    parts: list[Part] = []
    errors: _Errors = {}

    def cut(source: Source) -> list[Part] | DigitError:
        try:
            return plan_of(source)(source, rows)
        except BAD_INPUT as error:
            return error

    with ThreadPoolExecutor(_PLANNERS) as pool:
        plans = track(pool.map(cut, sources), "files looked at", len(sources))
        for source, plan in zip(sources, plans, strict=True):
            if isinstance(plan, DigitError):
                errors[source] = plan
            else:
                parts += plan
    return parts, errors


def _score(
    todo: Sequence[Part],
    job: Job,
    model: bytes,
    settings: Settings,
    records: dict[str, Record],
    errors: _Errors,
) -> tuple[int, int]:
    """Score parts into `records` and `errors`; returns how many workers there were, and died."""
    # Imported only now: it takes a second.
    from digit_runtime.batch.ray_cluster import connected, score_all

    wished = settings.workers and min(settings.workers, len(todo))
    cpus = max(settings.threads, wished * settings.threads if wished else usable_cpus())
    # Of a cluster that is there already nothing is this run's to end.
    mark = None if settings.address else uuid4().hex
    with last_words(_ENDED, mark) as say, connected(settings.address, cpus, mark) as cpus:
        workers = _workers(cpus, wished, settings.threads, len(todo))
        try:
            # Closed while Ray is there: after an error nothing must go on, or start it again.
            with closing(score_all(todo, job, model, workers)) as outcomes:
                try:
                    return workers, _gather(outcomes, todo, records, errors)
                except DigitError as error:
                    say(f"Error: {one_line(str(error))}\n")
                    raise
        except BaseException:
            # Now, since Ray may end this process when it is to shut down.
            Folder(job.output, job.run).clean()
            raise


def _workers(cpus: int, wished: int | None, threads: int, parts: int) -> int:
    fit = cpus // threads
    if not fit or (wished or 0) > fit:
        raise ClusterError(
            f"{(wished or 1) * threads} CPUs are needed ({threads} for each worker), but Ray has "
            f"{cpus}; use fewer --workers or --threads"
        )
    return wished or min(fit, parts)


def _gather(
    outcomes: Iterator[Outcome], todo: Sequence[Part], records: dict[str, Record], errors: _Errors
) -> int:
    """Add what came of the parts to `records` and `errors`; returns how many workers died."""
    killed = 0
    known = [part.rows for part in todo if part.rows is not None]
    with progress("rows scored", sum(known) if len(known) == len(todo) else None) as advance:
        for outcome in outcomes:
            if outcome.record:
                records[outcome.part.name] = outcome.record
                advance(outcome.record.rows_in)
                killed += outcome.killed
            elif isinstance(outcome.error, BAD_INPUT):
                errors[outcome.part] = outcome.error
                advance(outcome.part.rows or 0)
            elif outcome.error:
                raise outcome.error
    return killed


def _error_lines(
    folder: Folder, parts: Sequence[Part], records: dict[str, Record], errors: _Errors
) -> Iterator[bytes]:
    yield ERRORS_HEADER
    for where, error in errors.items():
        source = _source(where)
        reason = str(error).removeprefix(f"{source.name}: ")
        if isinstance(where, Part) and where.rows:
            reason = f"rows {where.before + 1} to {where.before + where.rows} are lost: {reason}"
        yield error_lines(source.name, [BadRow(0, "", reason)])
    for part in parts:
        if part.name in records and records[part.name].errors:
            yield folder.read(f"{ERRORS}/{part.name}.csv")


def _source(where: Source | Part) -> Source:
    return where.source if isinstance(where, Part) else where


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error
