"""What stands below a comparison: on what its figures rest."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

from digit_runtime.comparison.exam import HELD_OUT, TRAINING
from digit_runtime.comparison.measured import BATCHES
from digit_runtime.comparison.results import Comparison, Row
from digit_runtime.measuring.conditions import Conditions

# The space after a number, and after the sign before one.
_WITHIN: Final = re.compile(r"(?<=\d) |(?<=\+/-) ")
_WIDTH: Final = 100


def measured_on(comparison: Comparison) -> str:
    """Say where and how it was measured, in a few words."""
    settings = comparison.settings
    done = min(row.rounds for row in comparison.rows)
    of = f" of {settings.rounds}" * (done < settings.rounds)
    return (
        f"{comparison.device.cpu}, {settings.threads} thread{'s' * (settings.threads != 1)}, "
        f"{done}{of} round{'s' * (settings.rounds != 1)}"
    )


def notes(comparison: Comparison) -> str:
    """Say on what the figures rest, and what speaks against them."""
    sizes = listed([str(size) for size in sorted(BATCHES)])
    facts = [
        f"{measured_on(comparison)}. Latency is that of one image, throughput that of the best "
        f"batch of {sizes}.",
        "Rank: one more than the number of rows of the same model that are certainly faster, "
        "whose interval of p50 lies wholly below; = marks a tie, where intervals overlap and "
        "this measurement cannot tell who is faster.",
        *_accuracy(comparison.rows),
        *_conditions(comparison.before, comparison.after),
    ]
    lines = [" ".join(facts)]
    lines += [f"Warning: {warning}." for warning in comparison.warnings]
    lines += [f"Not measured: {failure}" for failure in comparison.failures]
    return "\n".join(map(filled, lines))


def filled(text: str) -> str:
    """Break a text into lines, but no number from the unit or sign beside it."""
    # Lines are broken at other spaces only.
    kept = _WITHIN.sub("\N{NO-BREAK SPACE}", text)
    lines = textwrap.fill(kept, _WIDTH, break_on_hyphens=False, break_long_words=False)
    return lines.replace("\N{NO-BREAK SPACE}", " ")


def _accuracy(rows: Sequence[Row]) -> Iterable[str]:
    margins: dict[tuple[str | None, int | None, bool], float] = {}
    models: dict[tuple[str | None, int | None, bool], dict[str, None]] = {}
    for row in rows:
        kind = (row.accuracy_of, row.accuracy_rows, row.accuracy_recorded)
        models.setdefault(kind, {})[row.model] = None
        if row.accuracy is not None and row.accuracy_interval:
            margin = max(abs(row.accuracy - end) for end in row.accuracy_interval)
            margins[kind] = max(margin, margins.get(kind, 0))
    for (of, count, recorded), names in models.items():
        whose = f" of {listed(list(names))}" if len(models) > 1 else ""
        if of == TRAINING:
            yield (
                f"No accuracy{whose}: these are rows that it was trained on, and which of them "
                "were held out is not known."
            )
        if not count:
            continue
        plus_minus = f"+/- {100 * margins[of, count, recorded]:.2f} points (95 %)"
        which = (
            f"the {count:,} rows held out of its training"
            if of == HELD_OUT
            else (f"{count:,} rows")
        )
        how = ", as digit-export recorded it for these rows; this device gives the reference "
        how += "rows the digits that Keras gave"
        yield f"Accuracy{whose}: on {which}, {plus_minus}{how * recorded}."


def _conditions(before: Conditions, after: Conditions) -> Iterable[str]:
    facts = []
    if after.governor:
        facts.append(f"governor {after.governor}")
    for name, unit, start, end in (
        ("load", "", before.load, after.load),
        ("frequency", " MHz", before.frequency_mhz, after.frequency_mhz),
        ("temperature", " °C", before.temperature_c, after.temperature_c),
    ):
        if start is not None and end is not None:
            digits = ".1f" if name == "load" else ",.0f"
            facts.append(f"{name} {start:{digits}}{unit} before and {end:{digits}}{unit} after")
    if facts:
        yield f"The machine: {'; '.join(facts)}."


def listed(names: Sequence[str]) -> str:
    """Return a, b and c as people list them."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
