"""What the card says a model can do, measured through the runtime on test rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from digit_runtime.contract import Labels, Pixels, Probabilities
from digit_runtime.measuring.statistics import share_interval
from digit_runtime.models.classifier import Classifier
from digit_runtime.predicting.score import score
from numpy.typing import NDArray

from digit_export.card import robustness
from digit_export.card.text import SHOWN


@dataclass(frozen=True)
class Evaluation:
    """The answers of one file to labelled test rows.

    Attributes:
        probabilities: float32 ``[N, 10]``.
        labels: uint8 ``[N]``.
        robustness: Accuracy from 0 to 1 by the name of the distortion.
    """

    probabilities: Probabilities
    labels: Labels
    robustness: dict[str, float]

    @property
    def predicted(self) -> Labels:
        """The most probable digit of each row, uint8 ``[N]``."""
        digits: Labels = self.probabilities.argmax(axis=1).astype(np.uint8)
        return digits

    def hardest(self) -> NDArray[np.intp]:
        """Return the rows whose true digit got the least probability, hardest first."""
        given = self.probabilities[np.arange(len(self.labels)), self.labels]
        return np.argsort(given, kind="stable")[:SHOWN]

    def as_json(self) -> dict[str, Any]:
        """Return the figures for the manifest."""
        result = score(self.predicted, self.labels)
        low, high = share_interval(result.correct, result.rows)
        return {
            **result.as_json(),
            "confidence_interval_95": [round(low, 6), round(high, 6)],
            "robustness": self.robustness,
        }


def evaluate(
    classifier: Classifier,
    pixels: Pixels,
    labels: Labels,
    report: Callable[[str], None] = lambda line: None,
) -> Evaluation:
    """Run one file on test rows, as they are and distorted.

    Args:
        classifier: The file.
        pixels: uint8 ``[N, 784]``.
        labels: uint8 ``[N]``.
        report: Called with the name of each distortion.
    """
    found = {}
    for name, accuracy in robustness.accuracies(classifier, pixels, labels):
        report(f"{name}: {accuracy:.2%}")
        found[name] = accuracy
    return Evaluation(classifier.predict_proba(pixels), labels, found)
