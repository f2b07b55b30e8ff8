"""What all parts of a run have in common, and what is recorded of each."""

import json
from dataclasses import asdict, dataclass
from typing import Final

from digit_runtime.batch.parts import Part
from digit_runtime.contract import CONTRACT_VERSION
from digit_runtime.errors import DigitError

OUTPUT_FORMATS: Final = ("parquet", "csv")


@dataclass(frozen=True)
class Identity:
    """All that decides the results of a part; equal means nothing to redo.

    `source` is the file's name, `size` and `modified` its state; `start`, `stop` and
    `before` are the part's; the rest is the job's.
    """

    source: str
    size: int
    modified: str
    start: int
    stop: int
    before: int
    model: str
    sha256: str
    engine: str
    contract: int
    output_format: str
    invert: bool
    transpose: bool


@dataclass(frozen=True)
class Job:
    """How to score a part. The same for every worker, so that all answer alike.

    Attributes:
        output: Address of the results' folder.
        run: Tells this run's temporary files from those of others.
        output_format: One of `OUTPUT_FORMATS`.
        model: File name of the model.
        sha256: Of that file.
        engine: That all workers use.
        threads: That an engine uses for one batch.
        invert: Whether to invert the colours first.
        transpose: Whether to exchange rows and columns first.
        unsure_below: The model's; see `Classifier`. Its manifest does not travel.
    """

    output: str
    run: str
    output_format: str
    model: str
    sha256: str
    engine: str
    threads: int = 1
    invert: bool = False
    transpose: bool = False
    unsure_below: float | None = None

    def identity(self, part: Part) -> Identity:
        """Return all that decides the results of a part."""
        return Identity(
            source=part.source.name,
            size=part.source.size,
            modified=part.source.modified,
            start=part.start,
            stop=part.stop,
            before=part.before,
            model=self.model,
            sha256=self.sha256,
            engine=self.engine,
            contract=CONTRACT_VERSION,
            output_format=self.output_format,
            invert=self.invert,
            transpose=self.transpose,
        )


@dataclass(frozen=True)
class Record:
    """What came of a part.

    Attributes:
        identity: See `Job.identity`.
        rows_in: Rows that the part has, counted without parsing them.
        rows_out: Rows with a result.
        errors: Rows in the errors file.
        size: Of the results, in bytes.
        warnings: Suspicions about the pixels.
    """

    identity: Identity
    rows_in: int
    rows_out: int
    errors: int
    size: int
    warnings: list[str]

    def to_json(self) -> bytes:
        """Return the record as a file's content."""
        return json.dumps(asdict(self), indent=1).encode()


@dataclass(frozen=True)
class Outcome:
    """A part with its record, or with the reason why it has none.

    `killed` is how many workers were killed at it before.
    """

    part: Part
    record: Record | None = None
    error: DigitError | None = None
    killed: int = 0
