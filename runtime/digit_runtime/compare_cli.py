"""The `digit-compare` command."""

import platform
from pathlib import Path

import click

from digit_runtime import options
from digit_runtime.backends import ENGINES
from digit_runtime.console import DigitCommand


@click.command(
    cls=DigitCommand,
    epilog="Example:  digit-compare --data test.csv --labels test_labels.csv --threads 1",
)
@click.option(
    "--models",
    multiple=True,
    help="A model's name; may be given several times.  [default: all models of --artifacts]",
)
@click.option(
    "--engine",
    "engines",
    multiple=True,
    type=click.Choice([engine.name for engine in ENGINES]),
    help="May be given several times.  [default: all that are installed; numpy only if it is "
    "alone]",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="CSV of digits to predict.  [default: each model's own reference rows, without accuracy]",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="CSV of ImageId,Label; adds the accuracy.",
)
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="Use the first so many rows of --data.",
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="How long to repeat single images, per file and engine.",
)
@options.artifacts
@click.option("--json", "style", flag_value="json", help="Print JSON, for programs.")
@click.option("--csv", "style", flag_value="csv", help="Print CSV.")
@click.option("--markdown", "style", flag_value="markdown", help="Print a Markdown table.")
def compare(
    models: tuple[str, ...],
    engines: tuple[str, ...],
    data: Path | None,
    labels: Path | None,
    rows: int,
    threads: int,
    seconds: float,
    artifacts: Path | None,
    style: str | None,
) -> None:
    """Compare size, speed, memory and accuracy of all exported files on this device.

    Every file is measured with every engine that reads it, each in a fresh process, all
    with the same threads and the same rows.
    """
    from digit_runtime import compare as comparison
    from digit_runtime import render, samples
    from digit_runtime.cpus import cpu_name
    from digit_runtime.models import artifacts_folder, model_names

    if labels and not data:
        raise click.UsageError("--labels needs --data")
    folder = artifacts_folder(artifacts)
    names = models or tuple(model_names(folder))
    chosen = comparison.candidates(names, folder, engines)
    pixels, answers = (
        samples.from_csv(data, labels, rows) if data else samples.reference(folder / names[0])
    )

    def report(candidate: comparison.Candidate) -> None:
        click.echo(f"measuring {candidate.file.path.name} on {candidate.engine}", err=True)

    results = comparison.compare(chosen, pixels, answers, threads, seconds, report)
    conditions = {
        "schema": 1,
        "machine": platform.machine(),
        "cpu": cpu_name(),
        "system": platform.platform(),
        "threads": threads,
        "rows": len(pixels),
    }
    if style == "json":
        click.echo(render.as_json(results, conditions))
    elif style == "csv":
        click.echo(render.as_csv(results))
    else:
        click.echo((render.as_markdown if style == "markdown" else render.as_table)(results))
        plural = "s" * (threads != 1)
        click.echo(
            f"\n{conditions['cpu']}, {threads} thread{plural}, {len(pixels):,} rows. Latency is "
            "that of one image, throughput that of\nthe best batch of 8, 32 and 64."
            + render.uncertainty(results, len(pixels))
        )
