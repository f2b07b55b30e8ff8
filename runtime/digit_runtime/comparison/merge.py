"""Results of several devices in one table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from digit_runtime.comparison.render import Named
from digit_runtime.comparison.results import SCHEMA, Comparison, Row
from digit_runtime.errors import ResultsError


def names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each file's device: its stem, or its whole path where stems repeat."""
    stems = [path.stem for path in paths]
    return stems if len(set(stems)) == len(stems) else [str(path) for path in paths]


def merge(comparisons: Mapping[str, Comparison]) -> list[Named]:
    """Return the rows of all devices, those of a model together.

    Args:
        comparisons: By the name of the device.

    Raises:
        ResultsError: Two devices measured different files under the same name.
    """
    seen: dict[tuple[str, ...], tuple[str, Row]] = {}
    for device, comparison in comparisons.items():
        for row in comparison.rows:
            file = (row.model, row.format, row.precision)
            where, first = seen.setdefault(file, (device, row))
            if first.sha256 != row.sha256:
                raise ResultsError(
                    f"{where} and {device} measured different files as {' '.join(file)} (sha256 "
                    f"{first.sha256[:12]} and {row.sha256[:12]}): copy the models from one "
                    "device to the other and measure again"
                )
    models = dict.fromkeys(row.model for one in comparisons.values() for row in one.rows)
    return [
        (device, row)
        for model in models
        for device, comparison in comparisons.items()
        for row in comparison.rows
        if row.model == model
    ]


def warnings(comparisons: Mapping[str, Comparison]) -> list[str]:
    """Say what was not the same on all devices, and what each was warned of."""
    found = []
    for name, of in (
        ("threads", lambda one: one.settings.threads),
        ("rows", lambda one: f"{one.settings.rows:,}"),
    ):
        values = {device: of(one) for device, one in comparisons.items()}
        if len(set(values.values())) > 1:
            each = ", ".join(f"{value} on {device}" for device, value in values.items())
            found.append(f"the number of {name} differs: {each}")
    digits = {one.settings.data_sha256 for one in comparisons.values()}
    if len(digits) > 1:
        found.append("accuracies are of different digits")
    for device, one in comparisons.items():
        found += [f"{device}: {warning}" for warning in one.warnings]
    return found


def as_json(comparisons: Mapping[str, Comparison]) -> dict[str, Any]:
    """Return each device's document under its name."""
    return {
        "schema": SCHEMA,
        "devices": {device: one.as_json() for device, one in comparisons.items()},
    }
