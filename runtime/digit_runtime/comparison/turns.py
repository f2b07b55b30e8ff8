"""Who takes turns: a process for each candidate, started, loaded and warmed up."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from digit_runtime.comparison.candidates import Candidate
from digit_runtime.comparison.exam import Exam
from digit_runtime.comparison.measured import BATCHES, Outcome, Plan, Samples
from digit_runtime.device import usable_cpus
from digit_runtime.errors import EngineError
from digit_runtime.formats.precisions import rank
from digit_runtime.measuring.meter import Job
from digit_runtime.measuring.process import Process

_FEWEST_RUNS: Final = 3
_MOST_RUNS: Final = 400
# Shorter, a turn of a small model's throughput would be a few ticks of the clock.
THROUGHPUT_SECONDS: Final = 0.01


@dataclass(frozen=True)
class Paper:
    """What all are asked: a file of raw rows, and which of them are for what."""

    raw: Path
    timed: int
    exams: Mapping[Candidate, Exam]
    references: Mapping[Candidate, int]
    """Where the reference rows of a candidate begin."""


@dataclass
class Turn:
    """A candidate's process, and how long its turns take."""

    process: Process
    samples: Samples
    single_ms: float
    batch_row_ms: float
    runs: int


def interleaved(chosen: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates in the order in which they are worth their time."""
    return sorted(chosen, key=lambda one: rank(one.precision))


def started(
    group: Sequence[Candidate],
    paper: Paper,
    plan: Plan,
    end: float,
    outcome: Outcome,
    stack: ExitStack,
) -> list[Turn]:
    """Start all of a group, or as many as can be started and have a round before `end`."""
    if plan.budget == math.inf:
        return list(_some(group, paper, plan, outcome, stack))
    share, longest = math.ceil(paper.timed / plan.rounds), 0.0
    turns: list[Turn] = []
    for first in range(0, len(group), usable_cpus()):
        begin = time.monotonic()
        if turns and begin + longest + sum(seconds(turn, share) for turn in turns) > end:
            outcome.left_out += group[first:]
            break
        some = group[first : first + usable_cpus()]
        turns += _some(some, paper, plan, outcome, stack)
        longest = max(longest, time.monotonic() - begin)
    return turns


def _some(
    group: Sequence[Candidate],
    paper: Paper,
    plan: Plan,
    outcome: Outcome,
    stack: ExitStack,
) -> Iterator[Turn]:
    """Start all processes, which import their engines side by side; then load one by one."""
    processes = []
    for candidate in group:
        job = Job(str(candidate.path), candidate.engine, plan.threads, str(paper.raw), paper.timed)
        process = stack.enter_context(Process(job, candidate.program))
        processes.append((candidate, process))
    ready = []
    for candidate, process in processes:
        try:
            ready.append((candidate, process, process.answer()["version"]))
        except EngineError as error:
            outcome.failures.append(str(error))
    for candidate, process, version in ready:
        try:
            samples = Samples(candidate, version, **process.ask("load"))
            samples.exam = paper.exams.get(candidate)
            rough = process.ask("warm_up")
        except EngineError as error:
            outcome.failures.append(str(error))
            continue
        runs = round(1000 * plan.seconds / plan.rounds / rough["single_ms"])
        yield Turn(process, samples, runs=min(max(runs, _FEWEST_RUNS), _MOST_RUNS), **rough)


def seconds(turn: Turn, share: int) -> float:
    """Return how long a turn with so many rows takes, roughly."""
    batches = max(THROUGHPUT_SECONDS, turn.batch_row_ms * (share + sum(BATCHES) / 3) / 1000)
    return batches + turn.single_ms * turn.runs / 1000
