"""From a training CSV to a model directory: the story that `digit-train` tells."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
from digit_runtime.contract import Labels, Pixels
from digit_runtime.device import cpu_name, usable_cpus
from digit_runtime.errors import InputNotFoundError, PixelsError
from digit_runtime.inputs.kaggle_csv import read_csv, read_labels
from digit_runtime.models.manifest import Manifest, sha256_of
from digit_runtime.terminal import plural

from digit_train.outliers.sketches.draw import for_development
from digit_train.training import fit, history, models, temperature
from digit_train.training.checkpoint import Checkpoint, ResumeError
from digit_train.training.finished import Finished
from digit_train.training.folder import CHECKPOINT, interrupted
from digit_train.training.held_out import HeldOut
from digit_train.training.publish import publish
from digit_train.training.recipes import RECIPES
from digit_train.training.teacher import Teacher
from digit_train.training.teacher_card import making


def train(
    name: str,
    data: Path,
    out: Path,
    recipe_name: str = "edge",
    epochs: int | None = None,
    seed: int = 0,
    resume: bool = False,
    report: Callable[[history.Epoch], None] = lambda epoch: None,
    finished: Finished | None = None,
    teacher: Path | None = None,
) -> Manifest:
    """Train and publish a model directory: the network, its history, what it gets wrong.

    What `out` held before is untouched until the training has ended. Then the exports of an
    older model and its card go, too: they do not belong to the new one.

    Args:
        name: "tiny", "mlp", "cnn", or a member of the teacher.
        data: A training CSV with a label column.
        out: The model directory.
        recipe_name: "distilled", "edge", "notebook" or, of its members, "teacher".
        epochs: Instead of the recipe's own; the schedule is fitted to it.
        seed: Of everything that is random.
        resume: Continue the training interrupted in `out`.
        report: Called after each epoch.
        finished: A training to go on with for `epochs` more; its recipe and seed are used.
        teacher: The folder of the teacher that a distilled recipe learns from.

    Raises:
        DigitError: Bad data (`PixelsError` and kin), a training that diverged, nothing to
            resume, or an output that cannot be written.
    """
    if finished:
        finished.check(data)
        recipe_name, seed, recipe = (
            finished.recipe_name,
            finished.seed,
            finished.recipe(epochs or 1),
        )
    else:
        recipe = RECIPES[recipe_name, name]
        recipe = recipe if epochs is None else recipe.with_epochs(epochs)
    pixels, labels = read_csv(data)
    if labels is None:
        raise PixelsError(f"{data}: has no label column; training needs train.csv")
    if fit.split(recipe, len(pixels)) in (0, len(pixels)):
        raise PixelsError(
            f"{data}: has {plural(len(pixels), 'row')}, too few to train and validate"
        )
    if (labels == labels[0]).all():
        raise PixelsError(f"{data}: has rows of the digit {labels[0]} only; give others, too")
    taught_by = _teacher(teacher, data) if recipe.taught else None
    identity = {
        "model": name,
        "recipe": recipe_name,
        "settings": asdict(recipe),
        "seed": seed,
        "data": {"file": data.name, "sha256": sha256_of(data), "rows": len(pixels)},
        "teacher": taught_by.describe() if taught_by else None,
    }
    checkpoint = Checkpoint(out / CHECKPOINT, identity)
    if interrupted(out) and not resume:
        raise ResumeError(
            f"{checkpoint.folder}: holds an interrupted training; add --resume to continue it, "
            "or delete that folder to start anew"
        )
    test = test_rows(data.parent)
    # What is resumed goes on from its checkpoint.
    start = finished.load() if finished and not resume else None
    model, epochs_done = fit.fit(
        name, recipe, pixels, labels, seed, checkpoint, resume, report, start, taught_by
    )
    model = models.folded(model)
    # What is gone on with has been averaged already.
    if taught_by and recipe.start and recipe.start_share and not finished:
        models.average(model, taught_by.member(recipe.start), recipe.start_share)
    gain = temperature.calibrate(model, pixels, labels, fit.split(recipe, len(pixels)))
    held_out = _held_out(model, pixels, labels, fit.split(recipe, len(pixels)))
    training = {
        "recipe": recipe_name,
        "seed": seed,
        "epochs": recipe.epochs,
        **({"more_epochs": [*finished.added, epochs or 1]} if finished else {}),
        "data": identity["data"],
        **({"teacher": identity["teacher"]} if taught_by else {}),
        "logit_gain": gain,
        "validation_rows": len(pixels) - fit.split(recipe, len(pixels)),
        "validation_accuracy": held_out.score.accuracy,
        "held_out": held_out.as_json(),
        **({"sketches_passing": _sketches_passing(model, held_out)} if recipe.sketched else {}),
        "test_accuracy": test_accuracy(model, *test) if test else None,
        "wall_s": round(sum(epoch.wall_s for epoch in epochs_done), 1),
        "cpu_s": round(sum(epoch.cpu_s for epoch in epochs_done), 1),
        "machine": f"{cpu_name()}, {usable_cpus()} CPUs",
        "settings": asdict(recipe),
    }
    manifest = publish(name, model, epochs_done, training, out, held_out)
    checkpoint.remove()
    return manifest


def _teacher(folder: Path | None, data: Path) -> Teacher:
    if folder is None:
        raise InputNotFoundError(
            "a distilled recipe learns from a teacher: give --teacher, a folder made by "
            + making(data)
        )
    return Teacher(folder, data)


def _held_out(model: keras.Model, pixels: Pixels, labels: Labels, first: int) -> HeldOut:
    probabilities = model.predict(pixels[first:], batch_size=500, verbose=0)
    return HeldOut(first + 1, pixels[first:], labels[first:], probabilities)


def _sketches_passing(model: keras.Model, held_out: HeldOut) -> dict[str, float]:
    """Return the share of frames and scribbles to judge by that pass for a digit."""
    limit = held_out.unsure_below()["probability"]
    return {
        kind: float(np.mean(model.predict(pixels, verbose=0).max(axis=1) >= limit))
        for kind, pixels in for_development().items()
    }


def test_rows(folder: Path) -> tuple[Pixels, Labels] | None:
    """Return the rows of test.csv and their labels, or None where `folder` has no test labels."""
    test, answers = folder / "test.csv", folder / "test_labels.csv"
    if not (test.exists() and answers.exists()):
        return None
    pixels: Pixels = read_csv(test)[0]
    labels: Labels = read_labels(answers)
    if len(pixels) != len(labels):
        raise PixelsError(
            f"{answers}: has {plural(len(labels), 'label')}, "
            f"{test} has {plural(len(pixels), 'row')}"
        )
    return pixels, labels


def test_accuracy(model: keras.Model, pixels: Pixels, labels: Labels) -> float:
    """Return the accuracy on the test rows, for the record only: nothing is chosen by it."""
    predicted = model.predict(pixels, batch_size=500, verbose=0).argmax(axis=1)
    return float(np.mean(predicted == labels))
