"""Let candidates take turns, so that whatever drifts on the machine hits all alike."""

import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path

import numpy as np

from digit_runtime.comparison.candidates import Candidate
from digit_runtime.comparison.exam import Exam, reference_pixels
from digit_runtime.comparison.examining import examine
from digit_runtime.comparison.measured import BATCHES, Outcome, Plan, Round
from digit_runtime.comparison.turns import (
    THROUGHPUT_SECONDS,
    Paper,
    Turn,
    interleaved,
    seconds,
    started,
)
from digit_runtime.contract import Pixels
from digit_runtime.device import look
from digit_runtime.errors import EngineError
from digit_runtime.measuring import energy
from digit_runtime.terminal import progress


def run(
    chosen: Sequence[Candidate],
    pixels: Pixels,
    plan: Plan,
    say: Callable[[str], None] = lambda line: None,
    exams: Mapping[Candidate, Exam] | None = None,
) -> Outcome:
    """Measure all candidates, each in a process of its own, one at a time, in rounds.

    A candidate's turn is single images, then its share of the rows in batches. Batch sizes
    follow each other from round to round. Ctrl-C ends it early, with what is done so far.

    Args:
        chosen: What to measure.
        pixels: uint8 ``[N, 784]``, real digits.
        plan: How much of it.
        say: Called with a line on what comes next.
        exams: The rows that tell how good each candidate is.
    """
    outcome, start = Outcome(), time.monotonic()
    chosen = chosen if plan.budget == math.inf else interleaved(chosen)
    groups = fitting_groups(chosen, look().available_memory)
    if len(groups) > 1:
        say(
            f"memory is too short for {len(chosen)} processes at once, so that only "
            f"{len(groups[0])} take turns with each other"
        )
    with tempfile.TemporaryDirectory(prefix="digit-compare-") as folder:
        raw, references = Path(folder) / "pixels.u8", reference_pixels(exams or {})
        np.concatenate([pixels, *references.values()]).tofile(raw)
        ends = accumulate(map(len, references.values()), initial=len(pixels))
        places = dict(zip(references, ends, strict=False))
        timed = min(len(pixels), plan.rows or len(pixels))
        paper = Paper(raw, timed, exams or {}, places)
        try:
            for number, group in enumerate(groups, start=1):
                end = start + plan.budget * number / len(groups)
                _measure(group, paper, plan, end, outcome, say)
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
    paper: Paper,
    plan: Plan,
    end: float,
    outcome: Outcome,
    say: Callable[[str], None],
) -> None:
    rows = paper.timed
    share = math.ceil(rows / plan.rounds)
    with ExitStack() as stack:
        say(f"loading {len(group)} file{'s' * (len(group) != 1)}, one process each")
        turns = started(group, paper, plan, end, outcome, stack)
        if not turns:
            return
        whole = plan.rounds * sum(seconds(turn, share) for turn in turns)
        left = max(1, whole / plan.rounds, min(whole, end - time.monotonic()))
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
        examine(turns, paper, outcome, say)


def _round(turn: Turn, number: int, share: int, rows: int) -> Round:
    latencies = turn.process.ask("latency", runs=turn.runs)["ms"]
    first = number * share
    batch = BATCHES[number % len(BATCHES)]
    before = energy.read()
    answer = turn.process.ask(
        "throughput", start=first, rows=share, batch=batch, seconds=THROUGHPUT_SECONDS
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
