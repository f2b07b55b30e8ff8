"""A folder that teaches: an ensemble's networks, and the lessons they wrote down."""

from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf
from digit_runtime.contract import LABELS, Pixels
from digit_runtime.errors import InputNotFoundError
from digit_runtime.models.manifest import sha256_of

from digit_train.outliers.sketches.draw import sketches
from digit_train.training import keras_files, lessons
from digit_train.training.lessons import PLAN, Kind
from digit_train.training.recipes import MEMBERS

LESSONS: Final = "lessons"
# The answer to what is no digit is 0.1 ten times; that to a digit is never so even.
_NOTHING: Final = 0.11
# They are drawn once for a training, which takes half a minute; each epoch has a third of them.
_SKETCHED_EPOCHS: Final = 3


class Teacher:
    """What ``digit-train --model teacher`` made.

    Args:
        folder: With ``MEMBER/model.keras`` of each member, and the lessons.

    Raises:
        InputNotFoundError: The folder has no complete set of lessons.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lesson = lru_cache(maxsize=1)(self._read)
        kinds = PLAN.kinds()
        missing = [n for n in range(1, len(kinds) + 1) if not self._file(n).exists()]
        if missing:
            raise InputNotFoundError(
                f"{self._file(missing[0])}: no such file; a teacher is made by "
                f"digit-train --model teacher --out {folder}"
            )

    def describe(self) -> dict[str, Any]:
        """Return what decides its lessons: the hashes of its members, and its plan."""
        members = {m.name: sha256_of(self.folder / m.name / "model.keras") for m in MEMBERS}
        return {"members": members, "plan": asdict(PLAN)}

    def member(self, name: str) -> Any:
        """Return one of its networks, as published.

        Raises:
            ModelFileError: Its file is missing or damaged.
        """
        return keras_files.load(self.folder / name / "model.keras")

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
        """
        return self._lesson(kind, epoch, outliers, sketched)

    def _read(
        self, kind: Kind, epoch: int, outliers: bool, sketched: float
    ) -> tuple[tf.Tensor, tf.Tensor]:
        numbers = [number for number, k in enumerate(PLAN.kinds(), 1) if k == kind]
        number = numbers[(epoch - 1) % len(numbers)]
        pixels, targets = lessons.read(self.folder / LESSONS, number)
        if not outliers:
            digits = targets.max(axis=1) > _NOTHING
            pixels, targets = pixels[digits], targets[digits]
        if sketched:
            random = np.random.default_rng([PLAN.seed, number, epoch])
            count = round(sketched * len(pixels))
            some = _sketches(_SKETCHED_EPOCHS * count)
            some = some[random.choice(len(some), count, replace=False)]
            pixels = np.concatenate([pixels, some])
            nothing = np.full((len(some), LABELS), 1 / LABELS, np.float32)
            targets = np.concatenate([targets, nothing])
        return tf.constant(pixels), tf.constant(targets)

    def _file(self, number: int) -> Path:
        return self.folder / LESSONS / lessons.file_name(number)


@cache
def _sketches(count: int) -> Pixels:
    return sketches(np.random.default_rng(PLAN.seed), count)
