"""From what was measured to the figures of the table, and their ranks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from digit_runtime.comparison.exam import TRAINING, Exam
from digit_runtime.comparison.measured import Round, Samples
from digit_runtime.comparison.results import Row
from digit_runtime.contract import Labels
from digit_runtime.measuring.statistics import median_interval, ranks, share_interval


def summarise(samples: Samples, labels: Labels | None) -> Row:
    """Turn what was measured of one candidate into its figures, not yet ranked.

    Args:
        samples: Of one round at least.
        labels: uint8 ``[N]`` of all rows; None leaves accuracy out.
    """
    latencies = np.array([turn.latencies_ms for turn in samples.rounds])
    medians = np.median(latencies, axis=1)
    low, high = median_interval(medians if len(medians) > 1 else latencies[0])
    speeds = _speeds(samples.rounds)
    typical = {batch: float(np.median(values)) for batch, values in speeds.items()}
    best = max(typical, key=lambda batch: typical[batch])
    slowest, fastest = median_interval(speeds[best])
    energies = [
        1000 * turn.joules / (turn.images + turn.batch)  # The warm-up batch used some, too.
        for turn in samples.rounds
        if turn.joules is not None and turn.batch == best
    ]
    peaks = [turn.peak_bytes for turn in samples.rounds if turn.peak_bytes is not None]
    candidate = samples.candidate
    return Row(
        model=candidate.model,
        format=candidate.format,
        precision=candidate.precision,
        engine=candidate.engine,
        engine_version=samples.version,
        sha256=candidate.sha256,
        bytes=candidate.path.stat().st_size,
        load_ms=samples.load_ms,
        first_ms=samples.first_ms,
        p50_ms=float(np.median(medians)),
        p50_low_ms=low,
        p50_high_ms=high,
        p95_ms=float(np.percentile(latencies, 95)),
        p99_ms=float(np.percentile(latencies, 99)),
        runs=latencies.size,
        rounds=len(samples.rounds),
        images_per_s=typical[best],
        images_per_s_low=slowest,
        images_per_s_high=fastest,
        batch=best,
        batches={str(batch): typical[batch] for batch in sorted(typical)},
        peak_bytes=max(peaks, default=None),
        rows=len(samples.digits),
        **_accuracy(samples, labels),
        energy_mj=float(np.median(energies)) if energies else None,
        tolerated=candidate.tolerated,
    )


def ranked(rows: Sequence[Row]) -> list[Row]:
    """Rank each model's rows by their median latency, and sort them by it."""
    found = []
    for model in dict.fromkeys(row.model for row in rows):
        own = sorted((row for row in rows if row.model == model), key=lambda row: row.p50_ms)
        places = ranks([row.p50_interval for row in own])
        found += [
            replace(row, rank=rank, tie=tie) for row, (rank, tie) in zip(own, places, strict=True)
        ]
    return found


def _accuracy(samples: Samples, labels: Labels | None) -> dict[str, Any]:
    exam = samples.exam or Exam(0, len(samples.digits))
    nothing: dict[str, Any] = dict.fromkeys(("accuracy", "accuracy_low", "accuracy_high"))
    if labels is None:
        return nothing
    if samples.recorded is not None:
        rows = exam.rows
        correct = round(samples.recorded * rows)
    else:
        unasked = samples.digits if exam.start == 0 else []
        digits = (unasked if samples.answered is None else samples.answered)[: exam.rows]
        rows = len(digits)
        correct = int(np.sum(labels[exam.start : exam.start + rows] == digits))
    if exam.of == TRAINING or not rows:
        return nothing | {"accuracy_of": exam.of}
    low, high = share_interval(correct, rows)
    return {
        "accuracy": correct / rows,
        "accuracy_low": low,
        "accuracy_high": high,
        "accuracy_rows": rows,
        "accuracy_of": exam.of,
        "accuracy_recorded": samples.recorded is not None,
    }


def _speeds(rounds: Sequence[Round]) -> dict[int, list[float]]:
    speeds: dict[int, list[float]] = {}
    for turn in rounds:
        speeds.setdefault(turn.batch, []).append(turn.images / turn.seconds)
    return speeds
