"""Spoiled digits, lessons, calibration, and a student that learns from a teacher."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import Result
from digit_runtime.contract import Labels, Pixels
from digit_runtime.inputs.kaggle_csv import read_csv
from digit_runtime.models.manifest import Manifest
from digit_train.commands.train import train as command
from digit_train.training import lessons, spoil, temperature
from digit_train.training.recipes import RECIPES
from digit_train.training.teach import CARD_NAME, teach
from digit_train.training.teacher import Teacher

Digits = tuple[Pixels, Labels]


@pytest.fixture(scope="module")
def teacher(digits: Digits, others_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher of 300 digits, whose members were trained for one epoch."""
    folder = tmp_path_factory.mktemp("taught")
    columns = ",".join(["label", *(f"pixel{n}" for n in range(784))])
    rows = np.column_stack([digits[1][:300], digits[0][:300]])
    np.savetxt(folder / "train.csv", rows, "%d", ",", header=columns, comments="")
    shutil.copytree(others_folder, folder / "others")
    teach(folder / "train.csv", folder / "teacher", folder / "others", epochs=1)
    return folder


def test_spoiling_changes_its_share_of_the_rows_and_is_seeded(digits: Digits) -> None:
    pixels = digits[0][:2000]
    one, other = (spoil.spoil(np.random.default_rng(1), pixels) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    changed = np.mean((one != pixels).any(axis=1))
    assert 0.9 * sum(spoil.SHARES.values()) < changed <= sum(spoil.SHARES.values())
    half = np.mean((spoil.spoil(np.random.default_rng(1), pixels, 0.5) != pixels).any(axis=1))
    assert half == pytest.approx(changed / 2, abs=0.02)


@pytest.mark.parametrize("change", spoil.SHARES, ids=lambda change: change.__name__)
def test_a_spoiled_digit_keeps_some_ink(change: Callable[..., object], digits: Digits) -> None:
    images = digits[0][:200].reshape(-1, 28, 28).astype(np.float32)
    changed = np.asarray(change(np.random.default_rng(0), images))
    assert changed.shape == images.shape
    assert (changed.max(axis=(1, 2)) > 30).mean() > 0.98


def test_pens_and_turns_do_what_they_are_named(digits: Digits) -> None:
    images = digits[0][:300].reshape(-1, 28, 28).astype(np.float32)
    random = np.random.default_rng(0)
    assert spoil.thick(random, images).sum() > 1.1 * images.sum()
    assert spoil.thin(random, images).sum() < 0.9 * images.sum()
    assert spoil.turned(random, images).sum() == pytest.approx(images.sum(), rel=0.02)


def test_a_temperature_calibrates_and_changes_no_answer(digits: Digits) -> None:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((784,), dtype="uint8")
    layers = [inputs, keras.layers.Rescaling(1 / 255), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential(layers)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(digits[0][:2000], digits[1][:2000], epochs=2, verbose=0)
    temperature.apply(model, 3.0)
    rows = digits[0][2000:4000]
    before = model.predict(rows, verbose=0)
    gain = temperature.calibrate(model, digits[0][:4000], digits[1][:4000], 2000)
    after = model.predict(rows, verbose=0)
    assert gain < 1
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    right = after.argmax(axis=1) == digits[1][2000:4000]
    assert after.max(axis=1).mean() == pytest.approx(right.mean(), abs=0.03)


def test_an_ensemble_weighs_its_members() -> None:
    sure, doubting = np.full((1, 10), 0.01), np.full((1, 10), 0.1)
    sure[0, 3] = 0.91
    one = lessons.ensemble([(lambda _: sure, 1.0), (lambda _: doubting, 1.0)])
    more = lessons.ensemble([(lambda _: sure, 3.0), (lambda _: doubting, 1.0)])
    nothing = np.zeros((1, 784), np.uint8)
    assert one(nothing).sum() == pytest.approx(1)
    assert one(nothing)[0, 3] < more(nothing)[0, 3] < 0.91


def test_a_lesson_has_digits_with_answers_and_nothing_with_none(teacher: Path) -> None:
    pixels, targets = lessons.read(teacher / "teacher" / "lessons", 1)
    assert len(pixels) == len(targets) == 285 + round(0.04 * 285) + round(0.2 * 285)
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=0.01)
    assert (targets.max(axis=1) < 0.11).sum() >= round(0.2 * 285)
    digits_only, _ = Teacher(teacher / "teacher").lesson("wide", 1, outliers=False)
    assert len(digits_only) <= len(pixels) - round(0.2 * 285)


def test_sketches_come_to_a_lesson_with_no_answer_and_are_others_in_the_next(
    teacher: Path,
) -> None:
    taught_by = Teacher(teacher / "teacher")
    plain, _ = taught_by.lesson("near", 1)
    pixels, targets = (part.numpy() for part in taught_by.lesson("near", 1, sketched=0.1))
    added = round(0.1 * len(plain))
    assert len(pixels) == len(plain) + added
    np.testing.assert_array_equal(pixels[: len(plain)], plain)
    np.testing.assert_allclose(targets[-added:], 0.1)
    later = taught_by.lesson("near", 4, sketched=0.1)[0].numpy()
    np.testing.assert_array_equal(later[: len(plain)], plain)
    assert (later[-added:] != pixels[-added:]).any()
    again = Teacher(teacher / "teacher").lesson("near", 4, sketched=0.1)[0].numpy()
    np.testing.assert_array_equal(again, later)


def test_a_teacher_is_made_once(teacher: Path) -> None:
    card = json.loads((teacher / "teacher" / CARD_NAME).read_text())
    assert [member["name"] for member in card["members"]] == ["cnn", "mlp", "k3", "k5"]
    said: list[str] = []
    teach(teacher / "train.csv", teacher / "teacher", teacher / "others", say=said.append)
    assert said == []


def test_a_student_learns_from_it_and_says_from_whom(
    teacher: Path, run: Callable[..., Result]
) -> None:
    options = ["--data", teacher / "train.csv", "--teacher", teacher / "teacher"]
    for model in ("tiny", "mlp"):
        result = run(command, "--model", model, "--epochs", 2, "--out", model, *options)
        assert result.exit_code == 0, result.output
        assert "oneDNN" not in result.stderr
        manifest = Manifest.read(Path(model))
        training = manifest.provenance["training"]
        assert training["recipe"] == "distilled"
        assert training["teacher"] == Teacher(teacher / "teacher").describe() | {
            "plan": json.loads(json.dumps(training["teacher"]["plan"]))
        }
        assert manifest.unsure_below is not None
        assert manifest.provenance["unsure_below"]["digits_kept"] >= 0.99


def test_the_accuracy_told_is_that_of_what_is_published(
    teacher: Path, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Averaged with all of what it began with, nothing is left of what its history tells.
    key = ("distilled", "mlp")
    monkeypatch.setitem(RECIPES, key, replace(RECIPES[key], start_share=1.0))
    options = ["--data", teacher / "train.csv", "--teacher", teacher / "teacher"]
    result = run(command, "--model", "mlp", "--epochs", 8, *options)
    assert result.exit_code == 0, result.output
    training = Manifest.read(Path("artifacts/mlp")).provenance["training"]
    started = keras.saving.load_model(teacher / "teacher" / "mlp" / "model.keras")
    pixels, labels = read_csv(teacher / "train.csv")
    assert labels is not None
    right = np.mean(started.predict(pixels[285:], verbose=0).argmax(axis=1) == labels[285:])
    assert training["validation_accuracy"] == training["held_out"]["accuracy"] == right
    last = Path("artifacts/mlp/history.csv").read_text().splitlines()[-1]
    assert float(last.split(",")[4]) != pytest.approx(right, abs=0.01)


def test_without_a_teacher_the_remedy_is_named(teacher: Path, run: Callable[..., Result]) -> None:
    data = ["--data", teacher / "train.csv"]
    result = run(command, "--model", "tiny", "--recipe", "distilled", *data)
    assert result.exit_code == 1
    assert "give --teacher, a folder made by digit-train --model teacher" in result.stderr
    result = run(command, "--model", "tiny", "--teacher", "none", *data)
    assert result.exit_code == 1
    assert "a teacher is made by digit-train --model teacher --out none" in result.stderr
    result = run(command, "--model", "tiny", "--recipe", "notebook", *data)
    assert result.exit_code == 2
    assert "the tiny has no recipe notebook" in result.stderr
