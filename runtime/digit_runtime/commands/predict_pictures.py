"""What `digit-predict` does with pictures: one digit each."""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digit_runtime.commands.command import say
from digit_runtime.terminal import plural, track

if TYPE_CHECKING:
    from digit_runtime.models.classifier import Classifier


def predict_pictures(
    files: list[Path],
    classifier: "Classifier",
    *,
    output: Path | None,
    probabilities: Path | None,
    labels: Path | None,
    transpose: bool,
    as_json: bool,
) -> None:
    """Print the digit of each picture, and write the files that are asked for.

    Raises:
        PixelsError: `labels` has another number of rows.
        click.ClickException: Some pictures cannot be read; the others are done by then.
    """
    import numpy as np

    from digit_runtime.contract import DIGITS
    from digit_runtime.errors import PixelsError
    from digit_runtime.inputs.kaggle_csv import read_labels
    from digit_runtime.predicting import pictures
    from digit_runtime.predicting.score import score
    from digit_runtime.storage.atomic import writing

    start = time.perf_counter()
    known = read_labels(labels, classifier.labels) if labels else None
    if known is not None and len(known) != len(files):
        shown = plural(len(files), "picture")
        raise PixelsError(f"{labels}: has {plural(len(known), 'row')} for {shown}")
    found = pictures.predict_pictures(files, classifier, transpose=transpose)
    answers = list(track(found, "predicting", len(files)))
    to_stdout = str(output) == "-"
    for path, document in (
        (output, pictures.as_csv(answers)),
        (probabilities, pictures.as_csv(answers, classifier.labels)),
    ):
        if path is None:
            continue
        if str(path) == "-":
            sys.stdout.buffer.write(document)
            sys.stdout.buffer.flush()
        else:
            with writing(path) as stream:
                stream.write(document)
    failed = [answer for answer in answers if answer.label is None]
    good = np.array([answer.label is not None for answer in answers], np.bool_)
    digits = np.array([classifier.labels.index(a.label) for a in answers if a.label], np.uint8)
    result = score(digits, known[good], classifier.labels) if known is not None else None
    if as_json:
        first = answers[0] if len(answers) == 1 else None
        digit = int(digits[0]) if first and first.label and classifier.labels == DIGITS else None
        document_ = {
            "rows": len(answers),
            "digit": digit,
            "label": first.label if first else None,
            "probability": first.as_json()["probability"] if first else None,
            "unsure": first.unsure if first else None,
            "output": None if output is None else str(output),
            "file": str(classifier.path),
            "model": classifier.model,
            "format": classifier.format,
            "precision": classifier.precision,
            "engine": classifier.engine,
            "threads": classifier.threads,
            "seconds": round(time.perf_counter() - start, 3),
            "pictures": [answer.as_json() for answer in answers],
            "score": result.as_json() if result else None,
        }
        click.echo(json.dumps(document_, indent=2), err=to_stdout)
    else:
        for answer in answers:
            if answer.label is not None and not to_stdout:
                say(str(answer))
        if result:
            click.echo(str(result), err=to_stdout)
    if failed:
        for answer in failed[:-1]:
            say(f"Error: {answer.error}", err=True)
        raise click.ClickException(str(failed[-1].error))
