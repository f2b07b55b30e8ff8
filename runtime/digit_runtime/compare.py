"""What each format, precision and engine costs on this device, measured alike."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from digit_runtime import backends, models
from digit_runtime.contract import Labels, Pixels
from digit_runtime.errors import EngineError, EngineNotInstalledError, ModelNotFoundError
from digit_runtime.measure import Measurement, Request

_BLAS_THREADS: Final = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Candidate:
    """One row of the comparison: a file and an installed engine that reads it."""

    file: models.FoundFile
    engine: str


@dataclass(frozen=True)
class Row:
    """What was measured for one candidate. Milliseconds, images a second, bytes."""

    model: str
    format: str
    precision: str
    engine: str
    bytes: int
    load_ms: float
    first_ms: float
    p50_ms: float
    p95_ms: float
    images_per_s: float
    batch: int
    peak_bytes: int | None
    accuracy: float | None


def candidates(
    names: Sequence[str], artifacts: Path, engines: Sequence[str] = ()
) -> list[Candidate]:
    """Return every file of these models with every engine that reads it.

    Args:
        names: The models.
        artifacts: Their folder.
        engines: Names; by default all that are installed, numpy only if it is alone,
            since it is too slow to be a choice where there is another.

    Raises:
        ModelNotFoundError: No such model, or a model without exported files.
        EngineNotInstalledError: A named engine is not installed, or none reads any file.
    """
    files = [file for name in names for file in models.files_of(artifacts / name)]
    if not files:
        raise ModelNotFoundError(
            f"{artifacts}: no exported file of {', '.join(names)}; run digit-export first"
        )
    for engine in backends.ENGINES:
        if engine.name in engines:
            backends.choose(engine.format, engine.name)
    pairs = [(file, engine) for file in files for engine in backends.engines_for(file.format)]
    if engines:
        pairs = [(file, engine) for file, engine in pairs if engine.name in engines]
    else:
        pairs = [pair for pair in pairs if not pair[1].last_resort] or pairs
    if not pairs:
        formats = " or ".join(sorted({f".{file.format}" for file in files}))
        raise EngineNotInstalledError(
            f"no {'such ' if engines else ''}engine reads {formats} files: "
            'pip install "digit-runtime[all]"'
        )
    return [Candidate(file, engine.name) for file, engine in pairs]


def compare(
    chosen: Sequence[Candidate],
    pixels: Pixels,
    labels: Labels | None,
    threads: int,
    seconds: float,
    report: Callable[[Candidate], None] = lambda candidate: None,
) -> list[Row]:
    """Measure each candidate in a fresh process, with the same threads and rows.

    Args:
        chosen: What to measure.
        pixels: uint8 ``[N, 784]``, real digits.
        labels: uint8 ``[N]``; None leaves accuracy out.
        threads: For every engine alike.
        seconds: How long each candidate repeats single images.
        report: Called before each candidate.

    Raises:
        EngineError: A measuring process failed; carries its reason.
    """
    rows = []
    with tempfile.TemporaryDirectory(prefix="digit-compare-") as folder:
        raw = Path(folder) / "pixels.u8"
        pixels.tofile(raw)
        for candidate in chosen:
            report(candidate)
            request = Request(
                file=str(candidate.file.path.resolve()),
                engine=candidate.engine,
                threads=threads,
                pixels=str(raw),
                rows=len(pixels),
                seconds=seconds,
            )
            rows.append(_row(candidate, _in_fresh_process(request), labels))
    return rows


def _in_fresh_process(request: Request) -> Measurement:
    # The libraries that numpy multiplies matrices with take their threads from here alone.
    blas = dict.fromkeys(_BLAS_THREADS, str(request.threads))
    done = subprocess.run(
        [sys.executable, "-m", "digit_runtime.measure"],
        env=os.environ | blas,
        input=json.dumps(asdict(request)),
        capture_output=True,
        text=True,
        check=False,
    )
    answer: dict[str, Any] = json.loads((done.stdout.splitlines() or ["{}"])[-1] or "{}")
    if done.returncode or "error" in answer:
        reason = answer.get("error") or (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise EngineError(f"{request.file} on {request.engine}: {reason}")
    return Measurement(**answer)


def _row(candidate: Candidate, measured: Measurement, labels: Labels | None) -> Row:
    numbers = asdict(measured)
    digits = np.array(numbers.pop("digits"))
    return Row(
        model=candidate.file.model,
        format=candidate.file.format,
        precision=candidate.file.precision or "?",
        engine=candidate.engine,
        bytes=candidate.file.path.stat().st_size,
        accuracy=None if labels is None else float(np.mean(digits == labels)),
        **numbers,
    )
