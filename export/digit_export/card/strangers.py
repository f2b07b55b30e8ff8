"""What a model says to pictures that show no digit, and to digits of other hands."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from digit_runtime.contract import Pixels
from digit_runtime.models.classifier import Classifier
from digit_train.data import others
from digit_train.outliers import glyphs
from digit_train.outliers.held_out import strangers


@dataclass(frozen=True)
class StrangerFigures:
    """Shares from 0 to 1.

    Attributes:
        unsure_below: The model's limit; see `Classifier.unsure_below`.
        digits_kept: Of the test digits, those that reach it.
        passing: Of each kind of picture without a digit, those that reach it all the same.
        letters: The same of each letter.
        hands: Accuracy on digits that are not MNIST's.
    """

    unsure_below: float
    digits_kept: float
    passing: dict[str, float]
    letters: dict[str, float]
    hands: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return the figures for the manifest."""
        return {
            "unsure_below": self.unsure_below,
            "digits_kept": round(self.digits_kept, 4),
            "passing": {name: round(share, 4) for name, share in self.passing.items()},
            "letters": {name: round(share, 4) for name, share in self.letters.items()},
        }


def measure(
    classifier: Classifier,
    digits: Pixels,
    folder: Path,
    report: Callable[[str], None] = lambda line: None,
) -> StrangerFigures:
    """Show a model what it was not trained with: held-out fonts, generators and kinds.

    Args:
        classifier: Any loaded file; without a limit all passes.
        digits: uint8 ``[N, 784]``, rows that the model was not trained on.
        folder: What ``digit-data others`` fetched.
        report: Called with each result.

    Raises:
        InputNotFoundError: Something was not fetched.
    """

    def passing(pixels: Pixels) -> float:
        return float(np.mean(~classifier.unsure(classifier.predict_proba(pixels))))

    shown = strangers(folder, digits)
    kinds = {}
    for name, pixels in shown.kinds.items():
        kinds[name] = passing(pixels)
        report(f"{name}: {kinds[name]:.1%} pass for a digit")
    hands = {}
    for name, (pixels, labels) in {
        "scikit-learn's 1,797 digits of 8x8": others.small_digits(folder),
        "digits of 20 handwriting fonts": glyphs.digits(others.fonts_of(folder), held_out=True),
    }.items():
        hands[name] = float(np.mean(classifier.predict(pixels) == labels))
        report(f"{name}: {hands[name]:.2%}")
    return StrangerFigures(
        unsure_below=classifier.unsure_below or 0.0,
        digits_kept=passing(digits),
        passing=kinds,
        letters={letter: passing(pixels) for letter, pixels in shown.letters.items()},
        hands=hands,
    )
