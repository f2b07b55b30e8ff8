"""The `digit-predict` command."""

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import click

from digit_runtime.commands import options, outputs
from digit_runtime.commands.command import DigitCommand, say
from digit_runtime.device import MOST_THREADS
from digit_runtime.terminal import native_stderr_silenced


@click.command(
    cls=DigitCommand,
    epilog="Example:  digit-predict test.csv --model cnn -o submission.csv",
)
@click.argument(
    "inputs",
    metavar="INPUT...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
)
@options.model
@options.format_and_precision
@options.engine
@click.option("--threads", type=click.IntRange(1, MOST_THREADS), help="[default: all usable CPUs]")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    default=Path("submission.csv"),
    show_default=True,
    help="Kaggle's submission file; - for standard output. Of pictures only if given.",
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
@click.option(
    "--hardest",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Also write the labelled digits that the model finds hardest: hardest.csv and .png.",
)
@options.orientation
@options.artifacts
@options.as_json
def predict(
    inputs: tuple[Path, ...],
    model: str,
    format_: str | None,
    precision: str | None,
    engine: str,
    threads: int | None,
    output: Path,
    probabilities: Path | None,
    labels: Path | None,
    hardest: Path | None,
    invert: bool,
    transpose: bool,
    artifacts: Path | None,
    as_json: bool,
) -> None:
    """Predict the digits of Kaggle CSVs (plain, .gz or .zip; - for standard input).

    Columns are pixel0 to pixel783 in any order, whole numbers from 0 to 255, with or
    without the header. A label column is scored: accuracy and confusion matrix; rows that
    the model was trained on are called that. Rows of which it is unsure are counted. The
    output appears whole or not at all; missing folders are made.

    INPUT may also be a .npy or .npz file of uint8 [N, 784] or [N, 28, 28], a Parquet file,
    an image file with one digit, or a folder of such. Of several inputs a third column, File,
    says where each row is from. Of images the digits are printed, and written, with that
    column, only where -o says so; frames, rules, desks, shadows and specks are left out.
    digit-read reads pictures of several digits.
    """
    from digit_runtime.commands import predict_result
    from digit_runtime.commands.predict_pictures import predict_pictures
    from digit_runtime.engines.table import why_last_resort
    from digit_runtime.errors import PixelsError
    from digit_runtime.inputs.kaggle_csv import read_labels
    from digit_runtime.inputs.prefetch import prefetch
    from digit_runtime.inputs.several import Several, files_named
    from digit_runtime.loading.load import load
    from digit_runtime.models.folder import files_behind
    from digit_runtime.predicting.hardest import CSV_NAME, PICTURE_NAME, Hardest

    outputs.refuse_overwriting(
        {
            "-o": output,
            "--probabilities": probabilities,
            "--hardest": hardest and [hardest / CSV_NAME, hardest / PICTURE_NAME],
        },
        [*files_named(inputs), labels, *files_behind(model, artifacts)],
    )
    note = outputs.replaced(output)
    start = time.perf_counter()
    with ExitStack() as stack:
        several = stack.enter_context(Several(inputs))
        single = several.opened[0].files
        if single and invert:
            raise click.UsageError("--invert is not for images: their colours are found out")
        pictures = _pictures(inputs) if single else []
        if hardest and pictures:
            raise click.UsageError("--hardest is not for pictures: it needs a table with labels")
        # Of several, those that are opened later may have them.
        if hardest and not (labels or several.names_files or several.opened[0].has_labels):
            raise click.UsageError("--hardest needs labels: a label column, or --labels")
        if pictures:
            with native_stderr_silenced():
                classifier = load(
                    model,
                    format=format_,
                    precision=precision,
                    engine=engine,
                    threads=threads,
                    artifacts=artifacts,
                )
            predict_pictures(
                pictures,
                classifier,
                output=None if outputs.is_unnamed() else output,
                probabilities=probabilities,
                labels=labels,
                transpose=transpose,
                as_json=as_json,
            )
            return
        # From here on rows are read ahead, while the engine starts and while it predicts.
        batches = stack.enter_context(prefetch(several.tasks(invert, transpose)))
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
            say(f"note: {why}", err=True)
        if classifier.tolerated:
            say(
                f"note: {classifier.path.name} was published by --tolerance only; digit-verify "
                "and its card say how far it may be from its Keras model",
                err=True,
            )
        from digit_runtime.predicting.run import AnswersError
        from digit_runtime.predicting.run import predict as predict_all
        from digit_runtime.predicting.submission import Submission

        answers = read_labels(labels, classifier.labels) if labels else None
        found = Hardest(classifier.labels) if hardest else None
        submission = Submission(
            classifier.labels,
            _publish(output, stack),
            _publish(probabilities, stack) if probabilities else None,
            several.names_files,
        )
        try:
            result = predict_all(
                classifier,
                batches,
                several.opened,
                submission,
                answers,
                with_files=several.names_files,
                oriented=(invert, transpose),
                hardest=found,
            )
        except AnswersError as error:
            raise PixelsError(f"{labels}: {error}") from error
        if hardest and not (result.score or result.trained):
            raise PixelsError(
                "; ".join(["--hardest needs labels, and no row has one", *result.notes])
            )
        if hardest and found:
            result.notes.append(f"the hardest digits are in {found.write(hardest)[1]}")
    if note:
        say(note, err=True)
    for opened in several.opened:
        for line in opened.notes:
            say(f"note: {line}", err=True)
    for line in result.notes:
        say(f"note: {line}", err=True)
    for complaint in result.warnings:
        say(f"warning: {complaint}", err=True)
    seconds = time.perf_counter() - start
    picture = single[0] if single and len(single) == 1 and len(several.opened) == 1 else None
    summarise = predict_result.as_json if as_json else predict_result.as_text
    document = summarise(classifier, output, result, picture, seconds)
    click.echo(document, err=str(output) == "-")


def _pictures(inputs: Sequence[Path]) -> list[Path]:
    """Return the picture files of the inputs; none if one of these is something else."""
    from digit_runtime.inputs.sniff import IMAGE_SUFFIXES, image_files

    found: list[Path] = []
    for path in inputs:
        if not path.is_dir() and path.suffix.lower() not in IMAGE_SUFFIXES and len(inputs) > 1:
            return []
        found += image_files(path) if path.is_dir() else [path]
    return found


def _publish(path: Path, stack: ExitStack) -> BinaryIO:
    from digit_runtime.storage.atomic import writing

    return sys.stdout.buffer if str(path) == "-" else stack.enter_context(writing(path))
