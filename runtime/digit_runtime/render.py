"""A comparison as a table for people, or as JSON, CSV or Markdown."""

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from digit_runtime.compare import Row
from digit_runtime.console import table

_HEADER = [
    "model", "file", "engine", "size kB", "load ms", "p50 ms", "p95 ms", "images/s", "memory MB",
    "accuracy",
]  # fmt: skip


def as_table(rows: Sequence[Row]) -> str:
    """Return aligned plain text."""
    return table(_HEADER, [_cells(row) for row in rows], left=3)


def as_markdown(rows: Sequence[Row]) -> str:
    """Return a GitHub table, numbers right-aligned."""
    rule = ["---"] * 3 + ["---:"] * (len(_HEADER) - 3)
    lines = [_HEADER, rule, *(_cells(row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_csv(rows: Sequence[Row]) -> str:
    """Return the unrounded numbers, a header line first."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue().rstrip("\n")


def as_json(rows: Sequence[Row], conditions: dict[str, Any]) -> str:
    """Return the unrounded numbers and the conditions they were measured under."""
    return json.dumps({**conditions, "results": [asdict(row) for row in rows]}, indent=2)


def uncertainty(rows: Sequence[Row], count: int) -> str:
    """Say how far the accuracies may be from those on endless rows; nothing if there are none.

    Half of Wald's 95 % interval, 1.96 standard errors, of the least accurate file.
    """
    accuracies = [row.accuracy for row in rows if row.accuracy is not None]
    if not accuracies:
        return ""
    worst = min(accuracies)
    points = 196 * math.sqrt(worst * (1 - worst) / count)
    return f" Accuracy on {count:,} rows is certain to {points:.2f} points (95 %)."


def _cells(row: Row) -> list[str]:
    return [
        row.model,
        f"{row.format} {row.precision}",
        row.engine,
        f"{row.bytes / 1000:,.0f}",
        f"{row.load_ms:.1f}",
        f"{row.p50_ms:.3f}",
        f"{row.p95_ms:.3f}",
        f"{row.images_per_s:,.0f}",
        "-" if row.peak_bytes is None else f"{row.peak_bytes / 1e6:.0f}",
        "-" if row.accuracy is None else f"{row.accuracy:.2%}",
    ]
