"""Let engines run the same rows in turns, each in a process of its own, and time them.

In turns, since a device that is busy or hot for a moment then slows all of them alike.
"""

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from digit_runtime.errors import EngineError
from digit_runtime.measuring.meter import Job
from digit_runtime.measuring.process import Process
from digit_runtime.measuring.speed import Trial, enough_threads

_TURN_S: Final = 0.03
_FEWEST_ROUNDS: Final = 3
_ENOUGH_S: Final = 0.4
# An engine's first import from a cold SD card takes many seconds.
LIMIT_S: Final = 60.0


def run(candidates: Sequence[tuple[Path, str]], threads: Sequence[int]) -> list[Trial]:
    """Time each pair of a file and an engine's name, with each of these numbers of threads.

    Raises:
        OSError: No process can be started.
    """
    with ExitStack() as stack:
        turns = [
            _Turns(
                stack.enter_context(
                    Process(Job(str(path.resolve()), engine, threads[0]), limit_s=LIMIT_S)
                ),
                threads,
            )
            for path, engine in candidates
        ]
        for one in turns:
            one.start()
        start, rounds = time.perf_counter(), 0
        while rounds < _FEWEST_ROUNDS or time.perf_counter() - start < _ENOUGH_S:
            for one in turns:
                one.take()
            rounds += 1
    return [one.result() for one in turns]


class _Turns:
    """One candidate's process, and what came of its turns."""

    def __init__(self, process: Process, threads: Sequence[int]) -> None:
        self._process = process
        self._start_s = 0.0
        self._rates: dict[int, list[float]] = {count: [] for count in threads}
        self._failure: str | None = None

    def start(self) -> None:
        try:
            self._process.answer()
            self._start_s = self._process.ask("start")["start_s"]
        except EngineError as error:
            self._failure = str(error)

    def take(self) -> None:
        """Let the process run for a moment, unless it has failed."""
        if self._failure is not None:
            return
        try:
            for threads, rates in self._rates.items():
                turn = self._process.ask("turn", seconds=_TURN_S, threads=threads)
                rates.append(turn["images_per_s"])
        except EngineError as error:
            self._failure = str(error)

    def result(self) -> Trial:
        if self._failure is not None:
            return Trial(failure=self._failure)
        medians = {count: statistics.median(rates) for count, rates in self._rates.items()}
        threads = enough_threads(medians)
        return Trial(round(medians[threads], 1), None, round(self._start_s, 3), threads)
