"""Train one network by its recipe: epoch by epoch, resumable, reproducible."""

import math
import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from digit_runtime.contract import LABELS, Labels, Pixels
from digit_runtime.errors import DigitError
from digit_runtime.terminal import progress

from digit_train.training import models
from digit_train.training.batches import Batches
from digit_train.training.checkpoint import Checkpoint
from digit_train.training.history import Epoch
from digit_train.training.recipe import Phase, Recipe
from digit_train.training.teacher import Teacher


class TrainingError(DigitError, ArithmeticError):
    """The training diverged."""


def split(recipe: Recipe, rows: int) -> int:
    """Return how many of the first rows are for training; the others are for validation."""
    return rows - round(rows * recipe.validation_fraction)


def fit(
    name: str,
    recipe: Recipe,
    pixels: Pixels,
    labels: Labels,
    seed: int,
    checkpoint: Checkpoint,
    resume: bool,
    report: Callable[[Epoch], None],
    start: tuple[keras.Model, list[Epoch]] | None = None,
    teacher: Teacher | None = None,
) -> tuple[keras.Model, list[Epoch]]:
    """Train to the end of the recipe, or go on from the checkpoint's last epoch.

    Args:
        name: "mlp" or "cnn".
        recipe: How.
        pixels: uint8 ``[N, 784]``, training rows first, validation rows last.
        labels: uint8 ``[N]``.
        seed: Of weights, order, dropout and augmentation.
        checkpoint: Where each epoch is saved.
        resume: Whether to start from what is saved there.
        report: Called after each epoch.
        start: A network and its history, where the recipe goes on with one; else a new one.
        teacher: Needed by a recipe that is `taught`.

    Raises:
        TrainingError: The loss is no longer a number.
        ResumeError: See `Checkpoint.load`.
    """
    count = split(recipe, len(pixels))
    if resume:
        model, history = checkpoint.load()
    elif start:
        model, history = start
    else:
        scale = (
            models.min_max(pixels[:count]) if recipe.scaling == "min-max" else models.rescaling()
        )
        model = models.build(name, scale, recipe.dropout, seed, recipe.batch_norm, recipe.precision)
        if recipe.start and teacher:
            model.set_weights(teacher.member(recipe.start).get_weights())
        history = []
    training = Batches(pixels[:count], labels[:count], recipe, seed, teacher)
    validation = _plain_batches(pixels[count:], labels[count:])
    for epoch in range(len(history) + 1, recipe.epochs + 1):
        phase, epoch_of_phase = recipe.at(epoch)
        steps = math.ceil(training.rows(epoch) / phase.batch_size)
        if epoch_of_phase == 1:
            model.compile(
                optimizer=_optimizer(recipe, phase, steps),
                loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
                metrics=["accuracy"],
            )
        _seed_dropout(model, seed, epoch)
        wall, cpu = time.perf_counter(), time.process_time()
        with progress(f"epoch {epoch} of {recipe.epochs}", steps) as advance:
            result = model.fit(
                training.epoch(epoch),
                shuffle=False,
                verbose=0,
                callbacks=[_Watch(epoch, advance)],
            ).history
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        val_loss, val_accuracy = model.evaluate(validation, verbose=0)
        _check(val_loss, f"epoch {epoch}, on the validation rows")
        history.append(
            Epoch(
                epoch,
                float(result["loss"][0]),
                float(result["accuracy"][0]),
                float(val_loss),
                float(val_accuracy),
                float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)),
                wall,
                cpu,
            )
        )
        checkpoint.save(model, history)
        report(history[-1])
    return model, history


def _optimizer(recipe: Recipe, phase: Phase, steps: int) -> keras.optimizers.Optimizer:
    rate: Any = phase.learning_rate
    if phase.schedule == "one-cycle":
        warmup = round(0.05 * steps * phase.epochs)
        # A linear rise to the peak, then half a cosine down to nothing.
        rate = keras.optimizers.schedules.CosineDecay(
            phase.learning_rate / 25,
            decay_steps=steps * phase.epochs - warmup,
            warmup_target=phase.learning_rate,
            warmup_steps=warmup,
        )
    if recipe.optimizer == "sgd":
        return keras.optimizers.SGD(rate)
    return keras.optimizers.AdamW(rate, weight_decay=recipe.weight_decay)


def _seed_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    # Keras does not save the state of its seed generators, so a resumed training could
    # not go on with it; this way no epoch depends on the one before.
    for index, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.Dropout):
            (word,) = np.random.SeedSequence([seed, epoch, index]).generate_state(1)
            layer.seed_generator.state.assign([word, 0])


def _plain_batches(pixels: Pixels, labels: Labels) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((pixels, tf.one_hot(labels, LABELS))).batch(1000)


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Advances the progress bar, and stops a training whose loss is not a number."""

    def __init__(self, epoch: int, advance: Callable[[int], None]) -> None:
        super().__init__()
        self.epoch = epoch
        self.advance = advance

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.advance(1)
        _check((logs or {}).get("loss", 0.0), f"epoch {self.epoch}, batch {batch + 1}")


def _check(loss: float, place: str) -> None:
    if not math.isfinite(loss):
        raise TrainingError(f"the loss became {loss} in {place}: lower the recipe's learning rate")
