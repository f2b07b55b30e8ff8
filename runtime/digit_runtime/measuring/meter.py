"""Measure one model file with one engine, in a process of its own.

``python -m digit_runtime.measuring.meter`` reads a `Job` as one line of JSON, answers
with the engine's version once the engine is imported, and then does one of `Meter`'s
methods for every further line, such as ``{"do": "latency", "runs": 50}``. It answers each
with one line and ends with its input. A fresh process is what makes load time and peak
memory mean something: nothing of another engine is loaded, cached or counted.

Whatever else can predict is measured the same way by a program that calls `serve`.
"""

import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from digit_runtime.classifier import Classifier
from digit_runtime.contract import PIXELS, Pixels, Probabilities
from digit_runtime.engines.table import engine_for
from digit_runtime.errors import DigitError
from digit_runtime.models.folder import find

T = TypeVar("T")
Predict = Callable[[Pixels], Probabilities]

_WARM_UP_BATCH: Final = 64
_WARM_UP_RUNS: Final = 5
_WARM_UP_SECONDS: Final = 0.002
_SETTLE_SECONDS: Final = 0.02
_IMAGES: Final = 512


@dataclass(frozen=True)
class Job:
    """What to measure, on the first `rows` of `pixels`, raw uint8 rows of 784 bytes each."""

    file: str
    engine: str
    threads: int
    pixels: str
    rows: int


class Subject(Protocol):
    """Something that predicts, imported but not loaded yet."""

    version: str

    def load(self) -> Predict:
        """Load the file; maps uint8 ``[N, 784]`` to float32 ``[N, 10]`` from then on.

        Raises:
            DigitError: The file cannot be used; see `digit_runtime.load`.
        """
        ...


class EngineSubject:
    """A model file on one of the runtime's engines."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._file = find(job.file)
        engine = engine_for(self._file.format, job.engine)
        # Importing the engine is the process's cost, not the file's.
        engine.implementation()
        self.version = _version(engine.installed_package())

    def load(self) -> Predict:
        """See `Subject`."""
        return Classifier(self._file, self._job.engine, self._job.threads).predict_proba


class Meter:
    """The measurements. Times are in milliseconds unless their name says otherwise."""

    def __init__(self, job: Job, subject: Subject) -> None:
        self._job = job
        self._subject = subject
        self._images = self._read(0, min(job.rows, _IMAGES))

    def load(self) -> dict[str, float]:
        """Time loading and the very first image."""
        self._predict, load_ms = _timed(self._subject.load)
        _, first_ms = _timed(lambda: self._predict(self._images[:1]))
        return {"load_ms": load_ms, "first_ms": first_ms}

    def warm_up(self) -> dict[str, float]:
        """Run until buffers and caches are there; tell roughly how long things take."""
        batch = self._read(0, _WARM_UP_BATCH)
        for _ in range(2):
            _, batch_ms = _timed(lambda: self._predict(batch))
        return {"batch_row_ms": batch_ms / len(batch), "single_ms": min(self.latency(3)["ms"])}

    def latency(self, runs: int) -> dict[str, list[float]]:
        """Time single images, one after the other, after some that do not count."""
        if self._job.threads > 1:
            # Those of the engine before spin for a while, on this one's CPUs.
            time.sleep(_SETTLE_SECONDS)
        end, warm = time.perf_counter() + _WARM_UP_SECONDS, 0
        while warm < _WARM_UP_RUNS or time.perf_counter() < end:
            self._predict(self._images[:1])
            warm += 1
        times = []
        for run in range(runs):
            image = self._images[run % len(self._images)][np.newaxis]
            start = time.perf_counter()
            self._predict(image)
            times.append(1000 * (time.perf_counter() - start))
        return {"ms": times}

    def throughput(self, start: int, rows: int, batch: int, seconds: float) -> dict[str, Any]:
        """Time the digits of `rows` rows from `start` on, in batches, for `seconds` at least.

        Rows are counted round and round, so that every batch is full.
        """
        self._predict(self._read(start, batch))
        digits: list[int] = []
        images, spent = 0, 0.0
        while images < rows or spent < seconds:
            part = self._read(start + images % rows, batch)
            begin = time.perf_counter()
            answer = self._predict(part).argmax(axis=1)
            spent += time.perf_counter() - begin
            if images < rows:
                digits += answer.tolist()
            images += batch
        return {
            "digits": digits[:rows],
            "images": images,
            "seconds": spent,
            "peak_bytes": peak_bytes(),
        }

    def digits(self, start: int, rows: int, batch: int) -> dict[str, list[int]]:
        """Predict rows of the file, those after the job's own too."""
        found: list[int] = []
        for first in range(start, start + rows, batch):
            count = min(batch, start + rows - first)
            found += self._predict(self._rows(first, count)).argmax(axis=1).tolist()
        return {"digits": found}

    def _read(self, start: int, rows: int) -> Pixels:
        parts = []
        while rows:
            start %= self._job.rows
            count = min(rows, self._job.rows - start)
            parts.append(self._rows(start, count))
            start, rows = start + count, rows - count
        return np.concatenate(parts)

    def _rows(self, start: int, count: int) -> Pixels:
        # Not memory-mapped: mapped rows would count as memory of the engine.
        values = np.fromfile(self._job.pixels, np.uint8, count * PIXELS, offset=start * PIXELS)
        return values.reshape(-1, PIXELS)


def peak_bytes() -> int | None:
    """Return the most memory this process ever held resident; None where unknown."""
    # Linux hands down the parent's peak in ru_maxrss, so there the kernel's own line of
    # this very program is read.
    if (status := Path("/proc/self/status")).exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def serve(prepare: Callable[[Job], Subject]) -> int:
    """Answer standard input until it ends; a `DigitError` becomes ``{"error": ...}``, status 1."""
    # What engines print must not come between the answers.
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with channel:
        try:
            for answer in _answers(prepare):
                print(json.dumps(answer), file=channel, flush=True)
        except DigitError as error:
            print(json.dumps({"error": str(error)}), file=channel)
            return 1
    return 0


def _answers(prepare: Callable[[Job], Subject]) -> Iterator[dict[str, Any]]:
    job = Job(**json.loads(sys.stdin.readline()))
    subject = prepare(job)
    yield {"version": subject.version}
    meter = Meter(job, subject)
    for line in sys.stdin:
        arguments = json.loads(line)
        yield getattr(meter, arguments.pop("do"))(**arguments)


def _version(package: str | None) -> str:
    try:
        return importlib.metadata.version((package or "").replace("_", "-"))
    except importlib.metadata.PackageNotFoundError:  # A build under another name.
        return "unknown"


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = work()
    return result, 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(serve(EngineSubject))
