"""The rows of each epoch, shuffled and distorted as a pure function of seed and epoch."""

import numpy as np
import tensorflow as tf
from digit_runtime.contract import LABELS, Labels, Pixels

from digit_train.training.augment import distort
from digit_train.training.recipe import Recipe
from digit_train.training.teacher import Teacher


class Batches:
    """Training rows with their labels, or a teacher's lessons, whichever the phase says.

    Args:
        pixels: uint8 ``[N, 784]``.
        labels: uint8 ``[N]``.
        recipe: What to do with them.
        seed: Of order and distortion.
        teacher: Whose lessons are read; None for a recipe without.
    """

    def __init__(
        self,
        pixels: Pixels,
        labels: Labels,
        recipe: Recipe,
        seed: int,
        teacher: Teacher | None = None,
    ) -> None:
        self.own = tf.constant(pixels), tf.one_hot(labels, LABELS)
        self.recipe = recipe
        self.seed = seed
        self.teacher = teacher

    def rows(self, epoch: int) -> int:
        """Return how many rows an epoch has; the same in all epochs of a phase."""
        return len(self._content(epoch)[0])

    def epoch(self, epoch: int) -> tf.data.Dataset:
        """Return batches of uint8 ``[n, 784]`` and float32 ``[n, 10]``."""
        content, targets = self._content(epoch)
        order = np.random.default_rng([self.seed, epoch]).permutation(len(content))
        phase, epoch_of_phase = self.recipe.at(epoch)
        settings = phase.augmentation and phase.augmentation.at(epoch_of_phase)

        def batch(number: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            chosen = tf.gather(content, rows)
            if settings:
                seed = tf.stack([self.seed * 10_000 + epoch, tf.cast(number, tf.int32)])
                chosen = distort(chosen, seed, settings)
            return chosen, tf.gather(targets, rows)

        rows = tf.data.Dataset.from_tensor_slices(order).batch(phase.batch_size)
        return rows.enumerate().map(batch).prefetch(2)

    def _content(self, epoch: int) -> tuple[tf.Tensor, tf.Tensor]:
        phase, epoch_of_phase = self.recipe.at(epoch)
        if phase.lessons and self.teacher:
            return self.teacher.lesson(
                phase.lessons, epoch_of_phase, phase.outliers, phase.sketched
            )
        return self.own
