"""Let engines run the same rows in turns, each in a process of its own, and time them.

A process of its own, since the engines that lose must not cost the caller memory, and one
that crashes must not take it along. In turns, since a device that is busy or hot for a
moment then slows all of them alike.

``python -m digit_runtime.measuring.trial FILE ENGINE THREADS`` is such a process: it prints
one line of JSON once it is ready, and one for each line that it reads.
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, TextIO

import numpy as np

from digit_runtime.classifier import BATCH_ROWS, Classifier
from digit_runtime.contract import PIXELS, Pixels
from digit_runtime.errors import DigitError
from digit_runtime.measuring.speed import Trial
from digit_runtime.models.folder import find

_TURN_S: Final = 0.03
_PAUSE_S: Final = 0.02
_FEWEST_ROUNDS: Final = 3
_ENOUGH_S: Final = 0.4
# For all of them together. An engine's first import from a cold SD card takes many seconds.
_LIMIT_S: Final = 60.0


def python() -> str | None:
    """Return the Python to start; None in a program that embeds one or is frozen."""
    program = sys.executable or ""
    known = Path(program).name.lower().startswith(("python", "pypy"))
    return program if known and not getattr(sys, "frozen", False) else None


def run(candidates: Sequence[tuple[Path, str]], threads: int) -> list[Trial]:
    """Time each pair of a file and an engine's name.

    Raises:
        OSError: No process can be started.
    """
    with ExitStack() as stack:
        workers = [
            stack.enter_context(_Worker(path, engine, threads)) for path, engine in candidates
        ]
        timer = threading.Timer(_LIMIT_S, _kill, [workers])
        timer.daemon = True
        timer.start()
        stack.callback(timer.cancel)
        for worker in workers:
            worker.listen()
        start = time.perf_counter()
        rounds = 0
        while rounds < _FEWEST_ROUNDS or time.perf_counter() - start < _ENOUGH_S:
            for worker in workers:
                worker.take_turn()
            rounds += 1
    return [worker.result() for worker in workers]


class _Worker:
    """The caller's end of one process."""

    def __init__(self, path: Path, engine: str, threads: int) -> None:
        self.process = subprocess.Popen(
            # -P, lest a numpy.py in the current folder be imported.
            [python() or "", "-P", "-m", __name__, str(path.resolve()), engine, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            # This program may have found its packages in a way of its own.
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            # On Windows, a program without a console would open one.
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._start_s = 0.0
        self._rates: list[float] = []
        self._failure: str | None = None

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.communicate()

    def take_turn(self) -> None:
        """Let the process run for a moment, unless it has failed."""
        if self._failure is not None:
            return
        assert self.process.stdin is not None
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except OSError:  # It has ended, and what follows says how.
            pass
        self.listen()

    def listen(self) -> None:
        """Wait for its next answer."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            self._failure = f"ends without an answer (status {self.process.wait()})"
            return
        self._failure = answer.get("failure")
        self._start_s = answer.get("start_s", self._start_s)
        if "images_per_s" in answer:
            self._rates.append(answer["images_per_s"])

    def result(self) -> Trial:
        if self._failure is not None:
            return Trial(failure=self._failure)
        return Trial(round(statistics.median(self._rates), 1), start_s=round(self._start_s, 3))


def _kill(workers: Sequence[_Worker]) -> None:
    for worker in workers:
        worker.process.kill()


def main() -> None:
    """Be the process."""
    path, engine, threads = sys.argv[1:]
    # Engines print to the standard output too; the answers have another way out.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        pixels = np.resize(np.arange(256, dtype=np.uint8), (BATCH_ROWS, PIXELS))
        # CPU time, for the others start at the same time, and the files may not be cached.
        start = time.process_time()
        classifier = Classifier(find(path), engine, int(threads))
        classifier.predict_proba(pixels)
        _answer(answers, start_s=time.process_time() - start)
        for _ in sys.stdin:
            _answer(answers, images_per_s=_turn(classifier, pixels))
    except DigitError as error:
        _answer(answers, failure=str(error))


def _turn(classifier: Classifier, pixels: Pixels) -> float:
    # The threads of the engine before may still spin, and this one's are asleep.
    time.sleep(_PAUSE_S)
    classifier.predict_proba(pixels)
    rows = 0
    start = time.perf_counter()
    while (seconds := time.perf_counter() - start) < _TURN_S:
        classifier.predict_proba(pixels)
        rows += len(pixels)
    return rows / seconds


def _answer(stream: TextIO, **answer: object) -> None:
    stream.write(json.dumps(answer) + "\n")
    stream.flush()


if __name__ == "__main__":
    main()
