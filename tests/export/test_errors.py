"""Bad input to `digit-export`: one line on stderr, exit status 1, nothing changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from digit_export.commands.export import export
from digit_export.keras_model.network import keras

LAYERS = keras.layers


def failing(*arguments: object) -> str:
    result: Result = CliRunner().invoke(export, [str(argument) for argument in arguments])
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert "Traceback" not in result.stderr
    return line


def save(tmp_path: Path, *layers: Any) -> Path:
    path = tmp_path / "own.keras"
    keras.Sequential(layers).save(path)
    return path


@pytest.mark.parametrize("output", [[], ["--json"]])
@pytest.mark.parametrize("format", ["c", "wasm", "html"])
def test_a_precision_that_a_format_has_not_is_wrong_usage(format: str, output: list[str]) -> None:
    words = ["--format", format, "--precision", "float32", *output]
    result = CliRunner().invoke(export, words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert f"--format {format} has no float32; it has int8" in result.stderr


def test_a_path_is_not_the_name_of_a_model(exported: Any, data: Path) -> None:
    where = ["--artifacts", exported.directory.parent, "--data", data / "train.csv"]
    assert "./mlp: is not a .keras or .h5 file" in failing("--model", "./mlp", *where)


def test_missing_training_rows_say_how_to_get_them(exported: Any, tmp_path: Path) -> None:
    line = failing("--artifacts", exported.directory.parent, "--data", tmp_path / "train.csv")
    assert f"{tmp_path / 'train.csv'}: no such file" in line
    assert f"digit-data fetch --out {tmp_path}" in line


def test_an_unknown_model_says_how_to_train_one(data: Path, tmp_path: Path) -> None:
    rows = ["--data", data / "train.csv", "--artifacts", tmp_path]
    assert f"{tmp_path / 'cnn' / 'model.keras'}: no such file" in failing("--model", "cnn", *rows)
    assert f"{tmp_path}: holds no */model.keras; train one with digit-train" in failing(*rows)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04 junk", "is cut short"),
        (b"\x00" * 5000, "is not a .keras file, which is a zip"),
    ],
)
def test_not_a_keras_file(data: Path, tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(content)
    line = failing("--model", path, "--data", data / "train.csv")
    assert f"{path}: {what}" in line
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_a_truncated_keras_file(exported: Any, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes((exported.directory / "model.keras").read_bytes()[:100_000])
    assert f"{path}: is cut short" in failing("--model", path, "--data", data / "train.csv")


def test_another_suffix(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"x")
    line = failing("--model", path, "--data", data / "train.csv")
    assert f"{path}: is not a .keras or .h5 file" in line


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        (
            (keras.Input((32, 32, 3)), LAYERS.Flatten(), LAYERS.Dense(10)),
            "maps float32 [N, 32, 32, 3] to float32 [N, 10]; expected pixels [N, 784]",
        ),
        (
            (keras.Input((784,), dtype="int32"), LAYERS.Rescaling(1 / 255), LAYERS.Dense(10)),
            "maps int32 [N, 784] to float32 [N, 10]; expected pixels [N, 784], [N, 28, 28] or "
            "[N, 28, 28, 1], uint8 or float, of any N",
        ),
        (
            (keras.Input((28, 28, 1)), LAYERS.Conv2D(10, 3)),
            "maps float32 [N, 28, 28, 1] to float32 [N, 26, 26, 10]; expected probabilities",
        ),
        (
            (keras.Input((784,)), LAYERS.Dense(1, activation="sigmoid")),
            "maps float32 [N, 784] to float32 [N, 1]; expected probabilities or logits "
            "[N, 2 to 256]",
        ),
        (
            (keras.Input(batch_shape=(1, 784)), LAYERS.Dense(10)),
            "maps float32 [1, 784] to float32 [1, 10]; expected pixels",
        ),
    ],
)
def test_another_contract(data: Path, tmp_path: Path, layers: Any, said: str) -> None:
    path = save(tmp_path, *layers)
    line = failing("--model", path, "--data", data / "train.csv")
    assert said in line
    assert [path.name for path in tmp_path.iterdir()] == ["own.keras"]


def test_neither_probabilities_nor_logits(data: Path, tmp_path: Path) -> None:
    path = save(
        tmp_path,
        keras.Input((784,), dtype="uint8"),
        LAYERS.Rescaling(1 / 255),
        LAYERS.Dense(10, activation="sigmoid"),
    )
    line = failing("--model", path, "--data", data / "train.csv", "--format", "onnx")
    assert "gives neither probabilities, which add up to 1, nor logits" in line
    assert "softmax" in line


def test_rows_without_labels_cannot_calibrate(exported: Any, data: Path, copy: Path) -> None:
    line = failing("--artifacts", copy.parent, "--data", data / "test.csv", "--force")
    assert "test.csv: has no label column" in line


def test_test_labels_of_other_rows(copy: Path, data: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("ImageId,Label\n1,3\n")
    line = failing(
        *("--artifacts", copy.parent, "--data", data / "train.csv"),
        *("--test-data", data / "test.csv", "--test-labels", labels),
    )
    assert f"{labels}: has 1 row," in line


def test_test_rows_and_their_labels_go_together(data: Path) -> None:
    result = CliRunner().invoke(export, ["--test-data", str(data / "test.csv")])
    assert result.exit_code == 2
    assert "--test-data and --test-labels go together" in result.stderr


def test_a_damaged_manifest_is_named(copy: Path, data: Path) -> None:
    (copy / "manifest.json").write_text("{")
    line = failing("--artifacts", copy.parent, "--data", data / "train.csv")
    assert f"{copy / 'manifest.json'}: is not valid JSON" in line


def test_a_directory_that_cannot_be_made(mlp: Path, data: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.keras"
    own.write_bytes(mlp.read_bytes())
    (tmp_path / "own").write_text("a file is in the way")
    line = failing("--model", own, "--artifacts", tmp_path, "--data", data / "train.csv")
    assert f"{tmp_path / 'own'}: cannot be written" in line


def test_a_layer_that_an_exporter_cannot_convert_fails_that_target_only(
    data: Path, tmp_path: Path, lay_out: Callable[..., Path]
) -> None:
    path = save(
        tmp_path,
        keras.Input((784,), dtype="uint8"),
        LAYERS.Rescaling(1 / 255),
        LAYERS.Reshape((28, 28, 1)),
        LAYERS.Conv2D(10, 28, activation="relu"),
        LAYERS.Flatten(),
        LAYERS.Softmax(),
    )
    result = CliRunner().invoke(
        export,
        [
            *("--model", str(path), "--artifacts", str(tmp_path)),
            *("--data", str(data / "train.csv"), "--format", "onnx"),
        ],
    )
    assert result.exit_code == 1
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if ".onnx" in line}
    assert "not applicable: has no dense layer" in lines["own-dynamic.onnx"]
    assert lines["own-float32.onnx"].endswith("exported")
    assert (tmp_path / "own" / "onnx" / "own-float32.onnx").is_file()
    assert not (tmp_path / "own" / "onnx" / "own-dynamic.onnx").exists()
    assert "Error: " in result.stderr
