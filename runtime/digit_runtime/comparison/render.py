"""Results as a table for people, or as CSV or Markdown."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Final

from digit_runtime.comparison.notes import listed
from digit_runtime.comparison.results import Row
from digit_runtime.terminal import table

_TEXT_COLUMNS: Final = 3
_HEADER: Final = [
    "model", "file", "engine", "rank", "size\nkB", "load\nms", "first\nms", "p50\nms",
    "95 %\ninterval", "p95\nms", "p99\nms", "images/s", "memory\nMB", "accuracy",
]  # fmt: skip
_ENERGY: Final = "energy\nmJ"
# What a narrow terminal goes without, in this order.
_LEAST: Final = [
    "first\nms", "p99\nms", "95 %\ninterval", "load\nms", _ENERGY, "memory\nMB", "p95\nms",
]  # fmt: skip
_GAP: Final = 2

Named = tuple[str | None, Row]
"""A row, and the device that it is of if there are several."""


def draw(rows: Sequence[Named], style: str | None, width: int | None = None) -> str:
    """Return a table in the style of that name, None for one that people read.

    Args:
        rows: At least one.
        style: "csv" or "markdown".
        width: Of the terminal it is for, in characters; None for none.
    """
    if style == "csv":
        return as_csv(rows)
    if style == "markdown":
        return as_markdown(rows)
    if width is not None:
        return for_terminal(rows, width)
    header, body = cells(rows)
    return table(header, body, left=_text_columns(rows))


def for_terminal(rows: Sequence[Named], width: int) -> str:
    """Return a table in colour, or a plain one where the library Rich is not installed.

    Columns that `width` characters have no place for are left out, and named below.
    """
    header, body = cells(rows)
    left_out = []
    while _width(header, body) > width and (can_go := [h for h in _LEAST if h in header]):
        index = header.index(can_go[0])
        left_out.append(header.pop(index).replace("\n", " "))
        for line in body:
            del line[index]
    text = _text_columns(rows)
    drawn = _rich(rows, header, body, text, width) or table(header, body, left=text)
    if left_out:
        drawn += f"\n\nNot shown for want of space: {listed(left_out)}; --markdown has all."
    return drawn


def as_markdown(rows: Sequence[Named]) -> str:
    """Return a GitHub table, numbers right-aligned."""
    header, body = cells(rows)
    text = _text_columns(rows)
    rule = ["---"] * text + ["---:"] * (len(header) - text)
    lines = [[name.replace("\n", " ") for name in header], rule, *body]
    return "\n".join(f"| {' | '.join(map(str.strip, line))} |" for line in lines)


def as_csv(rows: Sequence[Named]) -> str:
    """Return the unrounded numbers, a header line first; the batch sweep is left to JSON."""
    names = [field.name for field in fields(Row) if field.name != "batches"]
    if rows[0][0] is not None:
        names.insert(0, "device")
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(asdict(row) | {"device": device} for device, row in rows)
    return text.getvalue().rstrip("\n")


def ranking(rows: Sequence[Named]) -> str:
    """Say for each model, on each device, what is fastest, or that it is a tie."""
    lines = []
    for device, model in dict.fromkeys((device, row.model) for device, row in rows):
        own = [row for where, row in rows if (where, row.model) == (device, model)]
        first = [f"{row.format} {row.precision} on {row.engine}" for row in own if row.rank == 1]
        on = f" on {device}" if device else ""
        verdict = first[0] if len(first) == 1 else f"a tie of {listed(first)}"
        lines.append(f"Fastest {model}{on}: {verdict}.")
    return "\n".join(lines)


def _rich(
    rows: Sequence[Named], header: list[str], body: list[list[str]], text: int, width: int
) -> str | None:
    try:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        return None
    # The box itself puts one character between columns.
    drawn = Table(box=SIMPLE_HEAD, padding=(0, _GAP - 1, 0, 0), show_edge=False)
    for index, name in enumerate(header):
        drawn.add_column(name, justify="left" if index < text else "right", no_wrap=True)
    groups = [(device, row.model) for device, row in rows]
    for index, ((_, row), line) in enumerate(zip(rows, body, strict=True)):
        last = groups[index] != groups[min(index + 1, len(groups) - 1)]
        drawn.add_row(*line, style="bold green" if row.rank == 1 else "", end_section=last)
    console = Console(width=max(width, _width(header, body)))
    with console.capture() as captured:
        console.print(drawn)
    return captured.get().rstrip("\n")


def _width(header: list[str], body: list[list[str]]) -> int:
    names = [max(name.split("\n"), key=len) for name in header]
    cells = sum(max(map(len, column)) for column in zip(names, *body, strict=True))
    return cells + _GAP * len(header)


def _text_columns(rows: Sequence[Named]) -> int:
    return _TEXT_COLUMNS + (rows[0][0] is not None)


def cells(rows: Sequence[Named]) -> tuple[list[str], list[list[str]]]:
    """Return the table's header, some of it in two lines, and each row's cells."""
    several = rows[0][0] is not None
    digits = 4 if min(row.p50_ms for _, row in rows) < 0.01 else 3
    with_energy = any(row.energy_mj is not None for _, row in rows)
    header = ["device"] * several + _HEADER + [_ENERGY] * with_energy
    body = [
        [device or ""] * several
        + _row(row, digits)
        + [_optional(row.energy_mj, ".2f")] * with_energy
        for device, row in rows
    ]
    return header, body


def _row(row: Row, digits: int) -> list[str]:
    return [
        row.model,
        f"{row.format} {row.precision}" + " (by tolerance)" * row.tolerated,
        row.engine,
        f"{row.rank}{'=' if row.tie else ' '}",
        f"{row.bytes / 1000:,.0f}",
        _ms(row.load_ms),
        _ms(row.first_ms),
        f"{row.p50_ms:.{digits}f}",
        f"{row.p50_low_ms:.{digits}f}-{row.p50_high_ms:.{digits}f}",
        f"{row.p95_ms:.{digits}f}",
        f"{row.p99_ms:.{digits}f}",
        f"{row.images_per_s:,.0f}",
        _optional(None if row.peak_bytes is None else row.peak_bytes / 1e6, ".0f"),
        _optional(row.accuracy, ".2%"),
    ]


def _ms(value: float) -> str:
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _optional(value: float | None, digits: str) -> str:
    return "-" if value is None else f"{value:{digits}}"
