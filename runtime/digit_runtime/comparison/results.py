"""The results of a comparison, and their JSON; docs/compare.md explains every field.

Whoever changes a field's name or meaning raises `SCHEMA`.
"""

import hashlib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

from digit_runtime.comparison.measured import Plan
from digit_runtime.contract import Pixels
from digit_runtime.device import Machine
from digit_runtime.errors import InputNotFoundError, ResultsError
from digit_runtime.measuring.conditions import Conditions
from digit_runtime.storage.records import RecordError, build, check_schema, parse

SCHEMA: Final = 3


@dataclass(frozen=True)
class Row:
    """One file on one engine. Low and high are the ends of 95 % confidence intervals."""

    model: str
    format: str
    precision: str
    engine: str
    engine_version: str
    sha256: str
    bytes: int
    load_ms: float
    first_ms: float
    p50_ms: float
    p50_low_ms: float
    p50_high_ms: float
    p95_ms: float
    p99_ms: float
    runs: int
    rounds: int
    images_per_s: float
    images_per_s_low: float
    images_per_s_high: float
    batch: int
    batches: dict[str, float]
    peak_bytes: int | None
    rows: int
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    energy_mj: float | None
    accuracy_rows: int | None = None
    """How many rows the accuracy is of; None without one."""
    accuracy_of: str | None = None
    """"given rows", "held-out rows", or "training rows", which have no accuracy."""
    accuracy_recorded: bool = False
    """Whether it is digit-export's figure and not measured here."""
    rank: int = 1
    tie: bool = False
    tolerated: bool = False
    """Whether it was published by ``--tolerance`` only; nothing is chosen by such a row."""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same row in another comparison."""
        return (self.model, self.format, self.precision, self.engine)

    @property
    def p50_interval(self) -> tuple[float, float]:
        """The ends of the median latency's interval, in milliseconds."""
        return (self.p50_low_ms, self.p50_high_ms)

    @property
    def accuracy_interval(self) -> tuple[float, float] | None:
        """The ends of the accuracy's interval, from 0 to 1; None without labels."""
        if self.accuracy_low is None or self.accuracy_high is None:
            return None
        return (self.accuracy_low, self.accuracy_high)

    def __str__(self) -> str:
        return f"{self.model} {self.format} {self.precision} on {self.engine}"


@dataclass(frozen=True)
class Device:
    """Where it was measured."""

    cpu: str
    architecture: str
    usable_cpus: int
    system: str
    python: str

    @classmethod
    def of(cls, machine: Machine) -> "Device":
        """Return what a comparison keeps of a machine."""
        return cls(**{field.name: getattr(machine, field.name) for field in fields(cls)})


@dataclass(frozen=True)
class Settings:
    """With what it was measured."""

    threads: int
    rounds: int
    seconds: float
    rows: int
    """How many were timed."""
    data_sha256: str
    """Of all rows' pixels, so that accuracies can be told to be of the same digits."""

    @classmethod
    def of(cls, plan: Plan, pixels: Pixels) -> "Settings":
        """Return the settings of a plan for uint8 ``[N, 784]``."""
        digest = hashlib.sha256(pixels.tobytes()).hexdigest()
        timed = min(plan.rows or len(pixels), len(pixels))
        return cls(plan.threads, plan.rounds, plan.seconds, timed, digest)


@dataclass(frozen=True)
class Comparison:
    """All that one run of digit-compare found."""

    device: Device
    settings: Settings
    before: Conditions
    after: Conditions
    warnings: list[str]
    failures: list[str]
    interrupted: bool
    """Whether Ctrl-C ended it before all rounds were measured."""
    rows: list[Row]

    def as_json(self) -> dict[str, Any]:
        """Return the document that `read` reads."""
        return {
            "schema": SCHEMA,
            "device": asdict(self.device),
            "settings": asdict(self.settings),
            "conditions": {
                "before": asdict(self.before),
                "after": asdict(self.after),
                "warnings": self.warnings,
            },
            "interrupted": self.interrupted,
            "failures": self.failures,
            "results": [asdict(row) for row in self.rows],
        }


@dataclass(frozen=True)
class _Around:
    before: Conditions
    after: Conditions
    warnings: list[str]


@dataclass(frozen=True)
class _Document:
    device: Device
    settings: Settings
    conditions: _Around
    interrupted: bool
    failures: list[str]
    results: list[Row]


def read(path: Path) -> Comparison:
    """Read what ``digit-compare --json`` wrote.

    Raises:
        InputNotFoundError: There is no such file.
        ResultsError: It is not JSON, of another schema, or lacks a field.
    """
    try:
        document = parse(path.read_bytes())
        if "schema" not in document:
            raise RecordError("is not a result of digit-compare --json")
        check_schema(document, SCHEMA, "measure again, or update digit-runtime")
        return _comparison(build(_Document, document))
    except FileNotFoundError as error:
        raise InputNotFoundError(f"{path}: no such file") from error
    except OSError as error:
        raise ResultsError(f"{path}: cannot be read: {error.strerror}") from error
    except RecordError as error:
        raise ResultsError(f"{path}: {error}; digit-compare --json writes it") from error


def _comparison(document: _Document) -> Comparison:
    if not all(row.p50_ms > 0 and row.bytes > 0 for row in document.results):
        raise RecordError("has a result whose p50_ms or bytes is not above 0")
    return Comparison(
        device=document.device,
        settings=document.settings,
        before=document.conditions.before,
        after=document.conditions.after,
        warnings=document.conditions.warnings,
        failures=document.failures,
        interrupted=document.interrupted,
        rows=document.results,
    )
