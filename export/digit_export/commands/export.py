"""The `digit-export` command."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from digit_runtime.commands.command import DigitCommand, say
from digit_runtime.commands.options import as_json
from digit_runtime.commands.outputs import refuse_overwriting
from digit_runtime.terminal import plural
from digit_train.commands import options

from digit_export.commands import class_names as class_names_option
from digit_export.commands import scale as scale_option
from digit_export.commands import tolerance
from digit_export.convert.targets import LIMITS, formats, precisions
from digit_export.keras_model.scale import PixelRange

if TYPE_CHECKING:
    from digit_export.keras_model.find import Source
    from digit_export.publish.outcome import Outcome

_UNLISTED = "earlier files are still there, but some of them are no longer used; see above"


@click.command(
    cls=DigitCommand,
    epilog="Example:  digit-export --model cnn --format onnx --precision int8",
)
@click.option(
    "--format", "format_", type=click.Choice([*formats(), "all"]), default="all", show_default=True
)
@click.option(
    "--precision", type=click.Choice([*precisions(), "all"]), default="all", show_default=True
)
@click.option(
    "--model",
    default="all",
    show_default=True,
    metavar="NAME|PATH",
    help="A model under --artifacts (mlp, cnn, tiny), all of them, or the path of a model of "
    "your own: a .keras or .h5 file, or a SavedModel's folder.",
)
@click.option(
    "--class-names",
    "--labels",
    "class_names",
    cls=class_names_option.Option,
    callback=class_names_option.parse,
    metavar="NAME,...|FILE",
    help="What your model's classes are called, in their order, or a text file with one name "
    "on each line.  [default: 0, 1, ...]",
)
@click.option(
    "--scale",
    callback=scale_option.parse,
    metavar="FACTOR|LOW..HIGH|none",
    help="What your model's training did to pixels from 0 to 255: 1/255, -1..1, or none. Needed "
    "if its layers do not tell.",
)
@options.artifacts
@options.data(
    "data/train.csv", "Training CSV: calibration rows, and validation rows to check parity on."
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
@options.seed("Of the rows drawn for calibration.")
@click.option(
    "--tolerance",
    "limits",
    multiple=True,
    callback=tolerance.parse,
    metavar="LIMIT=NUMBER",
    help=f"Another limit in the gates, a fraction, of {', '.join(LIMITS)}; recorded "
    "in the manifest. May be repeated.",
)
@click.option(
    "--replace", is_flag=True, help="Replace the exports of another model of the same name."
)
@click.option("--force", is_flag=True, help="Export what is up to date, too.")
@click.option(
    "--debug",
    is_flag=True,
    help="Also show how far each layer's output is from that in Keras, the farthest first.",
)
@as_json
def export(
    format_: str,
    precision: str,
    model: str,
    class_names: tuple[str, ...],
    scale: PixelRange | None,
    artifacts: Path,
    data: Path,
    test_data: Path | None,
    test_labels: Path | None,
    seed: int,
    limits: dict[str, float],
    replace: bool,
    force: bool,
    debug: bool,
    as_json: bool,
) -> None:
    """Export trained Keras models to ONNX and TFLite, and prove each file's parity.

    Every file is run by the engine that will run it, on the rows held out from training
    and on the test rows, and compared with Keras. One that misses its gate is not
    published; then the exit status is 1. What changed is told in report.html in --artifacts,
    and row by row in flips.csv and flips.png of each model.

    A model of your own takes 784, 28x28 or 28x28x1 pixels, uint8 or float, and gives
    probabilities or logits of 2 to 256 classes. What it lacks is added: scaling, reshaping,
    softmax. --data must be labelled with its classes, by name or counted from 0. Its files
    go to the folder of --artifacts that has the name of its file.
    """
    from digit_export import run
    from digit_export.convert.targets import select
    from digit_export.keras_model.find import find
    from digit_export.parity.rows import Data
    from digit_export.publish.outcome import NOT_PUBLISHED
    from digit_export.publish.publish import no_longer_listed, written
    from digit_export.report import page, table

    if (test_data is None) != (test_labels is None):
        raise click.UsageError("--test-data and --test-labels go together")
    test = (
        (test_data, test_labels)
        if test_data and test_labels
        else _beside(data, "test.csv", "test_labels.csv")
    )
    if model == "all" and (class_names or scale):
        raise click.UsageError("--class-names and --scale are of one model: give --model")
    selected = select(format_, precision)
    if not selected:
        there = ", ".join(target.precision for target in select(format_, "all"))
        raise click.UsageError(f"--format {format_} has no {precision}; it has {there}")
    targets = tolerance.apply(selected, limits)
    found = find(model, artifacts, class_names, scale, replace)
    refuse_overwriting(
        {
            "--artifacts": [
                *(path for source in found for path in written(source, targets)),
                *(path for folder in _folders(found) for path in page.written(folder)),
            ]
        },
        [data, *(test or ()), *(source.path for source in found)],
    )
    rows = Data(data, test)
    documents, usable, unlisted = [], [], 0
    missed: list[Outcome] = []
    for source in found:
        report = partial(say, err=True)
        if taken := source.taken_over:
            report(f"{source.name}: {taken}")
        outcomes = run.export(run.ExportJob(source, targets, rows, seed, force, debug, report))
        missed += [outcome for outcome in outcomes if outcome.status == NOT_PUBLISHED]
        if any(outcome.is_published for outcome in outcomes):
            usable.append(source)
        lost, why = no_longer_listed(source)
        unlisted += len(lost)
        documents.append(table.as_json(source, outcomes, lost))
        if not as_json:
            click.echo(f"{table.as_table(source, outcomes)}\n")
            for text in table.layers(outcomes):
                click.echo(f"{text}\n")
        if lost:
            report(
                f"{source.name}: still there but no longer listed, as {why}: {', '.join(lost)}; "
                "export them again, or remove them"
            )
    pages = [page.write(folder) for folder in _folders(found)]
    if as_json:
        click.echo(json.dumps({"schema": 1, "models": documents}, indent=2))
    else:
        for path in filter(None, pages):
            say(f"what changed, and whether that could be chance: {path}")
            click.echo()
        if usable:
            own = None if format_ == "all" else format_
            rows_to_predict, answers = test or (_unlabelled(data), None)
            click.echo(table.next_steps(usable, rows_to_predict, answers, own))
    if missed:
        raise click.ClickException(_not_published(missed, unlisted))


def _not_published(missed: "Sequence[Outcome]", unlisted: int) -> str:
    said = [f"{plural(len(missed), 'file')} not published"]
    if unlisted:
        said.append(_UNLISTED)
    elif any(outcome.path.exists() for outcome in missed):
        place = "their place" if len(missed) > 1 else "its place"
        said.append(f"what was there before in {place} is unchanged")
    # Of one that could not be made, nothing was measured.
    if any(outcome.parity for outcome in missed):
        said.append(
            "a model that is trained longer may pass its gate; --tolerance LIMIT=NUMBER moves that"
        )
    return "; ".join(said)


def _folders(found: "Sequence[Source]") -> list[Path]:
    return list(dict.fromkeys(source.directory.parent for source in found))


def _unlabelled(data: Path) -> Path | None:
    path = data.with_name("test.csv")
    return path if path.is_file() else None


def _beside(data: Path, test: str, labels: str) -> tuple[Path, Path] | None:
    paths = data.with_name(test), data.with_name(labels)
    return paths if all(path.is_file() for path in paths) else None
