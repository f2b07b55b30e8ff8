"""The `digit-keras-predict` command."""

from pathlib import Path

import click
from digit_runtime.commands.command import DigitCommand, say
from digit_runtime.commands.outputs import refuse_overwriting, replaced
from digit_runtime.terminal import plural
from digit_train.commands import options


@click.command(
    cls=DigitCommand,
    epilog="Example:  digit-keras-predict data/test.csv --model runs/mlp -o submission.csv",
)
@click.argument("data", type=click.Path(path_type=Path))
@click.option(
    "--model",
    required=True,
    metavar="NAME|PATH",
    help="A model under --artifacts, a folder of digit-train, or a .keras or .h5 file.",
)
@click.option("--labels", type=click.Path(path_type=Path), help="CSV of ImageId,Label, to score.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("submission.csv"),
    show_default=True,
    help="Kaggle's submission CSV; missing folders are made.",
)
@options.artifacts
def keras_predict(
    data: Path, model: str, labels: Path | None, output: Path, artifacts: Path
) -> None:
    """Predict digits with a Keras model itself, before or without exporting it.

    DATA is a CSV of Kaggle's, a NumPy file or pictures, as for digit-predict. A label column
    or --labels is scored. For use on a device, export the model: digit-predict needs no
    TensorFlow.
    """
    from digit_runtime.contract import DIGITS
    from digit_runtime.errors import PixelsError
    from digit_runtime.inputs.kaggle_csv import read_labels
    from digit_runtime.inputs.open import read_pixels
    from digit_runtime.inputs.several import files_named
    from digit_runtime.predicting.score import score
    from digit_runtime.storage.atomic import writing

    from digit_export.keras_model.find import MODEL_NAME, find
    from digit_export.keras_model.network import Network

    path = Path(model) / MODEL_NAME
    (source,) = find(str(path) if path.is_file() else model, artifacts)
    refuse_overwriting({"-o": output}, [*files_named([data]), labels, source.path])
    names = source.labels or DIGITS
    pixels, own = read_pixels(data, names)
    answers = read_labels(labels, names) if labels else own
    if answers is not None and len(answers) != len(pixels):
        raise PixelsError(
            f"{labels}: has {plural(len(answers), 'row')}, {data} has {len(pixels):,}"
        )
    network = Network.load(source.path, source.pixels)
    predicted = network.predict(pixels).argmax(axis=1).astype("uint8")
    note = replaced(output)
    with writing(output) as stream:
        lines = (f"{row},{names[digit]}\n" for row, digit in enumerate(predicted.tolist(), start=1))
        stream.write(f"ImageId,Label\n{''.join(lines)}".encode())
    if note:
        say(note, err=True)
    say(f"{len(predicted):,} digits to {output}: {source.path} on Keras")
    if answers is not None:
        click.echo(score(predicted, answers, names))
