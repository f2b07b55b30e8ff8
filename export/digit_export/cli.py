"""The `digit-export` command."""

import json
from pathlib import Path

import click
from digit_runtime.console import DigitCommand

from digit_export.targets import FORMATS, PRECISIONS


@click.command(
    cls=DigitCommand,
    epilog="Example:  digit-export --model cnn --format onnx --precision int8",
)
@click.option(
    "--format", "format_", type=click.Choice([*FORMATS, "all"]), default="all", show_default=True
)
@click.option(
    "--precision", type=click.Choice([*PRECISIONS, "all"]), default="all", show_default=True
)
@click.option(
    "--model",
    default="all",
    show_default=True,
    metavar="NAME|PATH",
    help="A model under --artifacts (mlp, cnn), all of them, or the path of a .keras file.",
)
@click.option(
    "--artifacts",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("artifacts"),
    show_default=True,
    help="Folder of models.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data/train.csv"),
    show_default=True,
    help="Training CSV: calibration rows, and validation rows to check parity on.",
)
@click.option(
    "--test-data",
    type=click.Path(path_type=Path),
    help="CSV of digits to check parity on, too.  [default: test.csv beside --data, if there]",
)
@click.option(
    "--test-labels",
    type=click.Path(path_type=Path),
    help="Their labels.  [default: test_labels.csv beside --data, if there]",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Of the rows drawn for calibration.",
)
@click.option("--force", is_flag=True, help="Export what is up to date, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def export(
    format_: str,
    precision: str,
    model: str,
    artifacts: Path,
    data: Path,
    test_data: Path | None,
    test_labels: Path | None,
    seed: int,
    force: bool,
    as_json: bool,
) -> None:
    """Export trained Keras models to ONNX and TFLite, and prove each file's parity.

    Every file is run by the engine that will run it, on the rows held out from training
    and on the test rows, and compared with Keras. One that misses its gate is not
    published; then the exit status is 1.
    """
    from digit_export import report, run, sources
    from digit_export.data import Data
    from digit_export.targets import select

    if (test_data is None) != (test_labels is None):
        raise click.UsageError("--test-data and --test-labels go together")
    test = (
        (test_data, test_labels)
        if test_data and test_labels
        else _beside(data, "test.csv", "test_labels.csv")
    )
    found = sources.find(model, artifacts)
    rows = Data(data, test)
    documents, missed = [], 0
    for source in found:
        outcomes = run.export(
            source,
            select(format_, precision),
            rows,
            seed,
            force,
            lambda line: click.echo(line, err=True),
        )
        missed += sum(outcome.status == run.NOT_PUBLISHED for outcome in outcomes)
        documents.append(report.as_json(source, outcomes))
        if not as_json:
            click.echo(f"{report.as_table(source, outcomes)}\n")
    if as_json:
        click.echo(json.dumps({"schema": 1, "models": documents}, indent=2))
    if missed:
        raise click.ClickException(
            f"{missed} file{'s' * (missed > 1)} not published; what was there before is unchanged"
        )
    if not as_json:
        click.echo(report.next_steps(found, *(test or (data, None))))


def _beside(data: Path, test: str, labels: str) -> tuple[Path, Path] | None:
    paths = data.with_name(test), data.with_name(labels)
    return paths if all(path.is_file() for path in paths) else None
