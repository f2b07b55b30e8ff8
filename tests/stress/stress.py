"""Try what docs/reliability.md promises, many times and at random; `make stress`.

    PYTHONPATH=tests/benchmarks python tests/stress/stress.py --only "of digit-batch" --times 50

Every try has a folder of its own and a generator whose seed is printed with a failure.
"""

import sys
import tempfile
import time
from pathlib import Path
from random import Random

import click
import damage
import kills
import reading
import server
import together
from digit_runtime.device import cpu_name, usable_cpus
from digit_runtime.terminal import table
from trials import end_all

TRIALS = (*server.TRIALS, *reading.TRIALS, *damage.TRIALS, *kills.TRIALS, *together.TRIALS)


@click.command()
@click.option("--only", multiple=True, help="Trials whose name has this text.")
@click.option("--times", type=click.IntRange(min=1), help="[default: each trial's own]")
@click.option("--seed", default=0, show_default=True)
def main(only: tuple[str, ...], times: int | None, seed: int) -> None:
    """Print how often each promise was tried, and how often it was broken."""
    lines: list[list[str]] = []
    broken = 0
    for trial in TRIALS:
        if only and not any(text in trial.name for text in only):
            continue
        tries = failures = 0
        start = time.monotonic()
        for number in range(times or trial.times):
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
                try:
                    tries += trial.attempt(Random(f"{seed} {trial.name} {number}"), Path(name))
                except AssertionError as error:
                    tries, failures = tries + 1, failures + 1
                    click.echo(f"{trial.name}, seed {seed}, number {number}: {error}", err=True)
                finally:
                    end_all()
        broken += failures
        spent = f"{time.monotonic() - start:,.0f}"
        lines.append([trial.name, trial.promise, f"{tries:,}", str(failures), spent])
        click.echo(f"{trial.name}: {tries:,} tried, {failures} broken, {spent} s", err=True)
    click.echo(f"{cpu_name()}, {usable_cpus()} CPUs\n")
    click.echo(table(["what is done", "what holds", "tried", "broken", "s"], lines, left=2))
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
