"""Make a teacher: train its members, then let them write the lessons down."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
from digit_runtime.contract import INPUT_NAME, OUTPUT_NAME, PIXELS, Pixels, Probabilities
from digit_runtime.errors import PixelsError
from digit_runtime.inputs.kaggle_csv import read_csv
from digit_runtime.models.manifest import sha256_of
from digit_runtime.storage.atomic import writing

from digit_train.data import others
from digit_train.training import fit, history, keras_files, lessons, run
from digit_train.training.folder import holds_model, interrupted
from digit_train.training.recipes import MEMBERS, RECIPES, Member
from digit_train.training.teacher import LESSONS

CARD_NAME = "teacher.json"


def teach(
    data: Path,
    out: Path,
    others_folder: Path,
    epochs: int | None = None,
    say: Callable[[str], None] = lambda line: None,
    report: Callable[[history.Epoch], None] = lambda epoch: None,
) -> dict[str, float]:
    """Make `out` a teacher: its members, its lessons, ``teacher.json``.

    What is there already stays, and an interrupted training is gone on with.

    Args:
        data: A training CSV with a label column.
        out: The teacher's folder.
        others_folder: What ``digit-data others`` fetched.
        epochs: Of each member, instead of its recipe's own.
        say: Called with a line about each step.
        report: Called after each epoch of a member.

    Returns:
        The ensemble's accuracy on the validation rows, as "validation_accuracy".

    Raises:
        DigitError: See `digit_train.training.run.train`; fonts that were not fetched.
    """
    fonts = others.fonts_of(others_folder)
    for member in MEMBERS:
        folder = out / member.name
        if not holds_model(folder):
            say(f"{member.name}, a member of the teacher")
            resume = interrupted(folder)
            run.train(member.name, data, folder, member.recipe, epochs, member.seed, resume, report)
    pixels, labels = read_csv(data)
    if labels is None:
        raise PixelsError(f"{data}: has no label column; training needs train.csv")
    count = fit.split(RECIPES[MEMBERS[0].recipe, MEMBERS[0].name], len(pixels))
    answer = lessons.ensemble([(_answer(out, m), m.weight) for m in MEMBERS if m.weight])
    lessons.write(out / LESSONS, pixels[:count], labels[:count], fonts, answer, report=say)
    found = answer(pixels[count:]).argmax(axis=1)
    accuracy = {"validation_accuracy": float(np.mean(found == labels[count:]))}
    card = {
        "members": [
            {**asdict(member), "sha256": sha256_of(out / member.name / "model.keras")}
            for member in MEMBERS
        ],
        "plan": asdict(lessons.PLAN),
        **accuracy,
    }
    with writing(out / CARD_NAME) as stream:
        stream.write(json.dumps(card, indent=2).encode())
    return accuracy


def _answer(out: Path, member: Member) -> lessons.Answer:
    """Return a member that answers in bfloat16, which is half as slow where a CPU knows it."""
    model = keras_files.load(out / member.name / "model.keras")
    quick = keras.Sequential([keras.Input((PIXELS,), dtype="uint8", name=INPUT_NAME)])
    for layer in model.layers:
        policy = "float32" if layer.name == OUTPUT_NAME else "mixed_bfloat16"
        quick.add(type(layer).from_config(layer.get_config() | {"dtype": policy}))
    quick.set_weights(model.get_weights())

    def answer(pixels: Pixels) -> Probabilities:
        probabilities: Probabilities = quick.predict(pixels, batch_size=256, verbose=0)
        return probabilities

    return answer
