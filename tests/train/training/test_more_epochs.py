"""Going on with a finished model, and what it gets wrong on the rows held out."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import Result
from digit_runtime.contract import Labels, Pixels
from digit_runtime.models.manifest import Manifest
from digit_train.commands.train import train
from digit_train.training import models
from digit_train.training.held_out import HeldOut
from digit_train.training.recipes import RECIPES

Run = Callable[..., Result]
Write = Callable[..., Path]


@pytest.fixture
def data(digits: tuple[Pixels, Labels], write_pixels: Write, tmp_path: Path) -> Path:
    return write_pixels(tmp_path / "train.csv", digits[0][:1500], digits[1][:1500])


def weights(folder: str) -> list[np.ndarray]:
    arrays: list[np.ndarray] = keras.saving.load_model(f"{folder}/model.keras").get_weights()
    return arrays


def test_two_and_one_more_epochs_are_the_notebooks_three(run: Run, data: Path) -> None:
    usual = ["--model", "mlp", "--data", data, "--out"]
    for options in (
        ["whole", "--recipe", "notebook", "--epochs", 3],
        ["parts", "--recipe", "notebook", "--epochs", 2],
        ["parts", "--more-epochs", 1],
    ):
        result = run(train, *usual, *options)
        assert result.exit_code == 0, result.output
    # Stochastic gradient descent without momentum remembers nothing but the weights.
    for whole, parts in zip(weights("whole"), weights("parts"), strict=True):
        np.testing.assert_allclose(whole, parts, rtol=1e-5, atol=1e-6)
    training = Manifest.read(Path("parts")).provenance["training"]
    assert (training["epochs"], training["more_epochs"]) == (3, [1])
    with open("parts/history.csv") as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["1", "2", "3"]


def test_only_the_same_model_on_the_same_rows_goes_on(
    run: Run, data: Path, digits: tuple[Pixels, Labels], write_pixels: Write
) -> None:
    usual = ["--model", "mlp", "--data", data, "--out", "mlp"]
    assert run(train, *usual, "--recipe", "notebook", "--epochs", 1).exit_code == 0
    other = write_pixels(data.parent / "other.csv", digits[0][:500], digits[1][:500])
    for options, status, message in (
        (["--data", other], 1, "is not the file that mlp was trained on"),
        (["--model", "cnn"], 2, "holds the mlp, not the cnn"),
        (["--recipe", "edge"], 2, "leave out --recipe"),
        (["--out", "empty"], 1, "empty: has no manifest.json"),
    ):
        result = run(train, *usual, "--more-epochs", 1, *options)
        assert result.exit_code == status, result.output
        assert message in result.stderr


def provenance(section: str, **values: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        document = json.loads((folder / "manifest.json").read_text())
        document[section] |= values
        (folder / "manifest.json").write_text(json.dumps(document))

    return change


def rows(change: Callable[[list[str]], list[str]]) -> Callable[[Path], object]:
    def rewrite(folder: Path) -> None:
        lines = (folder / "history.csv").read_text().splitlines()
        (folder / "history.csv").write_text("".join(f"{line}\n" for line in change(lines)))

    return rewrite


def test_what_does_not_belong_together_is_not_gone_on_with(
    run: Run, data: Path, tmp_path: Path
) -> None:
    usual = ["--model", "mlp", "--data", data, "--out"]
    trained = run(train, *usual, "whole", "--recipe", "notebook", "--epochs", 2)
    assert trained.exit_code == 0, trained.output
    cnn: Any = models.build("cnn", models.rescaling())
    cases: list[tuple[Callable[[Path], object], str]] = [
        (lambda folder: cnn.save(folder / "model.keras"), "model.keras: differs from"),
        (rows(lambda lines: []), "epochs are not counted from 1"),
        (rows(lambda lines: lines[:1]), "epochs are not counted from 1"),
        (rows(lambda lines: lines[:2]), "has 1 epoch, its manifest says 2"),
        (rows(lambda lines: [*lines, f"3,{lines[2][2:]}"]), "has 3 epochs"),
        (rows(lambda lines: [*lines[:2], "2" + ",nan" * 7]), "holds what is no number"),
        (provenance("training", epochs=0), "epochs"),
        (provenance("training", epochs=-3, more_epochs=[-5]), "epochs"),
        (provenance("training", epochs=2, more_epochs=[-2, 3]), "epochs"),
        (provenance("training", epochs=10**9), "has 2 epochs, its manifest says 1,000,000,000"),
        (provenance("training", epochs=1e308), "training.epochs"),
        (provenance("training", seed=-1), "seed"),
        (provenance("training", seed=10**12), "seed"),
        (provenance("training", logit_gain=0), "logit_gain"),
        (provenance("training", logit_gain="nan"), "logit_gain"),
        (provenance("training", recipe="edges"), "has no recipe edges"),
    ]
    for number, (change, said) in enumerate(cases):
        folder = Path(shutil.copytree("whole", f"copy{number}"))
        change(folder)
        before = {path: path.read_bytes() for path in folder.iterdir()}
        result = run(train, *usual, folder, "--more-epochs", 1)
        assert result.exit_code == 1, result.output
        assert said in result.stderr
        assert result.stderr.startswith(f"Error: {folder}")
        assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_what_follows_a_one_cycle_schedule_rises_to_a_tenth() -> None:
    recipe = RECIPES["edge", "mlp"].followed_by(2, 3)
    assert [phase.epochs for phase in recipe.phases[-2:]] == [2, 3]
    peak = RECIPES["edge", "mlp"].phases[-1].learning_rate
    assert [phase.learning_rate for phase in recipe.phases[-2:]] == [0.1 * peak] * 2
    constant = RECIPES["notebook", "cnn"].followed_by(5)
    assert constant.phases[-1].learning_rate == constant.phases[0].learning_rate


def test_the_hardest_rows_come_first(digits: tuple[Pixels, Labels]) -> None:
    probabilities = np.full((4, 10), 0.01, np.float32)
    labels = np.array([3, 1, 4, 1], np.uint8)
    for row, (digit, share) in enumerate([(3, 0.9), (7, 0.8), (4, 0.6), (1, 0.7)]):
        probabilities[row, digit] = share
    held_out = HeldOut(101, digits[0][:4], labels, probabilities)
    files = held_out.files()
    rows = list(csv.DictReader(files["held-out.csv"].decode().splitlines()))
    assert [row["row"] for row in rows] == ["102", "103", "104", "101"]
    first = {"row": "102", "label": "1", "predicted": "7", "p_label": "0.0100"}
    assert rows[0] == first | {"p_predicted": "0.8000"}
    assert (held_out.score.correct, held_out.score.rows) == (3, 4)
    assert files["held-out.png"].startswith(b"\x89PNG")
