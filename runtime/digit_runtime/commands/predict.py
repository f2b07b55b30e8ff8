"""The `digit-predict` command."""

import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from digit_runtime.commands import options
from digit_runtime.commands.command import DigitCommand
from digit_runtime.terminal import native_stderr_silenced

if TYPE_CHECKING:
    from digit_runtime.classifier import Classifier
    from digit_runtime.contract import Labels
    from digit_runtime.predicting.score import Score


@click.command(
    cls=DigitCommand,
    epilog="Example:  digit-predict test.csv --model cnn -o submission.csv",
)
@click.argument("data", metavar="INPUT", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--model",
    default="cnn",
    show_default=True,
    help="A model's name, or the path of a .onnx or .tflite file.",
)
@options.format_and_precision
@options.engine
@click.option("--threads", type=click.IntRange(min=1), help="[default: all usable CPUs]")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    default=Path("submission.csv"),
    show_default=True,
    help="Kaggle's submission file; - for standard output.",
)
@click.option(
    "--probabilities",
    type=click.Path(path_type=Path),
    help="Also write all probabilities, as ImageId,p0,...,p9, to this CSV.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="CSV of ImageId,Label to score against: prints accuracy and confusion matrix.",
)
@options.orientation
@options.artifacts
@options.as_json
def predict(
    data: Path,
    model: str,
    format_: str | None,
    precision: str | None,
    engine: str,
    threads: int | None,
    output: Path,
    probabilities: Path | None,
    labels: Path | None,
    invert: bool,
    transpose: bool,
    artifacts: Path | None,
    as_json: bool,
) -> None:
    """Predict the digits of a Kaggle CSV (plain or .gz; - for standard input).

    Columns are pixel0 to pixel783, whole numbers from 0 to 255, with or without the
    header; a label column is ignored. The output appears whole or not at all.

    INPUT may also be a .npy or .npz file of uint8 [N, 784] or [N, 28, 28], an image file
    with one digit, or a folder of such; the output then names them in a third column,
    File. Images are centred as MNIST's were; dark on bright or bright on dark is found out.
    """
    from digit_runtime.device import usable_cpus
    from digit_runtime.engines.table import why_last_resort
    from digit_runtime.errors import PixelsError
    from digit_runtime.inputs.kaggle_csv import read_labels
    from digit_runtime.inputs.open import open_pixels, oriented
    from digit_runtime.inputs.prefetch import prefetch
    from digit_runtime.inputs.suspicions import Guard
    from digit_runtime.loading.load import load
    from digit_runtime.predicting.score import score
    from digit_runtime.predicting.submission import predict_to_csv

    start = time.perf_counter()
    with open_pixels(data, None) as source, ExitStack() as stack:
        if source.has_labels:
            click.echo(f"note: ignoring the label column of {source.name}", err=True)
        if source.files and invert:
            raise click.UsageError("--invert is not for images: their colours are found out")
        # From here on rows are read ahead, while the engine starts and while it predicts.
        batches = stack.enter_context(
            prefetch(oriented(source.tasks, invert, transpose), min(2, usable_cpus()))
        )
        with native_stderr_silenced():
            classifier = load(
                model,
                format=format_,
                precision=precision,
                engine=engine,
                threads=threads,
                artifacts=artifacts,
            )
        if engine == "auto" and (why := why_last_resort(classifier.engine)):
            click.echo(f"note: {why}", err=True)
        if classifier.tolerated:
            click.echo(
                f"note: {classifier.path.name} was published by --tolerance only; digit-verify "
                "and its card say how far it may be from its Keras model",
                err=True,
            )
        answers = read_labels(labels, classifier.labels) if labels else None
        guard = Guard(source.name, invert, transpose)
        digits = predict_to_csv(
            classifier,
            batches,
            _publish(output, stack),
            _publish(probabilities, stack) if probabilities else None,
            files=source.files,
            guard=guard,
        )
        if answers is not None and len(answers) != len(digits):
            raise PixelsError(
                f"{labels}: has {len(answers):,} rows, {source.name} has {len(digits):,}"
            )
    for complaint in guard.complaints():
        click.echo(f"warning: {complaint}", err=True)
    seconds = time.perf_counter() - start
    result = score(digits, answers, classifier.labels) if answers is not None else None
    summarise = _as_json if as_json else _as_text
    document = summarise(classifier, output, digits, source.files, seconds, result)
    click.echo(document, err=str(output) == "-")


def _publish(path: Path, stack: ExitStack) -> BinaryIO:
    from digit_runtime.storage.atomic import writing

    return sys.stdout.buffer if str(path) == "-" else stack.enter_context(writing(path))


def _as_text(
    classifier: "Classifier",
    output: Path,
    digits: "Labels",
    files: Sequence[str] | None,
    seconds: float,
    result: "Score | None",
) -> str:
    from digit_runtime.contract import DIGITS

    noun = "digit" if classifier.labels == DIGITS else "image"
    place = "standard output" if str(output) == "-" else output
    lines = [
        f"{_counted(len(digits), noun)} to {place} in {seconds:.1f} s: {classifier.path.name} "
        f"on {classifier.engine}, {_counted(classifier.threads, 'thread')}"
    ]
    if files and len(files) == 1:
        lines.insert(0, f"{click.format_filename(files[0])}: {classifier.labels[digits[0]]}")
    if result:
        lines.append(str(result))
    return "\n".join(lines)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _as_json(
    classifier: "Classifier",
    output: Path,
    digits: "Labels",
    files: Sequence[str] | None,
    seconds: float,
    result: "Score | None",
) -> str:
    from digit_runtime.contract import DIGITS

    single = files is not None and len(files) == 1
    document = {
        "rows": len(digits),
        "digit": int(digits[0]) if single and classifier.labels == DIGITS else None,
        "label": classifier.labels[digits[0]] if single else None,
        "output": str(output),
        "file": str(classifier.path),
        "model": classifier.model,
        "format": classifier.format,
        "precision": classifier.precision,
        "tolerated": classifier.tolerated,
        "engine": classifier.engine,
        "threads": classifier.threads,
        "seconds": round(seconds, 3),
        "score": result.as_json() if result else None,
    }
    return json.dumps(document, indent=2)
