"""What digit-export records of the answers that exporting changed, and shows."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from digit_export.convert import onnx as to_onnx
from digit_export.keras_model.network import Network
from digit_export.report import page
from digit_runtime import load
from digit_runtime.contract import Labels, Pixels
from digit_runtime.engines.table import engine_for
from digit_runtime.models.manifest import MANIFEST_NAME, Manifest, read_verified
from onnx import numpy_helper
from PIL import Image

Digits = tuple[Pixels, Labels]
Run = Any


def evidence_of(directory: Path) -> dict[str, Any]:
    files: dict[str, Any] = json.loads((directory / "evidence.json").read_text())["files"]
    return files


def flips_of(directory: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((directory / "flips.csv").read_text())))


@pytest.fixture(scope="module")
def answers(exported: Run, test_digits: Digits) -> dict[str, Any]:
    """Keras's and each file's probabilities on the test rows, computed apart from the export."""
    pixels = test_digits[0][:4000]
    found = {"keras": Network.load(exported.directory / "model.keras").predict(pixels)}
    for file in exported.manifest["files"]:
        engine = engine_for(file["format"]).name
        found[file["path"]] = load(exported.directory / file["path"], engine=engine).predict_proba(
            pixels
        )
    return found


def test_flips_are_the_rows_whose_answer_changed(
    exported: Run, answers: dict[str, Any], test_digits: Digits
) -> None:
    rows = [row for row in flips_of(exported.directory) if row["split"] == "test"]
    keras = answers["keras"]
    expected = {
        (path, int(row) + 1)
        for path, mine in answers.items()
        for row in np.flatnonzero(mine.argmax(axis=1) != keras.argmax(axis=1))
    }
    assert expected, "the files of this model must differ, or this test shows nothing"
    assert {(row["file"], int(row["ImageId"])) for row in rows} == expected
    for row in rows:
        index = int(row["ImageId"]) - 1
        assert int(row["label"]) == test_digits[1][index]
        for who, whose in (("keras", keras), ("exported", answers[row["file"]])):
            assert int(row[who]) == whose[index].argmax()
            assert float(row[f"{who}_confidence"]) == pytest.approx(whose[index].max(), abs=2e-4)


def test_validation_rows_are_named_as_they_are_in_the_training_csv(
    exported: Run, digits: Digits
) -> None:
    rows = [row for row in flips_of(exported.directory) if row["split"] == "validation"]
    for row in rows:
        assert 8000 < int(row["ImageId"]) <= 12_000
        assert int(row["label"]) == digits[1][int(row["ImageId"]) - 1]


def test_classes_add_up_to_the_recorded_accuracy(exported: Run) -> None:
    known = evidence_of(exported.directory)
    for file in exported.manifest["files"]:
        for split, found in known[file["path"]].items():
            parity = file["parity"][split]
            assert sum(found["class_rows"]) == parity["rows"]
            assert sum(found["correct"]) == round(parity["accuracy"] * parity["rows"])
            assert sum(found["keras_correct"]) == round(parity["keras_accuracy"] * parity["rows"])


def test_statistics_are_recorded_with_the_gate(exported: Run) -> None:
    for file in exported.manifest["files"]:
        assert file["gate"]
        assert not file.get("tolerance")
        for parity in file["parity"].values():
            change = parity["accuracy"] - parity["keras_accuracy"]
            assert parity["change_low"] <= change <= parity["change_high"]
            assert 0 < parity["mcnemar_p"] <= 1
            assert 0 <= parity["kl_divergence"] < 0.1
            assert 0 < parity["ece"] < 0.1


def test_the_manifest_vouches_for_the_evidence(exported: Run) -> None:
    manifest = Manifest.read(exported.directory)
    described = manifest.described("evidence")
    assert described
    read_verified(exported.directory / described.path, described)


def test_the_picture_is_one(exported: Run) -> None:
    with Image.open(exported.directory / "flips.png") as picture:
        assert picture.width > 500


def test_the_page_is_whole_and_tells_of_every_file(exported: Run) -> None:
    text = (exported.directory.parent / "report.html").read_text()
    assert not re.findall(r"https?:|src=(?!\"data:)|href=", text)
    for file in exported.manifest["files"]:
        assert f"{file['format']} {file['precision']}" in text
        assert f"{file['parity']['test']['accuracy']:.2%}" in text
    pictures = text.count("data:image/png")
    assert pictures == min(
        40, len({(r["split"], r["ImageId"]) for r in flips_of(exported.directory)})
    )


def test_names_are_not_markup(copy: Path) -> None:
    path = copy / MANIFEST_NAME
    document = json.loads(path.read_text())
    document["name"] = "<script>"
    path.write_text(json.dumps(document))
    found = page.write(copy.parent)
    assert found
    assert "<script>" not in found.read_text()


def test_lost_evidence_is_gathered_again(copy: Path, exported: Run, run_export: Any) -> None:
    (copy / "evidence.json").unlink()
    (copy / "flips.csv").unlink()
    result = run_export(copy, "--precision", "int8", "--format", "onnx")
    assert result.result.exit_code == 0, result.result.output
    path = "onnx/mlp-int8.onnx"
    assert evidence_of(copy)[path] == evidence_of(exported.directory)[path]


def test_what_is_up_to_date_keeps_its_evidence(copy: Path, run_export: Any) -> None:
    before = {path: path.read_bytes() for path in copy.iterdir() if path.is_file()}
    result = run_export(copy)
    assert result.result.stdout.count("up to date") == 8
    assert before == {path: path.read_bytes() for path in copy.iterdir() if path.is_file()}


def test_a_given_tolerance_decides_and_is_recorded(
    copy: Path, run_export: Any, break_int8: Callable[[], None]
) -> None:
    break_int8()
    what = ["--format", "onnx", "--precision", "int8", "--force"]
    assert run_export(copy, *what).result.exit_code == 1
    loose = ["--tolerance", "min_agreement=0.5", "--tolerance", "max_accuracy_loss=0.5"]
    result = run_export(copy, *what, *loose)
    assert result.result.exit_code == 0, result.result.output
    (file,) = [f for f in result.manifest["files"] if f["path"] == "onnx/mlp-int8.onnx"]
    assert file["tolerance"] == {"min_agreement": 0.5, "max_accuracy_loss": 0.5}
    assert file["gate"] == {"min_agreement": 0.5, "max_accuracy_loss": 0.5}
    text = (copy.parent / "report.html").read_text()
    assert "passed with --tolerance" in text
    assert re.search("Worse by more than chance explains: <strong>[^<]*onnx int8", text)


def test_what_the_table_lets_pass_needed_no_tolerance(copy: Path, run_export: Any) -> None:
    what = ["--format", "onnx", "--precision", "int8", "--force"]
    result = run_export(copy, *what, "--tolerance", "min_agreement=0.5")
    (file,) = [f for f in result.manifest["files"] if f["path"] == "onnx/mlp-int8.onnx"]
    assert not file.get("tolerance")
    assert file["gate"] == {"min_agreement": 0.997, "max_accuracy_loss": 0.001}


def test_without_it_the_file_is_measured_by_the_table_again(copy: Path, run_export: Any) -> None:
    what = ["--format", "onnx", "--precision", "int8"]
    assert run_export(copy, *what, "--tolerance", "min_agreement=0.99").result.exit_code == 0
    result = run_export(copy, *what)
    assert "up to date" not in result.result.stdout
    (file,) = [f for f in result.manifest["files"] if f["path"] == "onnx/mlp-int8.onnx"]
    assert not file.get("tolerance")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("agreement=0.9", "max_difference"),
        ("min_agreement=often", "'often' is not a number"),
        ("min_agreement=99", "99 is not a fraction"),
        ("max_difference=0.1", "not in the gate of onnx int8"),
    ],
)
def test_a_wrong_tolerance_is_wrong_usage(
    copy: Path, run_export: Any, given: str, said: str
) -> None:
    what = ["--format", "onnx", "--precision", "int8", "--tolerance", given]
    result = run_export(copy, *what).result
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.fixture
def break_int8(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Make the int8 exporter spoil the last layer's biases, as a bug of a converter might."""

    def apply() -> None:
        original = to_onnx.int8

        def broken(network: Any, calibration: Pixels) -> bytes:
            model = onnx.load_from_string(original(network, calibration))
            biases = {
                tensor.name: tensor
                for tensor in model.graph.initializer
                if tuple(tensor.dims) == (10,) and tensor.data_type == onnx.TensorProto.INT32
            }
            # The others are zero points, all of them 0.
            (name,) = [name for name in biases if numpy_helper.to_array(biases[name]).any()]
            values = numpy_helper.to_array(biases[name]).copy()
            values[3] += 60_000
            biases[name].CopyFrom(numpy_helper.from_array(values, name))
            content: bytes = model.SerializeToString()
            return content

        monkeypatch.setattr(to_onnx, "int8", broken)

    return apply


@pytest.mark.parametrize("lost", ["test", "all"])
def test_figures_that_are_lost_are_left_out_of_the_page(lost: str, copy: Path) -> None:
    path = copy / MANIFEST_NAME
    document = json.loads(path.read_text())
    for file in document["files"]:
        file["parity"].pop("test")
        if lost == "all":
            file["parity"] = {}
    path.write_text(json.dumps(document))
    found = page.write(copy.parent)
    if lost == "all":
        assert found is None
    else:
        assert found and "4,000 validation rows right" in found.read_text()
