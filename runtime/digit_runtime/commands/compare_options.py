"""The many options of `digit-compare`: what to measure, how much of it, and what to make of it."""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from digit_runtime.device import MOST_THREADS
from digit_runtime.engines.table import engine_names
from digit_runtime.formats.table import format_names

if TYPE_CHECKING:
    from digit_runtime.comparison.goals import Condition

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Amount:
    """How much is measured where the options do not say."""

    rows: int
    rounds: int
    seconds: float
    budget: float
    """See `rounds.Plan`."""


USUAL = Amount(rows=2000, rounds=9, seconds=0.5, budget=math.inf)
# What is left to 15 s is for starting Python, reading --data and ending.
QUICK = Amount(rows=200, rounds=3, seconds=0.15, budget=11.0)


def subjects(command: F) -> F:
    """Add the options that say what is measured."""
    return _add(
        command,
        click.option(
            "--models",
            multiple=True,
            help="A model's name; may be given several times.  "
            "[default: all models of --artifacts]",
        ),
        click.option(
            "--format",
            "formats",
            multiple=True,
            type=click.Choice(format_names()),
            help="May be given several times.  [default: all that hold data; those that hold "
            "programs (c, wasm, html) only if they or their engine are named]",
        ),
        click.option(
            "--engine",
            "engines",
            multiple=True,
            type=click.Choice(engine_names()),
            help="May be given several times.  [default: all that are installed; numpy only if it "
            "is alone]",
        ),
        click.option(
            "--with-keras",
            is_flag=True,
            help="Also measure Keras itself.",
        ),
        click.option(
            "--keras-python",
            metavar="PATH",
            default=sys.executable,
            help="A Python that has digit-toolkit, for --with-keras.  [default: this one]",
        ),
        click.option(
            "--data",
            type=click.Path(path_type=Path),
            help="CSV of digits to predict.  [default: the first model's own reference rows, "
            "without accuracy]",
        ),
        click.option(
            "--labels",
            type=click.Path(path_type=Path),
            help="CSV of ImageId,Label; adds the accuracy.",
        ),
    )


def amounts(command: F) -> F:
    """Add the options that say how much is measured."""
    return _add(
        command,
        click.option(
            "--rows",
            type=click.IntRange(min=1),
            help="Use the first so many rows of --data, for the accuracy too.  [default: time "
            f"{USUAL.rows}, and ask all labelled rows for the accuracy, or what digit-export "
            "recorded of them]",
        ),
        click.option(
            "--threads", type=click.IntRange(1, MOST_THREADS), default=1, show_default=True
        ),
        click.option(
            "--seconds",
            type=click.FloatRange(min=0, min_open=True),
            help="How long to repeat single images, per file and engine, over all rounds.  "
            f"[default: {USUAL.seconds}]",
        ),
        click.option(
            "--rounds",
            type=click.IntRange(min=1),
            help=f"How many turns each file and engine has.  [default: {USUAL.rounds}]",
        ),
        click.option(
            "--quick",
            is_flag=True,
            help=f"Take less than 15 s: by default {QUICK.rows} rows and {QUICK.seconds} s, in "
            f"{QUICK.rounds} rounds or in fewer if they are long; what there is no time for is "
            "left out, int8 files last, and named.",
        ),
    )


def verdicts(command: F) -> F:
    """Add the options that say what to make of the results."""
    return _add(
        command,
        click.option(
            "--goal",
            "conditions",
            callback=_goal,
            metavar="TEXT",
            help='Pick the best file and engine for a goal such as "latency<2ms,accuracy>=99.5,'
            'size<1MB"; exit status 1 if none fits.',
        ),
        click.option(
            "--baseline",
            type=click.Path(path_type=Path),
            help="What --json printed earlier; exit status 1 if a figure is worse now.",
        ),
        click.option(
            "--fail-over",
            callback=_percent,
            default="10%",
            show_default=True,
            metavar="PERCENT",
            help="How much worse than in --baseline a figure may be.",
        ),
        click.option(
            "--plot",
            "picture",
            type=click.Path(path_type=Path, dir_okay=False),
            callback=_picture,
            help="Draw accuracy against latency and size, as .png or .html.",
        ),
    )


def _add(command: F, *decorators: Callable[[F], F]) -> F:
    # Click lists options in the order in which decorators stand above a function.
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


def _goal(ctx: click.Context, option: click.Parameter, text: str | None) -> "list[Condition]":
    if text is None:
        return []
    from digit_runtime.comparison import goals

    try:
        return goals.parse(text)
    except goals.GoalSyntaxError as error:
        raise click.BadParameter(str(error)) from error


def _percent(ctx: click.Context, option: click.Parameter, text: str) -> float:
    try:
        percent = float(text.strip().removesuffix("%"))
    except ValueError:
        percent = math.nan
    if not 0 <= percent < math.inf:
        raise click.BadParameter(f"{text!r} is not a percentage such as 10%")
    return percent / 100


def _picture(ctx: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix not in (".png", ".html"):
        raise click.BadParameter(f"{str(path)!r} does not end in .png or .html")
    return path
