"""The `digit-card` command."""

import shlex
from pathlib import Path

import click
from digit_runtime.commands.command import DigitCommand, say
from digit_runtime.commands.outputs import refuse_overwriting
from digit_runtime.terminal import plural
from digit_train.commands import options


@click.command(
    cls=DigitCommand,
    epilog="Example:  digit-card --model cnn --data data/test.csv --labels data/test_labels.csv",
)
@click.option(
    "--model",
    default="all",
    show_default=True,
    metavar="NAME",
    help="A model under --artifacts, or all of them.",
)
@options.data("data/test.csv", "CSV of digits that the model was not trained on.")
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    default=Path("data/test_labels.csv"),
    show_default=True,
    help="Their labels.",
)
@click.option(
    "--others",
    type=click.Path(path_type=Path, file_okay=False),
    help="What digit-data others fetched, for the figures on letters, scribbles and other hands. "
    " [default: others beside --data, if it is there]",
)
@options.artifacts
def card(model: str, data: Path, labels: Path, others: Path | None, artifacts: Path) -> None:
    """Write the model card: what the shipped int8 file can do, and where it fails.

    Accuracy with its confidence interval, confusion matrix, hardest digits, accuracy on
    shifted, rotated, noisy and inverted digits, and how often what is no digit passes for
    one, all measured through the runtime.
    """
    from digit_runtime.errors import PixelsError
    from digit_runtime.inputs.kaggle_csv import read_csv, read_labels
    from digit_runtime.models.exported import exported
    from digit_runtime.models.folder import from_artifacts, model_names
    from digit_runtime.models.manifest import sha256_of

    from digit_export.card.run import write, written

    beside = data.parent / "others"
    others = others or (beside if beside.is_dir() else None)
    if others is None:
        say(
            f"note: {beside} is not there, so the cards tell nothing of letters, scribbles and "
            f"digits of other hands; digit-data others --out {shlex.quote(str(beside))} fetches "
            "what that needs",
            err=True,
        )
    names = [from_artifacts(model)]
    if model == "all":
        found = [artifacts / name for name in model_names(artifacts)]
        names = [one.name for one in exported(found, lambda line: say(f"note: {line}", err=True))]
    refuse_overwriting(
        {"--artifacts": [path for name in names for path in written(artifacts / name)]},
        [data, labels],
    )
    pixels, answers = read_csv(data)[0], read_labels(labels)
    if len(pixels) != len(answers):
        raise PixelsError(
            f"{labels}: has {plural(len(answers), 'row')}, {data} has {len(pixels):,}"
        )
    for name in names:
        path = write(
            artifacts / name,
            pixels,
            answers,
            lambda line, name=name: say(f"{name}: {line}", err=True),  # type: ignore[misc]
            sha256_of(data),
            others,
        )
        say(str(path))
