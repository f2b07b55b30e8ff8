"""Let candidates take turns, so that whatever drifts on the machine hits all alike."""

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from digit_runtime.comparison.candidates import Candidate
from digit_runtime.contract import Pixels
from digit_runtime.device import look
from digit_runtime.errors import EngineError
from digit_runtime.measuring import energy
from digit_runtime.measuring.meter import Job
from digit_runtime.measuring.workers import Worker
from digit_runtime.terminal import progress

# The largest first, which is the best nearly always, in case of no second round.
BATCHES: Final = (64, 8, 32)
_FEWEST_RUNS: Final = 3
_MOST_RUNS: Final = 400
# Shorter, a turn of a small model's throughput would be a few ticks of the clock.
_THROUGHPUT_SECONDS: Final = 0.01


@dataclass(frozen=True)
class Plan:
    """How much to measure."""

    threads: int = 1
    """For every engine alike."""
    rounds: int = 9
    seconds: float = 0.5
    """How long each candidate repeats single images, over all rounds."""
    budget: float = math.inf
    """Seconds after which no further round begins; the first one always does."""


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


@dataclass
class Outcome:
    """What came of a comparison. Only rounds that all candidates ended are in it."""

    samples: list[Samples] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """One line for each candidate that could not be measured."""
    interrupted: bool = False


@dataclass
class _Turn:
    """A candidate's process, and how long its turns take."""

    worker: Worker
    samples: Samples
    single_ms: float
    batch_row_ms: float
    runs: int


def run(
    chosen: Sequence[Candidate],
    pixels: Pixels,
    plan: Plan,
    say: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Measure all candidates, each in a process of its own, one at a time, in rounds.

    A candidate's turn is single images, then its share of the rows in batches. Batch sizes
    follow each other from round to round. Ctrl-C ends it early, with what is done so far.

    Args:
        chosen: What to measure.
        pixels: uint8 ``[N, 784]``, real digits.
        plan: How much of it.
        say: Called with a line on what comes next.
    """
    outcome, start = Outcome(), time.monotonic()
    groups = fitting_groups(chosen, look().available_memory)
    if len(groups) > 1:
        say(
            f"memory is too short for {len(chosen)} processes at once, so that only "
            f"{len(groups[0])} take turns with each other"
        )
    with tempfile.TemporaryDirectory(prefix="digit-compare-") as folder:
        raw = Path(folder) / "pixels.u8"
        pixels.tofile(raw)
        try:
            for number, group in enumerate(groups, start=1):
                end = start + plan.budget * number / len(groups)
                _measure(group, raw, len(pixels), plan, end, outcome, say)
        except KeyboardInterrupt:
            outcome.interrupted = True
    return outcome


def fitting_groups(chosen: Sequence[Candidate], memory: int | None) -> list[list[Candidate]]:
    """Divide candidates into groups whose processes fit half of `memory`, in bytes, at once."""
    groups: list[list[Candidate]] = [[]]
    for candidate in chosen:
        together = sum(member.expected_bytes for member in [*groups[-1], candidate])
        if groups[-1] and memory is not None and together > memory / 2:
            groups.append([])
        groups[-1].append(candidate)
    return groups


def _measure(
    group: Sequence[Candidate],
    raw: Path,
    rows: int,
    plan: Plan,
    end: float,
    outcome: Outcome,
    say: Callable[[str], None],
) -> None:
    share = math.ceil(rows / plan.rounds)
    with ExitStack() as stack:
        say(f"loading {len(group)} file{'s' * (len(group) != 1)}, one process each")
        turns = list(_started(group, raw, rows, plan, outcome, stack))
        if not turns:
            return
        seconds = plan.rounds * sum(_seconds(turn, share) for turn in turns)
        left = max(1, seconds / plan.rounds, min(seconds, end - time.monotonic()))
        say(f"{plan.rounds} rounds take about {left:.0f} s")
        done = 0
        try:
            with progress("measuring", len(turns) * plan.rounds) as advance:
                for number in range(plan.rounds):
                    begin = time.monotonic()
                    for turn in list(turns):
                        try:
                            turn.samples.rounds.append(_round(turn, number, share, rows))
                        except EngineError as error:
                            outcome.failures.append(str(error))
                            turns.remove(turn)
                        advance(1)
                    done += 1
                    # Another round would take as long as this one.
                    if 2 * time.monotonic() - begin > end:
                        break
        finally:
            for turn in turns:
                del turn.samples.rounds[done:]
            if done:
                outcome.samples += [turn.samples for turn in turns]


def _started(
    group: Sequence[Candidate],
    raw: Path,
    rows: int,
    plan: Plan,
    outcome: Outcome,
    stack: ExitStack,
) -> Iterator[_Turn]:
    """Start all processes, which import their engines side by side; then load one by one."""
    workers = []
    for candidate in group:
        job = Job(str(candidate.path), candidate.engine, plan.threads, str(raw), rows)
        worker = stack.enter_context(Worker(job, candidate.program))
        workers.append((candidate, worker))
    ready = []
    for candidate, worker in workers:
        try:
            ready.append((candidate, worker, worker.answer()["version"]))
        except EngineError as error:
            outcome.failures.append(str(error))
    for candidate, worker, version in ready:
        try:
            samples = Samples(candidate, version, **worker.ask("load"))
            rough = worker.ask("warm_up")
        except EngineError as error:
            outcome.failures.append(str(error))
            continue
        runs = round(1000 * plan.seconds / plan.rounds / rough["single_ms"])
        yield _Turn(worker, samples, runs=min(max(runs, _FEWEST_RUNS), _MOST_RUNS), **rough)


def _seconds(turn: _Turn, share: int) -> float:
    batches = max(_THROUGHPUT_SECONDS, turn.batch_row_ms * (share + sum(BATCHES) / 3) / 1000)
    return batches + turn.single_ms * turn.runs / 1000


def _round(turn: _Turn, number: int, share: int, rows: int) -> Round:
    latencies = turn.worker.ask("latency", runs=turn.runs)["ms"]
    first = number * share
    batch = BATCHES[number % len(BATCHES)]
    before = energy.read()
    answer = turn.worker.ask(
        "throughput", start=first, rows=share, batch=batch, seconds=_THROUGHPUT_SECONDS
    )
    return Round(
        latencies_ms=latencies,
        batch=batch,
        images=answer["images"],
        seconds=answer["seconds"],
        joules=energy.joules(before, energy.read()),
        digits=answer["digits"][: max(0, rows - first)],
        peak_bytes=answer["peak_bytes"],
    )
