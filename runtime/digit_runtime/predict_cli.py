"""The `digit-predict` command."""

import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from digit_runtime import options
from digit_runtime.console import DigitCommand, native_stderr_silenced

if TYPE_CHECKING:
    from digit_runtime.classifier import Classifier
    from digit_runtime.score import Score


@click.command(
    cls=DigitCommand,
    epilog="Example:  digit-predict test.csv --model cnn -o submission.csv",
)
@click.argument("csv", metavar="INPUT.csv", type=click.Path(path_type=Path, allow_dash=True))
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
    help="Also write all ten probabilities, as ImageId,p0,...,p9, to this CSV.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="CSV of ImageId,Label to score against: prints accuracy and confusion matrix.",
)
@options.artifacts
@options.as_json
def predict(
    csv: Path,
    model: str,
    format_: str | None,
    precision: str | None,
    engine: str,
    threads: int | None,
    output: Path,
    probabilities: Path | None,
    labels: Path | None,
    artifacts: Path | None,
    as_json: bool,
) -> None:
    """Predict the digits of a Kaggle CSV (plain or .gz; - for standard input).

    Columns are pixel0 to pixel783, whole numbers from 0 to 255, with or without the
    header; a label column is ignored. The output appears whole or not at all.
    """
    from digit_runtime.backends import why_last_resort
    from digit_runtime.classifier import load
    from digit_runtime.errors import PixelsError
    from digit_runtime.pixels import PixelCsv, read_labels
    from digit_runtime.score import score
    from digit_runtime.submission import predict_csv

    start = time.perf_counter()
    answers = read_labels(labels) if labels else None
    with PixelCsv(csv) as source, ExitStack() as stack:
        if source.has_labels:
            click.echo(f"note: ignoring the label column of {source.name}", err=True)
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
        digits = predict_csv(
            classifier,
            source,
            _publish(output, stack),
            _publish(probabilities, stack) if probabilities else None,
        )
        if answers is not None and len(answers) != len(digits):
            raise PixelsError(
                f"{labels}: has {len(answers):,} rows, {source.name} has {len(digits):,}"
            )
    seconds = time.perf_counter() - start
    result = score(digits, answers) if answers is not None else None
    summarise = _as_json if as_json else _as_text
    click.echo(summarise(classifier, output, len(digits), seconds, result), err=str(output) == "-")


def _publish(path: Path, stack: ExitStack) -> BinaryIO:
    from digit_runtime.atomic import writing

    return sys.stdout.buffer if str(path) == "-" else stack.enter_context(writing(path))


def _as_text(
    classifier: "Classifier", output: Path, rows: int, seconds: float, result: "Score | None"
) -> str:
    place = "standard output" if str(output) == "-" else output
    plural = "s" * (classifier.threads != 1)
    line = (
        f"{rows:,} digits to {place} in {seconds:.1f} s: {classifier.path.name} on "
        f"{classifier.engine}, {classifier.threads} thread{plural}"
    )
    return f"{line}\n{result}" if result else line


def _as_json(
    classifier: "Classifier", output: Path, rows: int, seconds: float, result: "Score | None"
) -> str:
    document = {
        "rows": rows,
        "output": str(output),
        "file": str(classifier.path),
        "model": classifier.model,
        "format": classifier.format,
        "precision": classifier.precision,
        "engine": classifier.engine,
        "threads": classifier.threads,
        "seconds": round(seconds, 3),
        "score": result.as_json() if result else None,
    }
    return json.dumps(document, indent=2)
