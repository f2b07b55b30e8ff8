"""`--tolerance`: other limits for the gates than those of the targets table."""

from collections.abc import Sequence
from dataclasses import replace

import click

from digit_export.convert.targets import LIMITS, Gate, Target


def parse(
    context: click.Context, parameter: click.Parameter, values: Sequence[str]
) -> dict[str, float]:
    """Read ``LIMIT=NUMBER`` as often as it is given; for click.

    Raises:
        click.BadParameter: The limit is unknown, or the number is not from 0 to 1.
    """
    limits = {}
    for value in values:
        name, _, number = value.partition("=")
        if name not in LIMITS:
            raise click.BadParameter(f"{value!r} does not begin with {', '.join(LIMITS)} and =")
        try:
            limits[name] = float(number)
        except ValueError as error:
            raise click.BadParameter(f"{number!r} is not a number") from error
        if not 0 <= limits[name] <= 1:
            raise click.BadParameter(f"{number} is not a fraction from 0 to 1")
    return limits


def apply(targets: Sequence[Target], limits: dict[str, float]) -> list[Target]:
    """Return `targets` with those limits; a gate that leaves a figure free still does.

    Raises:
        click.UsageError: None of the targets is held to one of the limits.
    """
    for name in limits:
        if all(getattr(target.gate, name) is None for target in targets):
            names = ", ".join(target.name for target in targets)
            raise click.UsageError(f"--tolerance {name}: not in the gate of {names}")
    return [replace(target, gate=_changed(target.gate, limits)) for target in targets]


def _changed(gate: Gate, limits: dict[str, float]) -> Gate:
    known = {name: value for name, value in limits.items() if getattr(gate, name) is not None}
    return replace(gate, **known)
