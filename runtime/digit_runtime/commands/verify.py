"""The `digit-verify` command."""

import json
import platform
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digit_runtime.commands import options
from digit_runtime.commands.command import DigitCommand, say
from digit_runtime.engines.table import engine_names
from digit_runtime.formats.table import format_names
from digit_runtime.models.folder import artifacts_folder, model_directory, model_names
from digit_runtime.terminal import native_stderr_silenced, one_line, table, track

if TYPE_CHECKING:
    from digit_runtime.checks.verify import Check, Report

_ROWS_SHOWN = 10
_HEADER = ["file", "engine", "result", "held to", "rows", "difference", "other digits"]


@click.command(cls=DigitCommand, epilog="Example:  digit-verify cnn")
@click.argument("models", metavar="[MODEL]...", nargs=-1)
@click.option("--format", "format_", type=click.Choice(format_names()), help="[default: all]")
@click.option("--precision", help="[default: all]")
@click.option(
    "--engine",
    "engines",
    multiple=True,
    type=click.Choice(engine_names()),
    help="May be given several times.  [default: all that are installed]",
)
@options.artifacts
@options.as_json
def verify(
    models: tuple[str, ...],
    format_: str | None,
    precision: str | None,
    engines: tuple[str, ...],
    artifacts: Path | None,
    as_json: bool,
) -> None:
    """Check on this device that models answer as Keras did where they were trained.

    Runs the digits that each model carries through its files, on every installed engine,
    and holds each to the gate that it was published under, which its manifest records:
    how far probabilities may be from Keras's, or how many of these rows may get another
    answer. Also checks the hash of every file. Exit status 1 if anything fails.

    MODEL is a name under --artifacts or the path of a model directory; without it, all
    that have such files are checked. ./mlp is a path, mlp a name, unless the folder mlp
    here has a manifest.json.
    """
    from dataclasses import asdict

    from digit_runtime.checks import verify as verification
    from digit_runtime.device import cpu_name
    from digit_runtime.models.exported import exported
    from digit_runtime.models.reference import golden_rows

    folder = artifacts_folder(artifacts)
    directories = [model_directory(name, folder) for name in models]
    directories = directories or exported(
        [folder / name for name in model_names(folder)],
        lambda line: say(f"note: {line}", err=True),
        format_,
        precision,
    )
    reports = []
    for directory in directories:
        chosen = verification.candidates(directory, format_, precision, engines)
        files = verification.file_states(directory)
        reference = golden_rows(directory)
        checks = []
        for candidate in track(chosen, f"verifying {directory.name}", len(chosen)):
            with native_stderr_silenced():
                checks.append(verification.check(candidate, reference))
        reports.append(verification.Report(directory.name, str(directory), files, checks))
    failures = sum(report.failures for report in reports)
    done = sum(
        check.engine is not None and check.obstacle is None
        for report in reports
        for check in report.checks
    )
    if as_json:
        document = {
            "schema": 1,
            "machine": platform.machine(),
            "cpu": cpu_name(),
            "ok": not failures and done > 0,
            "models": [asdict(report) for report in reports],
        }
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        click.echo("\n\n".join(map(_text, reports)))
    if failures:
        raise click.ClickException(f"{failures} of the checks failed; see above")
    if not done:
        raise click.ClickException("nothing was checked: no installed engine runs these files")
    if not as_json:
        click.echo()
        say(f"OK: {done} checks of {', '.join(report.name for report in reports)}")


def _text(report: "Report") -> str:
    rows = [_cells(check) for check in report.checks]
    lines = []
    for check in report.checks:
        name = f"{check.path} on {check.engine}"
        lines += [f"{name}: {check.failure}"] * (check.failure is not None)
        lines += [f"{name}: not run: {check.obstacle}"] * (check.obstacle is not None)
        lines += [
            f"{name}: row {d.row}: Keras sees {d.expected}, this device {d.predicted}; "
            f"probabilities differ by {d.difference:.1e}"
            for d in check.differences[:_ROWS_SHOWN]
        ]
        if (left := len(check.differences) - _ROWS_SHOWN) > 0:
            lines.append(f"{name}: and {left} more rows; --json lists all")
    for state in ("damaged", "not here"):
        if paths := [file.path for file in report.files if file.state == state]:
            lines.append(f"{state}: {', '.join(paths)}")
    intact = sum(file.state == "intact" for file in report.files)
    lines.append(f"intact: {intact} files, by their SHA-256")
    title = one_line(f"{report.name}  ({report.folder})")
    return "\n".join([title, table(_HEADER, rows, left=4), *map(one_line, lines)])


def _cells(check: "Check") -> list[str]:
    if check.engine is None:
        return [check.path, "-", "not run: no engine installed", "-", "-", "-", "-"]
    return [
        check.path,
        check.engine,
        "not run" if check.obstacle else "FAILED" if check.failure else "OK",
        _gate(check),
        str(check.rows),
        "-" if check.max_difference is None else f"{check.max_difference:.1e}",
        "-" if check.changed is None else str(check.changed),
    ]


def _gate(check: "Check") -> str:
    """Return in words what the answers were held to, and whether --tolerance set it."""
    words = {
        "max_difference": "difference {:g}",
        "min_agreement": "{:.1%} same",
    }
    limits = [text.format(check.gate[key]) for key, text in words.items() if key in check.gate]
    given = " (--tolerance)" * any(key in check.tolerance for key in words)
    return (", ".join(limits) or "-") + given
