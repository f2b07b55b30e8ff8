"""The `digit-compare merge` command."""

import json
from pathlib import Path

import click

from digit_runtime.commands import options
from digit_runtime.commands.command import DigitCommand, say
from digit_runtime.terminal import terminal_width


@click.command(cls=DigitCommand, epilog="Example:  digit-compare merge pi.json laptop.json")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@options.result_style
def merge(files: tuple[Path, ...], style: str | None) -> None:
    """Put what digit-compare --json measured on several devices into one table.

    A device is called as its file. All must have measured the same model files.
    """
    from digit_runtime.comparison import merge as merging
    from digit_runtime.comparison import render, results
    from digit_runtime.comparison.notes import measured_on

    if len(set(files)) < len(files):
        raise click.UsageError("a file is given twice")
    names = merging.names(files)
    comparisons = {name: results.read(path) for name, path in zip(names, files, strict=True)}
    rows = merging.merge(comparisons)
    if style == "json":
        click.echo(json.dumps(merging.as_json(comparisons), indent=2, allow_nan=False))
        return
    click.echo(render.draw(rows, style, terminal_width()))
    if style == "csv":
        return
    click.echo(f"\n{render.ranking(rows)}\n")
    for name, one in comparisons.items():
        say(f"{name}: {measured_on(one)}")
    for warning in merging.warnings(comparisons):
        say(f"Warning: {warning}.")
