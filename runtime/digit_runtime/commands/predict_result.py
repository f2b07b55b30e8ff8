"""What `digit-predict` says when it is done."""

import json
from pathlib import Path

from digit_runtime.contract import DIGITS
from digit_runtime.models.classifier import Classifier
from digit_runtime.predicting.run import Predicted
from digit_runtime.terminal import one_line, percent, plural


def as_text(
    classifier: Classifier, output: Path, result: Predicted, picture: str | None, seconds: float
) -> str:
    """Return what people are told of a run: where the answers are, and how many are right."""
    noun = "digit" if classifier.labels == DIGITS else "image"
    place = "standard output" if str(output) == "-" else output
    lines = [
        f"{plural(result.rows, noun)} to {place} in {seconds:.1f} s: {classifier.path.name} "
        f"on {classifier.engine}, {plural(classifier.threads, 'thread')}"
    ]
    if picture is not None:
        lines.insert(0, f"{picture}: {classifier.labels[result.first]}")
    lines = list(map(one_line, lines))
    if result.unsure:
        ids = ", ".join(f"{row:,}" for row in result.unsure_ids)
        lines.append(
            f"unsure    {result.unsure / result.rows:.2%}  ({result.unsure:,} of {result.rows:,}), "
            f"less probable than {classifier.unsure_below:.4f}: ImageId {ids}"
            + ", ...; --probabilities writes all"
            * (result.unsure > len(result.unsure_ids))
        )
    if result.trained:
        rows, correct = result.trained.rows, result.trained.correct
        lines.append(
            f"training rows  {percent(correct / rows)}  ({correct:,} of {rows:,}): the model has "
            "seen them, so this is no accuracy"
        )
    if result.score:
        lines.append(f"{'held out of the training: ' * bool(result.trained)}{result.score}")
    return "\n".join(lines)


def as_json(
    classifier: Classifier, output: Path, result: Predicted, picture: str | None, seconds: float
) -> str:
    """Return the same for programs, JSON."""
    single = picture is not None
    document = {
        "rows": result.rows,
        "digit": result.first if single and classifier.labels == DIGITS else None,
        "label": classifier.labels[result.first] if single else None,
        "unsure": result.unsure,
        "unsure_below": classifier.unsure_below,
        "output": str(output),
        "file": str(classifier.path),
        "model": classifier.model,
        "format": classifier.format,
        "precision": classifier.precision,
        "tolerated": classifier.tolerated,
        "engine": classifier.engine,
        "threads": classifier.threads,
        "seconds": round(seconds, 3),
        "score": result.score.as_json() if result.score else None,
        "training_rows": result.trained.as_json() if result.trained else None,
        "notes": result.notes,
        "warnings": result.warnings,
    }
    return json.dumps(document, indent=2)
