"""A folder that teaches: an ensemble's networks, and the lessons they wrote down."""

from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf
from digit_runtime.contract import LABELS, Pixels
from digit_runtime.errors import InputNotFoundError, InputReadError, ModelFileError

from digit_train.outliers.sketches.draw import sketches
from digit_train.training import keras_files, lessons
from digit_train.training.folder import LESSONS
from digit_train.training.lessons import Kind
from digit_train.training.teacher_card import TeacherCard, making

# The answer to what is no digit is 0.1 ten times; that to a digit is never so even.
_NOTHING: Final = 0.11
# They are drawn once for a training, which takes half a minute; each epoch has a third of them.
_SKETCHED_EPOCHS: Final = 3


class Teacher:
    """What ``digit-train --model teacher`` made, found whole: a training takes hours.

    Args:
        folder: With ``MEMBER/model.keras`` of each member, the lessons, and teacher.json.
        data: The CSV that a student is trained on; the teacher must have learned from it.

    Raises:
        PixelsError: It is another one.
        InputNotFoundError: Something is missing in the folder.
        InputReadError: Something in it is damaged, or is not what teacher.json describes.
    """

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder = folder
        self._lesson = lru_cache(maxsize=1)(self._read)
        self._remedy = f"{making(data, folder)} checks the folder and makes what it lacks"
        try:
            self.card = TeacherCard.read(folder)
            self.card.check(folder, data)
            for number in self.card.plan.numbers():
                lessons.read(folder / LESSONS, number)
        except (InputNotFoundError, InputReadError) as error:
            raise type(error)(f"{error}; {self._remedy}") from error

    def describe(self) -> dict[str, Any]:
        """Return what decides its lessons: the hashes of its members, and its plan."""
        unknown = [member.name for member in self.card.members if member.trained_on is None]
        return {
            "members": {member.name: member.sha256 for member in self.card.members},
            "plan": asdict(self.card.plan),
            **({"trained_on_unknown_rows": unknown} if unknown else {}),
        }

    def member(self, name: str) -> Any:
        """Return one of its networks, as published.

        Raises:
            ModelFileError: Its file is missing, damaged, or another network's.
        """
        return member(self.folder, name)

    def lesson(
        self, kind: Kind, epoch: int, outliers: bool = True, sketched: float = 0.0
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the lesson of a phase's epoch, counted from 1; they come round again.

        Args:
            kind: Of the phase's lessons.
            epoch: Of the phase.
            outliers: Whether rows that show no digit stay in it.
            sketched: How many frames and scribbles come to it, as a share of its rows.

        Returns:
            uint8 ``[N, 784]`` and the teacher's answers, float32 ``[N, 10]``.

        Raises:
            InputReadError: Its file was damaged meanwhile.
        """
        return self._lesson(kind, epoch, outliers, sketched)

    def _read(
        self, kind: Kind, epoch: int, outliers: bool, sketched: float
    ) -> tuple[tf.Tensor, tf.Tensor]:
        plan = self.card.plan
        numbers = [number for number, k in enumerate(plan.kinds(), 1) if k == kind]
        number = numbers[(epoch - 1) % len(numbers)]
        pixels, targets = lessons.read(self.folder / LESSONS, number)
        if not outliers:
            digits = targets.max(axis=1) > _NOTHING
            pixels, targets = pixels[digits], targets[digits]
        if sketched:
            random = np.random.default_rng([plan.seed, number, epoch])
            count = round(sketched * len(pixels))
            some = _sketches(_SKETCHED_EPOCHS * count, plan.seed)
            some = some[random.choice(len(some), count, replace=False)]
            pixels = np.concatenate([pixels, some])
            nothing = np.full((len(some), LABELS), 1 / LABELS, np.float32)
            targets = np.concatenate([targets, nothing])
        return tf.constant(pixels), tf.constant(targets)


def member(folder: Path, name: str) -> Any:
    """Return a network of the teacher in `folder`.

    Raises:
        ModelFileError: Its file is missing, damaged, or another network's.
    """
    path = folder / name / "model.keras"
    model = keras_files.load(path)
    if model.name != name:
        raise ModelFileError(f"{path}: is the network {model.name}, not the {name}")
    return model


@cache
def _sketches(count: int, seed: int) -> Pixels:
    return sketches(np.random.default_rng(seed), count)
