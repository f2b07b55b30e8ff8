"""The `digit-compare` command."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from digit_runtime.commands import compare_options, options
from digit_runtime.commands.command import DigitCommand, say
from digit_runtime.commands.compare_options import QUICK, USUAL
from digit_runtime.commands.merge import merge
from digit_runtime.commands.outputs import refuse_overwriting
from digit_runtime.terminal import terminal_width

if TYPE_CHECKING:
    from digit_runtime.comparison.baseline import Report
    from digit_runtime.comparison.candidates import Candidate
    from digit_runtime.comparison.exam import Exam
    from digit_runtime.comparison.goals import Condition, Verdict
    from digit_runtime.comparison.results import Comparison


class CompareGroup(DigitCommand, click.Group):
    """Measures when it is called without the name of a subcommand."""


@click.group(
    cls=CompareGroup,
    invoke_without_command=True,
    subcommand_metavar="[merge FILE...]",
    epilog="Example:  digit-compare --data test.csv --labels test_labels.csv --threads 1",
)
@compare_options.subjects
@compare_options.amounts
@options.artifacts
@compare_options.verdicts
@options.result_style
@click.pass_context
def compare(
    ctx: click.Context,
    models: tuple[str, ...],
    formats: tuple[str, ...],
    engines: tuple[str, ...],
    with_keras: bool,
    keras_python: str,
    data: Path | None,
    labels: Path | None,
    rows: int | None,
    threads: int,
    seconds: float | None,
    rounds: int | None,
    quick: bool,
    artifacts: Path | None,
    conditions: "list[Condition]",
    baseline: Path | None,
    fail_over: float,
    picture: Path | None,
    style: str | None,
) -> None:
    """Compare size, speed, memory and accuracy of all exported files on this device.

    Every file is measured with every engine that reads it, each in a fresh process, in
    turns, all with the same threads and the same rows. Ctrl-C ends it early and prints what
    is done.
    """
    _check_usage(ctx, with_keras, data, labels, baseline)
    if ctx.invoked_subcommand:
        return
    from digit_runtime.comparison import baseline as older
    from digit_runtime.comparison import candidates, exam, goals, plot, run
    from digit_runtime.comparison.measured import Plan
    from digit_runtime.models import reference
    from digit_runtime.models.exported import exported
    from digit_runtime.models.folder import (
        artifacts_folder,
        files_behind,
        from_artifacts,
        model_names,
    )

    amount = QUICK if quick else USUAL
    folder = artifacts_folder(artifacts)
    names = tuple(map(from_artifacts, models)) or tuple(
        directory.name
        for directory in exported(
            [folder / name for name in model_names(folder)],
            lambda line: say(f"note: {line}", err=True),
        )
    )
    files = [file for name in names for file in files_behind(name, folder)]
    refuse_overwriting({"--plot": picture}, [data, labels, baseline, *files])
    chosen = candidates.candidates(names, folder, engines, list(dict.fromkeys(formats)))
    if with_keras:
        chosen += candidates.keras_candidates(names, folder, keras_python)
    pixels, answers = (
        reference.from_csv(data, labels, names=candidates.labels(names, folder))
        if data
        else reference.reference(folder / names[0])
    )
    exams = exam.exams(chosen, data, labels, len(pixels)) if data and answers is not None else {}
    if most := rows or (amount.rows if quick else None):
        exams = {
            one: asked if asked.recorded and not rows else asked.measured(most)
            for one, asked in exams.items()
        }
    _check_measurable(conditions, picture, exams)
    if picture:
        plot.needs()
    old = older.read(baseline, threads) if baseline else None
    plan = Plan(
        threads,
        rounds or amount.rounds,
        seconds or amount.seconds,
        amount.budget,
        rows or amount.rows,
    )
    comparison = run.compare(chosen, pixels, answers, plan, lambda line: say(line, err=True), exams)
    verdict = goals.best(comparison.rows, conditions) if conditions else None
    report = older.check(old, comparison, fail_over) if old else None
    _print(comparison, verdict, report, style)
    if picture:
        plot.write(comparison, picture)
    _fail_if_bad(comparison, verdict, report, f"in {baseline} by over {fail_over:.3%}")


compare.add_command(merge)


def _check_usage(
    ctx: click.Context,
    with_keras: bool,
    data: Path | None,
    labels: Path | None,
    baseline: Path | None,
) -> None:
    given = {
        name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    if ctx.invoked_subcommand and given:
        raise click.UsageError(f"options go after {ctx.invoked_subcommand}, which has few")
    for needed, name, there in (
        ("--data", "labels", data),
        ("--baseline", "fail_over", baseline),
        ("--with-keras", "keras_python", with_keras),
    ):
        if name in given and not there:
            raise click.UsageError(f"--{name.replace('_', '-')} needs {needed}")


def _check_measurable(
    conditions: "list[Condition]", picture: Path | None, exams: "dict[Candidate, Exam]"
) -> None:
    """Say before minutes are spent, and not after, that something cannot be known."""
    from digit_runtime.comparison.exam import TRAINING
    from digit_runtime.measuring import energy

    metrics = {condition.metric for condition in conditions}
    if picture or "accuracy" in metrics:
        if not exams:
            raise click.UsageError("without labels there is no accuracy: give --data and --labels")
        if trained := sorted({one.model for one, asked in exams.items() if asked.of == TRAINING}):
            raise click.UsageError(
                f"--data has rows that {', '.join(trained)} was trained on, and it is not known "
                "which were held out: they tell no accuracy"
            )
    if "energy" in metrics and energy.read() is None:
        raise click.UsageError("this system does not let this user read its energy counters")


def _print(
    comparison: "Comparison", verdict: "Verdict | None", report: "Report | None", style: str | None
) -> None:
    from digit_runtime.comparison import render
    from digit_runtime.comparison.notes import notes

    if style == "json":
        document: dict[str, Any] = comparison.as_json()
        document |= {"goal": verdict.as_json()} if verdict else {}
        document |= {"baseline": report.as_json()} if report else {}
        click.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    rows: list[render.Named] = [(None, row) for row in comparison.rows]
    click.echo(render.draw(rows, style, terminal_width()))
    words: list[object] = [verdict, report]
    if style != "csv":
        words[:0] = [f"{render.ranking(rows)}\n\n{notes(comparison)}"]
    for part in filter(None, words):
        # Beside CSV, words belong on the other stream.
        click.echo(f"\n{part}", err=style == "csv")


def _fail_if_bad(
    comparison: "Comparison", verdict: "Verdict | None", report: "Report | None", limit: str
) -> None:
    if comparison.interrupted:
        raise KeyboardInterrupt
    if comparison.failures:
        raise click.ClickException(f"not measured: {'; '.join(comparison.failures)}")
    if verdict and verdict.undecided:
        raise click.ClickException("whether anything fits the goal cannot be told; see above")
    if verdict and not verdict.row:
        raise click.ClickException("no file and engine fits the goal; see above")
    if report and report.worse:
        plural = "figure is" if report.worse == 1 else "figures are"
        raise click.ClickException(f"{report.worse} {plural} worse than {limit}; see above")
