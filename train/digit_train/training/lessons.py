"""What a teacher has to say, written down once for all its students.

A lesson is one pass over the training rows, distorted anew, with the teacher's answers
(Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015), and
among them digits of handwriting fonts and pictures of nothing, whose answer is "each
digit as likely as any other". An ensemble answers slowly; so each lesson is one file,
and every student and every epoch reads it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import tensorflow as tf
from digit_runtime.contract import LABELS, PIXELS, Labels, Pixels, Probabilities
from digit_runtime.errors import DigitError, InputReadError, first_line
from digit_runtime.storage.atomic import replacing
from digit_runtime.storage.records import RecordError
from numpy.typing import NDArray

from digit_train.outliers.glyphs import digits as font_digits
from digit_train.outliers.training_set import outliers
from digit_train.training import spoil
from digit_train.training.augment import distort
from digit_train.training.recipe import Augmentation

Answer = Callable[[Pixels], Probabilities]
Kind = Literal["wide", "near"]
_MOST: Final = 99
_WIDE: Final = Augmentation(rotation=13, scale=0.15, shear=0.2, shift=2, elastic_alpha=31)
_NEAR: Final = Augmentation(rotation=8, scale=0.1, shear=0.1, shift=1, elastic_alpha=20)


@dataclass(frozen=True)
class Plan:
    """How many lessons of each kind, and what is in them, as data."""

    wide: int = 8
    near: int = 3
    """Distorted a little only: for the end of a training."""
    wide_distortion: Augmentation = _WIDE
    near_distortion: Augmentation = _NEAR
    outliers: float = 0.2
    """Pictures of nothing, as a share of the training rows."""
    font_digits: float = 0.04
    seed: int = 16

    def kinds(self) -> list[Kind]:
        """Return the kind of each lesson, in their order."""
        wide: list[Kind] = ["wide"] * self.wide
        near: list[Kind] = ["near"] * self.near
        return wide + near

    def numbers(self) -> range:
        """Return the lessons' numbers, from 1."""
        return range(1, self.wide + self.near + 1)

    def check(self) -> None:
        """Refuse a plan by which there are no lessons.

        Raises:
            RecordError: It is one.
        """
        if not (1 <= self.wide <= _MOST and 1 <= self.near <= _MOST and self.seed >= 0):
            raise RecordError(
                f"has a plan of {self.wide} and {self.near} lessons, seed {self.seed}; "
                f"expected 1 to {_MOST} of each kind, and a seed of at least 0"
            )


PLAN: Final = Plan()
_CHUNK: Final = 3000


def file_name(number: int) -> str:
    """Return the name of a lesson's file; they are counted from 1."""
    return f"lesson-{number:02d}.npz"


def write(
    folder: Path,
    numbers: Sequence[int],
    pixels: Pixels,
    labels: Labels,
    fonts: Path,
    answer: Answer,
    plan: Plan = PLAN,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Write lessons, in the place of what has their names.

    Args:
        folder: Made if missing.
        numbers: Of the lessons, from 1.
        pixels: uint8 ``[N, 784]``, training rows only.
        labels: uint8 ``[N]``.
        fonts: The folder of `digit_train.data.fonts.fetch`.
        answer: The teacher: uint8 ``[n, 784]`` to probabilities, float32 ``[n, 10]``.
        plan: What to write.
        report: Called with a line about each lesson.
    """
    if not numbers:
        return
    kinds = plan.kinds()
    nothing = outliers(round(2 * plan.outliers * len(pixels)), plan.seed, pixels, labels, fonts)
    strange, strange_labels = font_digits(fonts, held_out=False)
    for number in numbers:
        kind = kinds[number - 1]
        random = np.random.default_rng([plan.seed, number])
        settings = plan.wide_distortion if kind == "wide" else plan.near_distortion
        bent = _bent(pixels, settings, plan.seed * 1000 + number)
        answers = answer(bent)
        some = random.integers(len(strange), size=round(plan.font_digits * len(pixels)))
        glyphs = _bent(strange[some], settings, plan.seed * 1000 + 300 + number)
        voids = nothing[random.permutation(len(nothing))[: round(plan.outliers * len(pixels))]]
        voids = _bent(voids, settings, plan.seed * 1000 + 600 + number)
        strength = 1.0 if kind == "wide" else 0.5
        all_pixels = np.concatenate(
            [spoil.spoil(random, np.concatenate([bent, glyphs]), strength), voids]
        )
        targets = np.concatenate(
            [
                answers,
                np.eye(LABELS, dtype=np.float32)[strange_labels[some]],
                np.full((len(voids), LABELS), 1 / LABELS, np.float32),
            ]
        )
        order = random.permutation(len(all_pixels))
        with replacing(folder / file_name(number)) as fresh, fresh.open("wb") as stream:
            np.savez(stream, pixels=all_pixels[order], targets=targets[order].astype(np.float16))
        agreed = np.mean(answers.argmax(axis=1) == labels)
        report(f"lesson {number} of {len(kinds)}: the teacher is right on {agreed:.2%}")


def read(folder: Path, number: int) -> tuple[Pixels, NDArray[np.float32]]:
    """Return a lesson: uint8 ``[N, 784]`` and float32 ``[N, 10]``.

    Raises:
        InputReadError: It is missing, damaged, or no lesson.
    """
    path = folder / file_name(number)
    try:
        with path.open("rb") as stream, np.load(stream) as lesson:
            pixels, targets = lesson["pixels"], lesson["targets"]
    except Exception as error:  # Whatever zip, zlib and numpy raise.
        reason = getattr(error, "strerror", None) or first_line(error)
        raise InputReadError(f"{path}: cannot be read as a lesson: {reason}") from error
    if (pixels.dtype, pixels.shape[1:]) != (np.uint8, (PIXELS,)) or not len(pixels):
        raise InputReadError(f"{path}: has no pixels as a lesson has them")
    if targets.dtype != np.float16 or targets.shape != (len(pixels), LABELS):
        raise InputReadError(f"{path}: has no answers as a lesson has them")
    # What is not a number is not in this range, either.
    if not ((targets >= 0) & (targets <= 1)).all():
        raise InputReadError(f"{path}: has answers that are no probabilities")
    return pixels, targets.astype(np.float32)


def sound(folder: Path, number: int) -> bool:
    """Tell whether a lesson is there and can be read."""
    try:
        read(folder, number)
    except DigitError:
        return False
    return True


def ensemble(members: Sequence[tuple[Answer, float]]) -> Answer:
    """Return the weighted geometric mean of the members' answers, normalized."""
    whole = sum(weight for _, weight in members)

    def answer(pixels: Pixels) -> Probabilities:
        total = np.zeros((len(pixels), LABELS))
        for member, weight in members:
            total += weight / whole * np.log(np.maximum(member(pixels), 1e-9))
        mean = np.exp(total)
        normalized: Probabilities = (mean / mean.sum(axis=1, keepdims=True)).astype(np.float32)
        return normalized

    return answer


def _bent(pixels: Pixels, settings: Augmentation, seed: int) -> Pixels:
    parts = [
        distort(tf.constant(pixels[start : start + _CHUNK]), tf.constant([seed, start]), settings)
        for start in range(0, len(pixels), _CHUNK)
    ]
    return np.concatenate([part.numpy() for part in parts])
