"""Make a teacher: train its members, then let them write the lessons down."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from digit_runtime.contract import INPUT_NAME, OUTPUT_NAME, PIXELS, Pixels, Probabilities
from digit_runtime.errors import (
    DigitError,
    ManifestError,
    ModelFileError,
    PixelsError,
)
from digit_runtime.inputs.kaggle_csv import read_csv
from digit_runtime.models.manifest import MANIFEST_NAME, sha256_of

from digit_train.data import others
from digit_train.data.sources import make_room
from digit_train.training import fit, folder, history, lessons, run
from digit_train.training.finished import Finished
from digit_train.training.lessons import PLAN
from digit_train.training.recipes import MEMBERS, RECIPES, Member
from digit_train.training.teacher import member as load_member
from digit_train.training.teacher_card import CARD_NAME, Author, Data, TeacherCard


def teach(
    data: Path,
    out: Path,
    others_folder: Path,
    epochs: int | None = None,
    say: Callable[[str], None] = lambda line: None,
    report: Callable[[history.Epoch], None] = lambda epoch: None,
) -> dict[str, float]:
    """Make `out` a teacher: its members, ``teacher.json``, its lessons.

    An interrupted training is gone on with. A member that is there stays if it was trained on
    `data`, as its manifest says; lessons stay if ``teacher.json`` says that these members wrote
    them about these rows, and are written anew if not. What is to be done is said beforehand.

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
        DigitError: See `digit_train.training.run.train`; fonts that were not fetched; a member
            that was trained otherwise.
    """
    fonts = others.fonts_of(others_folder)
    pixels, labels = read_csv(data)
    if labels is None:
        raise PixelsError(f"{data}: has no label column; training needs train.csv")
    count = fit.split(RECIPES[MEMBERS[0].recipe, MEMBERS[0].name], len(pixels))
    about = Data(data.name, sha256_of(data), len(pixels))
    make_room(out / folder.LESSONS, map(lessons.file_name, PLAN.numbers()))
    new = [member for member in MEMBERS if not _is_there(out / member.name)]
    there = [_author(out, member, data, about) for member in MEMBERS if member not in new]
    known = _known(out, TeacherCard(about, tuple(there), PLAN, 0.0))
    due = [n for n in PLAN.numbers() if not (known and lessons.sound(out / folder.LESSONS, n))]
    if due:
        say(_announcement(new, epochs, due, count))
    for member in new:
        say(f"{member.name}, a member of the teacher")
        place = out / member.name
        resume = folder.interrupted(place)
        run.train(member.name, data, place, member.recipe, epochs, member.seed, resume, report)
    answer = lessons.ensemble([(_answer(out, m), m.weight) for m in MEMBERS if m.weight])
    accuracy = float(np.mean(answer(pixels[count:]).argmax(axis=1) == labels[count:]))
    if not known:
        authors = tuple(_author(out, member, data, about) for member in MEMBERS)
        _replace_card(out, TeacherCard(about, authors, PLAN, accuracy), say)
    lessons.write(
        out / folder.LESSONS, due, pixels[:count], labels[:count], fonts, answer, report=say
    )
    return {"validation_accuracy": accuracy}


def _replace_card(out: Path, card: TeacherCard, say: Callable[[str], None]) -> None:
    """Write teacher.json, after the lessons have gone that it would say too much about."""
    for author in card.members:
        if author.trained_on is None:
            say(
                f"note: no manifest.json tells what {out / author.name} was trained on; it is "
                f"kept, and {CARD_NAME} says so"
            )
    lessons_there = (out / folder.LESSONS / lessons.file_name(n) for n in PLAN.numbers())
    folder.remove([file for file in (out / CARD_NAME, *lessons_there) if file.is_file()])
    card.write(out)


def _known(out: Path, card: TeacherCard) -> bool:
    try:
        there = TeacherCard.read(out)
    except DigitError:
        return False
    return replace(there, validation_accuracy=card.validation_accuracy) == card


def _is_there(place: Path) -> bool:
    unfinished = folder.interrupted(place) and not folder.holds_model(place)
    return (place / "model.keras").is_file() and not unfinished


def _author(out: Path, member: Member, data: Path, about: Data) -> Author:
    """Return a member that is there, checked by what its manifest tells, if it has one.

    Raises:
        PixelsError: It was trained on other rows.
        ManifestError: The manifest is damaged, or tells of another training.
        ModelFileError: The manifest is of another network.
    """
    place = out / member.name
    path = place / "model.keras"
    sha256, trained_on = sha256_of(path), None
    if folder.holds_model(place):
        found = Finished.read(place)
        if (found.model, found.recipe_name, found.seed) != (
            member.name,
            member.recipe,
            member.seed,
        ):
            raise ManifestError(
                f"{place / MANIFEST_NAME}: tells of the {found.model}, recipe {found.recipe_name}, "
                f"seed {found.seed}; the teacher's is the {member.name}, recipe {member.recipe}, "
                f"seed {member.seed}: delete {place} to train it anew"
            )
        found.check(data)
        if found.model_sha256 != sha256:
            raise ModelFileError(
                f"{path}: is not the network that its manifest describes; put that back, or delete "
                f"{place} to train it anew"
            )
        trained_on = about.sha256
    return Author(member.name, member.recipe, member.seed, member.weight, sha256, trained_on)


def _announcement(new: list[Member], epochs: int | None, due: list[int], rows: int) -> str:
    steps = []
    if new:
        lengths = [epochs or RECIPES[member.recipe, member.name].epochs for member in new]
        trained = [f"{m.name} ({length} epochs)" for m, length in zip(new, lengths, strict=True)]
        steps.append(f"trains {', '.join(trained)}")
    steps.append(f"writes {len(due)} of {len(PLAN.kinds())} lessons, of {rows:,} digits each")
    return f"the teacher {', then '.join(steps)}"


def _answer(out: Path, member: Member) -> lessons.Answer:
    """Return a member that answers in bfloat16, which is half as slow where a CPU knows it."""
    model = load_member(out, member.name)
    quick = keras.Sequential([keras.Input((PIXELS,), dtype="uint8", name=INPUT_NAME)])
    for layer in model.layers:
        policy = "float32" if layer.name == OUTPUT_NAME else "mixed_bfloat16"
        quick.add(type(layer).from_config(layer.get_config() | {"dtype": policy}))
    quick.set_weights(model.get_weights())

    def answer(pixels: Pixels) -> Probabilities:
        probabilities: Probabilities = quick.predict(pixels, batch_size=256, verbose=0)
        return probabilities

    return answer
