"""How much is measured, and what was: the raw figures, before any statistics."""

import math
from dataclasses import dataclass, field
from typing import Final

from digit_runtime.comparison.candidates import Candidate
from digit_runtime.comparison.exam import Exam

# The largest first, which is the best nearly always, in case of no second round.
BATCHES: Final = (64, 8, 32)


@dataclass(frozen=True)
class Plan:
    """How much to measure."""

    threads: int = 1
    """For every engine alike."""
    rounds: int = 9
    seconds: float = 0.5
    """How long each candidate repeats single images, over all rounds."""
    budget: float = math.inf
    """Seconds after which no further round begins and no further candidate is started; the
    first ones always are."""
    rows: int | None = None
    """How many of the first rows to time; None for all."""


@dataclass(frozen=True)
class Round:
    """One candidate's turn. All rounds of a candidate hold equally many latencies."""

    latencies_ms: list[float]
    batch: int
    images: int
    seconds: float
    joules: float | None
    digits: list[int]
    """Of the rows that were this round's, in their order."""
    peak_bytes: int | None


@dataclass
class Samples:
    """All that was measured of one candidate."""

    candidate: Candidate
    version: str
    """Of its engine."""
    load_ms: float
    first_ms: float
    rounds: list[Round] = field(default_factory=list)
    exam: Exam | None = None
    answered: list[int] | None = None
    """The digits of the exam's rows; None if it was not asked, or if `recorded` holds."""
    recorded: float | None = None
    """The accuracy that digit-export recorded, if this device keeps to it."""

    @property
    def digits(self) -> list[int]:
        """Of the first rows, as they were predicted while they were timed."""
        return [digit for turn in self.rounds for digit in turn.digits]


@dataclass
class Outcome:
    """What came of a comparison. Only rounds that all candidates ended are in it."""

    samples: list[Samples] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """One line for each candidate that could not be measured."""
    left_out: list[Candidate] = field(default_factory=list)
    """Those that the plan's budget had no time for."""
    interrupted: bool = False
