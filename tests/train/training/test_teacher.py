"""Spoiled digits, lessons, calibration, and a student that learns from a teacher."""

import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result
from digit_runtime.contract import Labels, Pixels
from digit_runtime.errors import (
    InputNotFoundError,
    InputReadError,
    ManifestError,
    ModelFileError,
    OutputError,
    PixelsError,
)
from digit_runtime.inputs.kaggle_csv import read_csv
from digit_runtime.models.manifest import Manifest, sha256_of
from digit_train.commands.train import train as command
from digit_train.training import lessons, spoil, temperature
from digit_train.training.recipes import RECIPES
from digit_train.training.teach import teach
from digit_train.training.teacher import Teacher
from digit_train.training.teacher_card import CARD_NAME, Data, TeacherCard

Digits = tuple[Pixels, Labels]


@pytest.fixture(scope="module")
def teacher(digits: Digits, others_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher of 300 digits, whose members were trained for one epoch."""
    folder = tmp_path_factory.mktemp("taught")
    columns = ",".join(["label", *(f"pixel{n}" for n in range(784))])
    rows = np.column_stack([digits[1][:300], digits[0][:300]])
    np.savetxt(folder / "train.csv", rows, "%d", ",", header=columns, comments="")
    shutil.copytree(others_folder, folder / "others")
    warned: list[str] = []
    watch = logging.Handler()
    watch.emit = lambda record: warned.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("tensorflow").addHandler(watch)
    options = ["--epochs", "1", "--data", str(folder / "train.csv"), "--out"]
    result = CliRunner().invoke(command, ["--model", "teacher", *options, str(folder / "teacher")])
    logging.getLogger("tensorflow").removeHandler(watch)
    assert result.exit_code == 0, result.output
    (folder / "said.json").write_text(json.dumps({"said": result.stderr, "warned": warned}))
    return folder


@pytest.fixture
def copy(teacher: Path, tmp_path: Path) -> Path:
    """That folder, to be damaged."""
    shutil.copytree(teacher, tmp_path / "copy")
    return tmp_path / "copy"


def again(folder: Path, data: str = "train.csv") -> list[str]:
    """Make the teacher again; returns what was said."""
    said: list[str] = []
    teach(folder / data, folder / "teacher", folder / "others", epochs=1, say=said.append)
    return said


def lesson_times(folder: Path) -> list[int]:
    files = sorted((folder / "teacher" / "lessons").glob("*.npz"))
    assert len(files) == 11
    return [file.stat().st_mtime_ns for file in files]


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
    digits_only, _ = Teacher(teacher / "teacher", teacher / "train.csv").lesson(
        "wide", 1, outliers=False
    )
    assert len(digits_only) <= len(pixels) - round(0.2 * 285)


def test_sketches_come_to_a_lesson_with_no_answer_and_are_others_in_the_next(
    teacher: Path,
) -> None:
    taught_by = Teacher(teacher / "teacher", teacher / "train.csv")
    plain, _ = taught_by.lesson("near", 1)
    pixels, targets = (part.numpy() for part in taught_by.lesson("near", 1, sketched=0.1))
    added = round(0.1 * len(plain))
    assert len(pixels) == len(plain) + added
    np.testing.assert_array_equal(pixels[: len(plain)], plain)
    np.testing.assert_allclose(targets[-added:], 0.1)
    later = taught_by.lesson("near", 4, sketched=0.1)[0].numpy()
    np.testing.assert_array_equal(later[: len(plain)], plain)
    assert (later[-added:] != pixels[-added:]).any()
    again = (
        Teacher(teacher / "teacher", teacher / "train.csv")
        .lesson("near", 4, sketched=0.1)[0]
        .numpy()
    )
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
        assert training["teacher"] == Teacher(
            teacher / "teacher", teacher / "train.csv"
        ).describe() | {"plan": json.loads(json.dumps(training["teacher"]["plan"]))}
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
    assert "nobody knows which rows the teacher learned from; digit-train" in result.stderr
    assert f"--data {teacher / 'train.csv'} --out none" in result.stderr
    result = run(command, "--model", "tiny", "--recipe", "notebook", *data)
    assert result.exit_code == 2
    assert "the tiny has no recipe notebook" in result.stderr


def test_what_is_to_be_done_is_said_beforehand(teacher: Path) -> None:
    first = json.loads((teacher / "said.json").read_text())["said"].splitlines()[0]
    assert first == (
        "the teacher trains cnn (1 epochs), mlp (1 epochs), k3 (1 epochs), k5 (1 epochs), then "
        "writes 11 of 11 lessons, of 285 digits each"
    )


def test_tensorflow_warns_of_nothing(teacher: Path) -> None:
    assert json.loads((teacher / "said.json").read_text())["warned"] == []


def test_the_card_tells_of_rows_networks_and_plan(teacher: Path) -> None:
    card = TeacherCard.read(teacher / "teacher")
    data = sha256_of(teacher / "train.csv")
    assert card.data == Data("train.csv", data, 300)
    assert {member.trained_on for member in card.members} == {data}
    for member in card.members:
        assert member.sha256 == sha256_of(teacher / "teacher" / member.name / "model.keras")
    assert card.plan == lessons.PLAN


def test_a_student_of_other_rows_is_refused(copy: Path, run: Callable[..., Result]) -> None:
    lines = (copy / "train.csv").read_text().splitlines(keepends=True)
    (copy / "fewer.csv").write_text("".join(lines[:-20]))
    options = ["--data", copy / "fewer.csv", "--teacher", copy / "teacher"]
    result = run(command, "--model", "tiny", "--epochs", 1, *options)
    assert result.exit_code == 1
    assert "may have learned from rows held out here: give that file (train.csv)" in result.stderr
    with pytest.raises(PixelsError, match=r"is not the file that .*cnn was trained on"):
        again(copy, "fewer.csv")


def test_a_folder_without_its_card_is_refused_and_made_whole_without_training(copy: Path) -> None:
    members = {path: path.stat().st_mtime_ns for path in copy.glob("teacher/*/model.keras")}
    before, first = lesson_times(copy), lessons.read(copy / "teacher" / "lessons", 1)[0]
    (copy / "teacher" / CARD_NAME).unlink()
    with pytest.raises(InputNotFoundError, match=r"nobody knows which rows.*; digit-train --model"):
        Teacher(copy / "teacher", copy / "train.csv")
    # What nobody vouches for is written anew.
    assert again(copy)[0] == "the teacher writes 11 of 11 lessons, of 285 digits each"
    assert {path: path.stat().st_mtime_ns for path in members} == members
    assert not set(before) & set(lesson_times(copy))
    np.testing.assert_array_equal(first, lessons.read(copy / "teacher" / "lessons", 1)[0])
    Teacher(copy / "teacher", copy / "train.csv")


def test_lessons_of_networks_that_are_others_now_are_written_anew(copy: Path) -> None:
    shutil.rmtree(copy / "teacher" / "k3")
    with pytest.raises(InputNotFoundError, match=r"k3/model\.keras: no such file; digit-train"):
        Teacher(copy / "teacher", copy / "train.csv")
    shutil.copytree(copy / "teacher" / "k5", copy / "teacher" / "k3")
    with pytest.raises(InputReadError, match="is not the network that wrote the lessons; digit"):
        Teacher(copy / "teacher", copy / "train.csv")
    with pytest.raises(ManifestError, match=r"tells of the k5, .* the teacher's is the k3"):
        again(copy)
    shutil.rmtree(copy / "teacher" / "k3")
    before = lesson_times(copy)
    said = again(copy)
    assert said[0].startswith("the teacher trains k3 (1 epochs), then writes 11 of 11 lessons")
    assert not set(before) & set(lesson_times(copy))


def test_a_network_without_its_manifest_is_kept_and_the_card_says_so(copy: Path) -> None:
    (copy / "teacher" / "mlp" / "manifest.json").unlink()
    (copy / "teacher" / CARD_NAME).unlink()
    assert any("mlp was trained on; it is kept" in line for line in again(copy))
    teacher = Teacher(copy / "teacher", copy / "train.csv")
    assert teacher.describe()["trained_on_unknown_rows"] == ["mlp"]
    assert again(copy) == []
    shutil.copy(copy / "teacher" / "cnn" / "model.keras", copy / "teacher" / "mlp")
    with pytest.raises(ModelFileError, match="is the network cnn, not the mlp"):
        teacher.member("mlp")


def test_a_network_that_its_manifest_does_not_describe_is_refused(copy: Path) -> None:
    shutil.copy(copy / "teacher" / "cnn" / "model.keras", copy / "teacher" / "mlp")
    with pytest.raises(ModelFileError, match=r"mlp/model.keras: is not the network that its manif"):
        again(copy)


def test_more_lessons_than_the_plans_are_passed_over(copy: Path) -> None:
    (copy / "teacher" / "lessons" / "lesson-12.npz").write_bytes(b"another's")
    Teacher(copy / "teacher", copy / "train.csv")


def test_the_folders_own_plan_counts(copy: Path) -> None:
    path = copy / "teacher" / CARD_NAME
    card = json.loads(path.read_text())
    card["plan"] |= {"near": 2, "seed": 17}
    path.write_text(json.dumps(card))
    described = Teacher(copy / "teacher", copy / "train.csv").describe()
    assert (described["plan"]["near"], described["plan"]["seed"]) == (2, 17)
    card["plan"] |= {"near": 0}
    path.write_text(json.dumps(card))
    with pytest.raises(InputReadError, match=r"teacher\.json: has a plan of 8 and 0 lessons"):
        Teacher(copy / "teacher", copy / "train.csv")


def saved(**arrays: np.ndarray) -> Callable[[Path], object]:
    def save(path: Path) -> None:
        np.savez(path, **arrays)  # type: ignore[arg-type]

    return save


PIXELS = np.zeros((3, 784), np.uint8)
ANSWERS = np.full((3, 10), 0.1, np.float16)
DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1000]),
    "changed": lambda path: path.write_bytes(path.read_bytes()[:5000].ljust(path.stat().st_size)),
    "one array": lambda path: path.write_bytes(b"\x93NUMPY"),
    "no pixels": saved(targets=ANSWERS),
    "objects": saved(pixels=PIXELS.astype(object), targets=ANSWERS),
    "fewer answers": saved(pixels=PIXELS, targets=ANSWERS[:2]),
    "no rows": saved(pixels=PIXELS[:0], targets=ANSWERS[:0]),
    "not numbers": saved(pixels=PIXELS, targets=ANSWERS * np.float16("nan")),
    "pictures": saved(pixels=PIXELS.reshape(3, 28, 28), targets=ANSWERS),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_lesson_is_named_before_the_training(damage: str, copy: Path) -> None:
    path = copy / "teacher" / "lessons" / "lesson-09.npz"
    DAMAGES[damage](path)
    with pytest.raises(InputReadError, match="digit-train --model teacher --data") as caught:
        Teacher(copy / "teacher", copy / "train.csv")
    assert str(caught.value).startswith(f"{path}: ")


def test_a_damaged_lesson_is_written_anew_and_a_folder_in_its_place_is_told(copy: Path) -> None:
    path = copy / "teacher" / "lessons" / "lesson-09.npz"
    path.write_bytes(b"")
    assert again(copy)[0] == "the teacher writes 1 of 11 lessons, of 285 digits each"
    lessons.read(path.parent, 9)
    path.unlink()
    path.mkdir()
    with pytest.raises(OutputError, match=r"lesson-09\.npz: is a folder in a file's place"):
        again(copy)
