"""Measure one model file with one engine, in a process of its own.

``python -m digit_runtime.measure`` reads a `Request` as JSON from standard input and
prints a `Measurement` as JSON in its last line. A fresh process is what makes load time
and peak memory mean something: nothing of another engine is loaded, cached or counted.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from digit_runtime import backends
from digit_runtime.classifier import Classifier
from digit_runtime.contract import PIXELS, Labels, Pixels
from digit_runtime.errors import DigitError
from digit_runtime.models import find

T = TypeVar("T")

_WARM_UP_RUNS: Final = 5
_FEWEST_RUNS: Final = 30
_MOST_RUNS: Final = 2000
_BATCHES: Final = (8, 32, 64)
_TRIAL_ROWS: Final = 128


@dataclass(frozen=True)
class Request:
    """What to measure. `pixels` is a file of raw uint8 rows of 784 bytes each."""

    file: str
    engine: str
    threads: int
    pixels: str
    rows: int
    seconds: float
    """How long to repeat single images for."""


@dataclass(frozen=True)
class Measurement:
    """Times in milliseconds, throughput in images a second, memory in bytes."""

    load_ms: float
    first_ms: float
    p50_ms: float
    p95_ms: float
    images_per_s: float
    batch: int
    peak_bytes: int | None
    digits: list[int]
    """The predicted digit of every row."""


def measure(request: Request) -> Measurement:
    """Load, time single images, find a good batch, then predict all rows with it.

    Raises:
        DigitError: The file cannot be used; see `digit_runtime.load`.
    """
    file = find(request.file)
    # Importing the engine is the process's cost, not the file's.
    backends.choose(file.format, request.engine).implementation()
    classifier, load_ms = _timed(lambda: Classifier(file, request.engine, request.threads))
    images = _read(request, 0, min(request.rows, _MOST_RUNS))
    _, first_ms = _timed(lambda: classifier.predict_proba(images[:1]))
    latencies = _latencies(classifier, images, request.seconds)
    batch = min(_BATCHES, key=lambda size: _seconds_a_row(classifier, images, size))
    digits, seconds = _predict_all(classifier, request, batch)
    return Measurement(
        load_ms=load_ms,
        first_ms=first_ms,
        p50_ms=float(np.percentile(latencies, 50)),
        p95_ms=float(np.percentile(latencies, 95)),
        images_per_s=request.rows / seconds,
        batch=batch,
        peak_bytes=peak_bytes(),
        digits=digits.tolist(),
    )


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


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = work()
    return result, 1000 * (time.perf_counter() - start)


def _latencies(classifier: Classifier, images: Pixels, seconds: float) -> list[float]:
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < _WARM_UP_RUNS + _FEWEST_RUNS or (
        time.perf_counter() < end and len(times) < _MOST_RUNS
    ):
        image = images[len(times) % len(images)][np.newaxis]
        start = time.perf_counter()
        classifier.predict_proba(image)
        times.append(1000 * (time.perf_counter() - start))
    return times[_WARM_UP_RUNS:]


def _seconds_a_row(classifier: Classifier, images: Pixels, batch: int) -> float:
    part = images[:batch]
    classifier.predict_proba(part)
    runs = max(1, _TRIAL_ROWS // batch)
    start = time.perf_counter()
    for _ in range(runs):
        classifier.predict_proba(part)
    return (time.perf_counter() - start) / (runs * len(part))


def _predict_all(classifier: Classifier, request: Request, batch: int) -> tuple[Labels, float]:
    digits = np.empty(request.rows, np.uint8)
    seconds = 0.0
    for start in range(0, request.rows, batch):
        part = _read(request, start, min(batch, request.rows - start))
        begin = time.perf_counter()
        digits[start : start + len(part)] = classifier.predict(part)
        seconds += time.perf_counter() - begin
    return digits, seconds


def _read(request: Request, start: int, rows: int) -> Pixels:
    # Not memory-mapped: mapped rows would count as memory of the engine.
    data = np.fromfile(request.pixels, np.uint8, rows * PIXELS, offset=start * PIXELS)
    return data.reshape(rows, PIXELS)


def main() -> int:
    """Answer one request; a `DigitError` becomes ``{"error": ...}`` and status 1."""
    request = Request(**json.load(sys.stdin))
    try:
        answer = asdict(measure(request))
    except DigitError as error:
        answer = {"error": str(error)}
    print("\n" + json.dumps(answer))
    return int("error" in answer)


if __name__ == "__main__":
    sys.exit(main())
