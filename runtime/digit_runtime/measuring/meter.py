"""What can be measured of one subject that predicts, in its own process."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import numpy as np

from digit_runtime.contract import PIXELS, Pixels, Probabilities
from digit_runtime.models.classifier import BATCH_ROWS

T = TypeVar("T")
Predict = Callable[[Pixels], Probabilities]

_WARM_UP_BATCH: Final = 64
_WARM_UP_RUNS: Final = 5
_WARM_UP_SECONDS: Final = 0.002
_SETTLE_SECONDS: Final = 0.02
_IMAGES: Final = 512


@dataclass(frozen=True)
class Job:
    """What to measure, on the first `rows` of `pixels`, raw uint8 rows, or on made-up ones."""

    file: str
    engine: str
    threads: int
    pixels: str = ""
    rows: int = 0


class Subject(Protocol):
    """Something that predicts, imported but not loaded yet."""

    version: str

    def load(self, threads: int) -> Predict:
        """Load the file; maps uint8 ``[N, 784]`` to float32 ``[N, 10]`` from then on.

        Raises:
            DigitError: The file cannot be used; see `digit_runtime.load`.
        """
        ...


class Meter:
    """The measurements. Times are in milliseconds unless their name says otherwise."""

    def __init__(self, job: Job, subject: Subject) -> None:
        self._job = job
        self._subject = subject
        self._with_threads = cache(subject.load)
        self._images = self._read(0, min(job.rows, _IMAGES)) if job.rows else _made_up()

    def load(self) -> dict[str, float]:
        """Time loading and the very first image."""
        self._predict, load_ms = _timed(lambda: self._subject.load(self._job.threads))
        _, first_ms = _timed(lambda: self._predict(self._images[:1]))
        return {"load_ms": load_ms, "first_ms": first_ms}

    def start(self) -> dict[str, float]:
        """Load and predict a first batch; tell the CPU time of that and of all before.

        CPU time, for others may start at the same time, and files may not be cached.
        """
        self._with_threads(self._job.threads)(self._images)
        return {"start_s": time.process_time()}

    def turn(self, seconds: float, threads: int) -> dict[str, float]:
        """Predict full batches for that long, after one that does not count."""
        predict = self._with_threads(threads)
        # The threads of the engine before may still spin, and this one's are asleep.
        time.sleep(_SETTLE_SECONDS)
        predict(self._images)
        rows, start = 0, time.perf_counter()
        while (spent := time.perf_counter() - start) < seconds:
            predict(self._images)
            rows += len(self._images)
        return {"images_per_s": rows / spent}

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


def _made_up() -> Pixels:
    return np.resize(np.arange(256, dtype=np.uint8), (BATCH_ROWS, PIXELS))


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = work()
    return result, 1000 * (time.perf_counter() - start)
