"""Going on with a finished model, and what it gets wrong on the rows held out."""

import csv
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import Result
from digit_runtime.contract import Labels, Pixels
from digit_runtime.models.manifest import Manifest
from digit_train.commands.train import train
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


def test_what_follows_a_one_cycle_schedule_rises_to_a_tenth() -> None:
    recipe = RECIPES["edge", "mlp"].followed_by(2, 3)
    assert [phase.epochs for phase in recipe.phases[-2:]] == [2, 3]
    peak = RECIPES["edge", "mlp"].phases[-1].learning_rate
    assert [phase.learning_rate for phase in recipe.phases[-2:]] == [0.1 * peak] * 2
    constant = RECIPES["notebook", "cnn"].followed_by(5)
    assert constant.phases[-1].learning_rate == constant.phases[0].learning_rate


def test_the_hardest_rows_come_first(digits: tuple[Pixels, Labels], tmp_path: Path) -> None:
    probabilities = np.full((4, 10), 0.01, np.float32)
    labels = np.array([3, 1, 4, 1], np.uint8)
    for row, (digit, share) in enumerate([(3, 0.9), (7, 0.8), (4, 0.6), (1, 0.7)]):
        probabilities[row, digit] = share
    held_out = HeldOut(101, digits[0][:4], labels, probabilities)
    held_out.write(tmp_path)
    with (tmp_path / "held-out.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["row"] for row in rows] == ["102", "103", "104", "101"]
    first = {"row": "102", "label": "1", "predicted": "7", "p_label": "0.0100"}
    assert rows[0] == first | {"p_predicted": "0.8000"}
    assert (held_out.score.correct, held_out.score.rows) == (3, 4)
    assert (tmp_path / "held-out.png").read_bytes().startswith(b"\x89PNG")
