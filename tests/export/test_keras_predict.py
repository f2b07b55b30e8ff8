"""Predicting with a Keras file through the toolkit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from digit_export.commands.keras_predict import keras_predict
from digit_runtime import load
from digit_runtime.contract import Labels, Pixels

Run = Callable[..., Result]


@pytest.fixture
def data(
    test_digits: tuple[Pixels, Labels], write_pixels: Callable[..., Path], tmp_path: Path
) -> Path:
    return write_pixels(tmp_path / "few.csv", test_digits[0][:300], test_digits[1][:300])


def test_it_answers_as_the_exported_file_does(
    run: Run, artifacts: Path, data: Path, test_digits: tuple[Pixels, Labels]
) -> None:
    result = run(keras_predict, data, "--model", artifacts / "mlp", "-o", "out.csv")
    assert result.exit_code == 0, result.output
    header, *lines = Path("out.csv").read_text().splitlines()
    assert header == "ImageId,Label"
    digits = np.array([int(line.split(",")[1]) for line in lines])
    exported = load(artifacts / "mlp/onnx/mlp-int8.onnx").predict(test_digits[0][:300])
    assert (digits == exported).mean() > 0.99
    right = int((digits == test_digits[1][:300]).sum())
    assert f"({right} of 300)" in result.stdout
    assert ", 95 % interval " in result.stdout


def test_mistakes_are_one_line(run: Run, artifacts: Path, data: Path) -> None:
    result = run(keras_predict, data, "--model", "none.keras")
    assert result.exit_code == 1
    assert result.stderr == "Error: none.keras: no such file\n"


def test_a_file_that_nobody_named_is_not_replaced_silently(
    run: Run, artifacts: Path, data: Path
) -> None:
    Path("submission.csv").write_text("of another model")
    result = run(keras_predict, data, "--model", artifacts / "mlp")
    assert "note: submission.csv was there before and is replaced; -o names" in result.stderr
