"""From batches of pixels to a submission and a score, in one streaming pass."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from digit_runtime.contract import Labels
from digit_runtime.errors import PixelsError
from digit_runtime.inputs.kaggle_csv import Batch
from digit_runtime.inputs.open import Input
from digit_runtime.inputs.suspicions import Guard
from digit_runtime.models.classifier import Classifier
from digit_runtime.predicting.hardest import Hardest
from digit_runtime.predicting.score import Score, score
from digit_runtime.predicting.submission import Submission
from digit_runtime.predicting.training_rows import TrainingRows
from digit_runtime.terminal import plural, progress

_SHOWN: Final = 5


class AnswersError(PixelsError):
    """There are not as many labels as rows."""


@dataclass
class Predicted:
    """What is known when all rows are predicted.

    Attributes:
        rows: How many there were.
        first: The class of the first.
        unsure: Of how many the model is unsure; see `Classifier.unsure`.
        unsure_ids: The ImageId of the first few of them.
        score: Of all labelled rows but those that the model was trained on.
        trained: Of the rows that it was trained on; no accuracy.
        warnings: What looked wrong with the pixels.
        notes: What else is to be told.
    """

    rows: int = 0
    first: int = 0
    unsure: int = 0
    unsure_ids: list[int] = field(default_factory=list)
    score: Score | None = None
    trained: Score | None = None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def predict(
    classifier: Classifier,
    batches: Iterable[tuple[int, Batch]],
    inputs: Sequence[Input],
    submission: Submission,
    answers: Labels | None = None,
    *,
    with_files: bool = False,
    oriented: tuple[bool, bool] = (False, False),
    hardest: Hardest | None = None,
) -> Predicted:
    """Predict every row, writing as it goes; memory does not grow with the input.

    Args:
        classifier: Predicts.
        batches: The rows, each batch with the number of its input.
        inputs: What the batches are of; it may grow as they are taken.
        submission: Gets the predictions.
        answers: The labels of all rows, uint8 ``[N]``; without them, those that the inputs
            have are scored.
        with_files: Whether the submission says which file each row is from.
        oriented: Whether the pixels were inverted and transposed.
        hardest: Sees all labelled rows.

    Raises:
        PixelsError, InputReadError: A bad row; names it.
        AnswersError: There are not as many answers as rows.
        EngineError: The engine failed.
    """
    result = Predicted()
    files: list[_File] = []
    with progress("predicting") as advance:
        for number, (pixels, _) in batches:
            if number == len(files):
                files.append(_File(inputs[number], classifier, oriented))
            file = files[number]
            probabilities = classifier.predict_proba(pixels)
            file.guard.see_predicted(pixels, probabilities, classifier.predict_proba)
            digits = submission.add(probabilities, file.cells(len(pixels)) if with_files else None)
            if answers is None:
                labels = file.labels(classifier.labels)
            else:
                labels = answers[result.rows : result.rows + len(pixels)]
            if labels is not None and len(labels) == len(pixels):
                file.scored(digits, labels, classifier.labels)
                file.training.see(pixels)
                if hardest:
                    hardest.see(pixels, probabilities, labels, file.source.name, file.rows)
            result.first = result.first if result.rows else int(digits[0])
            unsure = np.flatnonzero(classifier.unsure(probabilities))
            result.unsure += len(unsure)
            some = unsure[: _SHOWN - len(result.unsure_ids)] + result.rows + 1
            result.unsure_ids += some.tolist()
            file.rows += len(pixels)
            result.rows += len(pixels)
            advance(len(pixels))
    if answers is not None and len(answers) != result.rows:
        raise AnswersError(f"has {plural(len(answers), 'row')}, the input has {result.rows:,}")
    for file in files:
        file.add_to(result)
    return result


class _File:
    """What is known of one input while its rows go by."""

    def __init__(self, source: Input, classifier: Classifier, oriented: tuple[bool, bool]) -> None:
        self.source = source
        self.guard = Guard(source.name, *oriented)
        self._model_file = classifier.path
        self.rows = 0
        # Of the rows that the training of this model used, if this is its CSV; of the others.
        self._used: Score | None = None
        self._new: Score | None = None
        self._unlabelled: str | None = None

    @cached_property
    def training(self) -> TrainingRows:
        """What the model was trained on; only labelled rows ask for it."""
        return TrainingRows(self._model_file)

    def cells(self, count: int) -> Sequence[str]:
        """Return what the column File says of the next rows."""
        if self.source.files is not None:
            return self.source.files[self.rows : self.rows + count]
        return [self.source.name] * count

    def labels(self, names: tuple[str, ...]) -> Labels | None:
        """Return the labels of the next rows, if all so far can be scored."""
        if not self.source.has_labels or self._unlabelled:
            return None
        try:
            return self.source.labels(self.rows, names)
        except PixelsError as error:
            self._unlabelled = str(error)
            return None

    def scored(self, digits: Labels, labels: Labels, names: tuple[str, ...]) -> None:
        """Score the next rows."""
        cut = max(0, (self.training.trained or 0) - self.rows)
        if cut:
            self._used = _sum(self._used, score(digits[:cut], labels[:cut], names))
        if cut < len(labels):
            self._new = _sum(self._new, score(digits[cut:], labels[cut:], names))

    def add_to(self, result: Predicted) -> None:
        """Add what there is to say of this input, all of it read."""
        name = self.source.name
        result.warnings += self.guard.complaints()
        if self._unlabelled:
            result.notes.append(f"the label column is not scored: {self._unlabelled}")
            return
        if not (self._used or self._new):
            return
        if self.training.is_file(self.source.sha256()):
            whole = self.training.trained is None
            result.trained = _sum(result.trained, self._new if whole else self._used)
            result.score = _sum(result.score, None if whole else self._new)
            result.notes.append(
                f"{name} is the file that the model was trained on (its hash is in the manifest)"
                + "; the score is that of its last rows, which were held out" * (not whole)
            )
            return
        result.score = _sum(_sum(result.score, self._used), self._new)
        if self.training.seen:
            result.notes.append(
                f"{name} has {self.training.seen} of the {self.training.reference_rows} training "
                "rows that the model carries: it was trained on rows of this file, so the score "
                "is better than that of new digits"
            )


def _sum(one: Score | None, other: Score | None) -> Score | None:
    return one + other if one and other else one or other
