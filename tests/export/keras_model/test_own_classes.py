"""Classes other than digits, from the Keras model to what `digit-predict` writes."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from digit_export.commands.card import card
from digit_export.keras_model.network import keras
from digit_runtime import load
from digit_runtime.commands.info import info
from digit_runtime.commands.predict import predict
from digit_runtime.commands.verify import verify
from digit_runtime.contract import Labels, Pixels
from digit_runtime.engines.table import ENGINES

Digits = tuple[Pixels, Labels]
Export = Callable[..., Result]
LAYERS = keras.layers
Make = Callable[[Path, Path], Export]
ONE_FILE = ("--format", "onnx", "--precision", "float32")
FLOAT32 = ("--precision", "float32")
KINDS = (0, 1, 6, 7)
NAMES = ("zero", "one", "six", "seven")


def manifest_of(directory: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((directory / "manifest.json").read_text())
    return document


@pytest.fixture(scope="module")
def chosen(digits: Digits) -> Digits:
    """10,000 digits of four kinds, labelled with the index of theirs."""
    rows = np.flatnonzero(np.isin(digits[1], KINDS))[:10_000]
    return digits[0][rows], np.searchsorted(KINDS, digits[1][rows]).astype(np.uint8)


@pytest.fixture(scope="module")
def named_rows(chosen: Digits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Their training CSV, with names in the label column."""
    header = ",".join(["label", *(f"pixel{column}" for column in range(784))])
    lines = [
        ",".join([NAMES[label], *map(str, row)])
        for row, label in zip(chosen[0].tolist(), chosen[1], strict=True)
    ]
    path = tmp_path_factory.mktemp("named") / "train.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def four(
    chosen: Digits, named_rows: Path, exporter: Make, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of a model that tells these apart, exported to everything."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            LAYERS.Flatten(),
            LAYERS.Dense(20, use_bias=False),
            LAYERS.BatchNormalization(),
            LAYERS.ReLU(),
            LAYERS.Dense(4),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    images = chosen[0][:4000].reshape(-1, 28, 28) / np.float32(255)
    model.fit(images, chosen[1][:4000], batch_size=64, epochs=3, verbose=0)
    folder = tmp_path_factory.mktemp("four")
    model.save(folder / "four.keras")
    (folder / "names.txt").write_text("\n".join(NAMES) + "\n")
    run = exporter(named_rows, folder)
    run(folder / "four.keras", "--scale", "1/255", "--labels", folder / "names.txt")
    return folder / "four"


@pytest.fixture
def export_four(four: Path, named_rows: Path, exporter: Make) -> Export:
    return exporter(named_rows, four.parent)


def test_every_engine_gives_as_many_probabilities_as_there_are_classes(
    four: Path, test_digits: Digits
) -> None:
    manifest = manifest_of(four)
    assert (manifest["contract"], manifest["labels"]) == (2, list(NAMES))
    assert len(manifest["files"]) == 8
    pixels = test_digits[0][np.isin(test_digits[1], KINDS)][:500]
    expected = np.searchsorted(KINDS, test_digits[1][np.isin(test_digits[1], KINDS)][:500])
    for engine in (engine for engine in ENGINES if not engine.on_request):
        for precision in ("float32", "int8"):
            file = four / engine.format / f"four-{precision}.{engine.format}"
            classifier = load(file, engine=engine.name)
            assert classifier.labels == NAMES
            answers = classifier.predict_proba(pixels)
            assert answers.shape == (500, 4)
            np.testing.assert_allclose(answers.sum(axis=1), 1, atol=0.01)
            assert np.mean(answers.argmax(axis=1) == expected) > 0.95
            assert classifier.predict_proba(pixels[:0]).shape == (0, 4)


def test_int8_files_have_int8_weights(four: Path) -> None:
    sizes = {file["path"]: file["bytes"] for file in manifest_of(four)["files"]}
    for format in ("onnx", "tflite"):
        assert sizes[f"{format}/four-int8.{format}"] < 784 * 20 * 1.5


def predicting(rows: Path, four: Path, *arguments: object) -> Result:
    where = ["--model", "four", "--artifacts", four.parent]
    words = [rows, *where, "--engine", "onnxruntime", *arguments]
    return CliRunner().invoke(predict, [str(word) for word in words])


def test_predictions_are_written_and_scored_by_name(
    four: Path, write_pixels: Callable[..., Path], test_digits: Digits, tmp_path: Path
) -> None:
    kept = np.isin(test_digits[1], KINDS)
    unseen = write_pixels(tmp_path / "unseen.csv", test_digits[0][kept][:2000])
    labels = np.searchsorted(KINDS, test_digits[1][kept][:2000])
    answers = tmp_path / "answers.csv"
    expected = [NAMES[label] for label in labels]
    lines = [f"{row},{name}" for row, name in enumerate(expected, 1)]
    answers.write_text("\n".join(["ImageId,Label", *lines]) + "\n")
    outputs = ["-o", tmp_path / "s.csv", "--probabilities", tmp_path / "p.csv"]
    result = predicting(unseen, four, *outputs, "--labels", answers)
    written = [line.split(",")[1] for line in (tmp_path / "s.csv").read_text().splitlines()[1:]]
    right = np.mean([one == other for one, other in zip(written, expected, strict=True)])
    assert f"accuracy  {right:.2%}" in result.stdout
    assert right > 0.95
    assert (tmp_path / "p.csv").read_text().startswith("ImageId,pzero,pone,psix,pseven\n1,")
    (row,) = [line for line in result.stdout.splitlines() if line.startswith("seven ")]
    assert len(row.split()) == 6
    answers.write_text("ImageId,Label\n1,nine\n")
    line = predicting(unseen, four, *outputs, "--labels", answers).stderr
    assert "row 1, column Label: 'nine' is not one of zero, one, six, seven" in line


def test_info_and_verify_know_the_model(four: Path) -> None:
    where = ["four", "--artifacts", str(four.parent)]
    shown = CliRunner().invoke(info, where)
    assert "zero, one, six, seven" in shown.stdout
    assert "?" not in shown.stdout
    checked = CliRunner().invoke(verify, where)
    assert checked.exit_code == 0, checked.output
    assert "of four" in checked.stdout


def test_predicting_needs_no_tensorflow(four: Path, named_rows: Path) -> None:
    code = f"""
import sys
from digit_runtime import load, read_csv
classifier = load("four", artifacts={str(four.parent)!r}, engine="litert")
pixels, labels = read_csv({str(named_rows)!r}, classifier.labels)
assert (classifier.predict(pixels) == labels).mean() > 0.95
assert not {{"tensorflow", "keras", "onnx"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_card_claims_nothing_of_the_training(four: Path) -> None:
    card = (four / "README.md").read_text()
    assert "Tells 4 classes apart: zero, one, six, seven." in card
    assert "takes float32 [N, 28, 28], pixels from 0 to 1; gives logits of 4 classes" in card
    assert "MNIST" not in card


def test_a_card_of_digits_is_not_made_of_it(
    four: Path, digits: Digits, write_pixels: Callable[..., Path], tmp_path: Path
) -> None:
    rows = write_pixels(tmp_path / "test.csv", digits[0][:2])
    (tmp_path / "labels.csv").write_text("ImageId,Label\n1,1\n2,0\n")
    words = ["--model", "four", "--artifacts", four.parent, "--data", rows]
    words += ["--labels", tmp_path / "labels.csv"]
    result = CliRunner().invoke(card, [str(word) for word in words])
    assert result.exit_code == 1
    assert "digit-card evaluates models of the ten digits only" in result.stderr


def test_what_was_said_once_need_not_be_repeated(four: Path, export_four: Export) -> None:
    path = four.parent / "four.keras"
    assert export_four(path).stdout.count("up to date") == 8


def test_other_names_make_the_other_files_anew(
    four: Path, exporter: Make, digit_rows: Path, tmp_path: Path
) -> None:
    """Their figures were those of other classes, and so of other rows."""
    path = four.parent / "four.keras"
    folder = tmp_path / "artifacts"
    saved_names = ("--class-names", "a,b,c,d")
    digit_lines = digit_rows.read_text().splitlines()
    rows = tmp_path / "train.csv"
    lines = [f"{int(line[0]) // 3}{line[1:]}" for line in digit_lines[1:]]
    rows.write_text("\n".join([digit_lines[0], *lines]) + "\n")
    run = exporter(rows, folder)
    run(path, "--scale", "1/255", *FLOAT32)
    assert manifest_of(folder / "four")["labels"] == ["0", "1", "2", "3"]
    result = run(path, *ONE_FILE, *saved_names)
    assert "up to date" not in result.stdout
    manifest = manifest_of(folder / "four")
    assert manifest["labels"] == ["a", "b", "c", "d"]
    assert [file["format"] for file in manifest["files"]] == ["onnx"]


def test_as_many_names_as_classes(four: Path, export_four: Export) -> None:
    path = four.parent / "four.keras"
    line = export_four(path, "--class-names", "a,b,c", "--force", exit_code=1).stderr
    assert "tells 4 classes apart, and --class-names has 3" in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nofile.txt", "no such file"),
        ("a,a", "'a' names two classes"),
        ("a,,b", "'' cannot name a class"),
        ('a,b"', "cannot name a class"),
        (",".join(map(str, range(257))), "257 names; expected 2 to 256"),
    ],
)
def test_what_are_no_names(text: str, said: str, export_own: Export, tmp_path: Path) -> None:
    assert said in export_own(tmp_path / "own.keras", "--labels", text, exit_code=2).stderr


def test_the_labels_of_rows_are_no_names(export_own: Export, tmp_path: Path) -> None:
    """What --labels takes in digit-predict."""
    (tmp_path / "test_labels.csv").write_text("ImageId,Label\n1,7\n")
    path = tmp_path / "test_labels.csv"
    result = export_own(tmp_path / "own.keras", "--labels", path, exit_code=2)
    assert "holds the labels of rows; give it as --test-labels" in result.stderr


def test_names_and_scale_are_of_one_model(copy: Path, data: Path, exporter: Make) -> None:
    run = exporter(data / "train.csv", copy.parent)
    for option in (["--labels", "a,b"], ["--scale", "none"]):
        line = run("all", *option, exit_code=2).stderr
        assert "--class-names and --scale are of one model" in line


def test_rows_of_other_classes_are_refused(
    four: Path, digit_rows: Path, exporter: Make, saved: Callable[..., Any], tmp_path: Path
) -> None:
    run = exporter(digit_rows, tmp_path)
    path = four.parent / "four.keras"
    scale = ("--scale", "1/255")
    assert (
        "is not one of zero, one"
        in run(path, *scale, "--labels", ",".join(NAMES), exit_code=1).stderr
    )
    saved(tmp_path / "letters.keras", keras.Input((784,)), LAYERS.Dense(26))
    line = run(tmp_path / "letters.keras", *scale, exit_code=1).stderr
    assert f"{digit_rows}: gives only 190 rows to calibrate with, up to 19 of each of 26" in line
    assert "--data must hold rows of the model's own classes" in line


def test_rows_without_labels_are_refused(
    export_own: Export,
    digits: Digits,
    write_pixels: Callable[..., Path],
    saved: Callable[..., Any],
    tmp_path: Path,
) -> None:
    saved(tmp_path / "own.keras", keras.Input((784,)), LAYERS.Dense(10))
    rows = write_pixels(tmp_path / "rows.csv", digits[0][:20])
    line = export_own(
        tmp_path / "own.keras", "--scale", "1/255", "--data", rows, exit_code=1
    ).stderr
    assert "rows.csv: has no label column; calibration and parity need rows labelled" in line
