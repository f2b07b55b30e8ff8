"""What an exported file says of itself, and what a runtime makes of it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from digit_export.convert import onnx as to_onnx
from digit_export.convert import stamp
from digit_runtime import load
from digit_runtime.contract import DIGITS, Labels, Pixels
from digit_runtime.errors import ContractError
from digit_runtime.formats import tflite_file
from digit_runtime.formats.stamp import check_contract, read
from tensorflow.lite.python import schema_py_generated as schema

Run = Any
INT8 = ["onnx/mlp-int8.onnx", "tflite/mlp-int8.tflite"]


def test_files_tell_where_they_come_from(exported: Run) -> None:
    manifest = exported.manifest
    for file in manifest["files"]:
        found = read(file["format"], (exported.directory / file["path"]).read_bytes())
        assert found["digit.contract"] == "1"
        assert found["digit.model"] == "mlp"
        assert found["digit.keras_sha256"] == manifest["model"]["sha256"]
        assert json.loads(found["digit.labels"]) == list(DIGITS)
        assert found["digit.calibration_sha256"] == manifest["calibration"]["sha256"]
        assert manifest["export"]["data"]["train"] in found["digit.data_sha256"]
        assert f"keras {manifest['export']['tools']['keras']}" in found["digit.tools"]
        assert "CC BY-SA 3.0" in found["digit.license"]


def test_nobody_elses_licence_is_made_up() -> None:
    facts = stamp.entries("own", "0", ("a", "b"), {}, "0", {}, trained_here=False)
    assert "digit.license" not in facts
    assert facts["digit.contract"] == "2"


@pytest.mark.parametrize("path", INT8)
def test_answers_do_not_change(
    path: str, exported: Run, tmp_path: Path, test_digits: tuple[Pixels, Labels]
) -> None:
    file = exported.directory / path
    again = tmp_path / file.name
    again.write_bytes(stamp.attach(file.suffix[1:], file.read_bytes(), {"digit.more": "1"}))
    pixels = test_digits[0][:100]
    np.testing.assert_array_equal(
        load(again).predict_proba(pixels), load(file).predict_proba(pixels)
    )
    assert read(file.suffix, again.read_bytes())["digit.more"] == "1"


def test_weights_stay_aligned(exported: Run) -> None:
    """Engines map them into memory, and some instructions take aligned numbers only."""
    content = (exported.directory / INT8[1]).read_bytes()
    model = schema.Model.GetRootAs(content)
    base = np.frombuffer(content, np.uint8).__array_interface__["data"][0]
    checked = 0
    for index in range(model.BuffersLength()):
        data = model.Buffers(index).DataAsNumpy()
        if isinstance(data, np.ndarray):
            assert (data.__array_interface__["data"][0] - base) % 16 == 0
            checked += 1
    assert checked >= 6


@pytest.mark.parametrize("path", INT8)
def test_a_contract_of_the_future_is_refused(path: str, exported: Run, tmp_path: Path) -> None:
    file = exported.directory / path
    stranger = tmp_path / file.name
    content = file.read_bytes()
    if file.suffix == ".onnx":
        model = onnx.load_from_string(content)
        (entry,) = [e for e in model.metadata_props if e.key == "digit.contract"]
        entry.value = "3"
        stranger.write_bytes(model.SerializeToString())
    else:
        stranger.write_bytes(content.replace(b'"digit.contract": "1"', b'"digit.contract": "3"'))
    with pytest.raises(
        ContractError, match="keeps contract 3; this version knows contracts 1 and 2"
    ):
        load(stranger)


def test_a_file_that_says_nothing_is_taken_by_its_shapes(small_cnn: Any, tmp_path: Path) -> None:
    path = tmp_path / "silent.onnx"
    path.write_bytes(to_onnx.float32(small_cnn, np.zeros((1, 784), np.uint8)))
    assert read("onnx", path.read_bytes()) == {}
    check_contract("onnx", path.read_bytes(), path)
    assert load(path).predict(np.zeros((1, 784), np.uint8)).shape == (1,)


def test_other_metadata_of_a_file_is_kept(exported: Run) -> None:
    assert "min_runtime_version" in tflite_file.metadata(
        (exported.directory / INT8[1]).read_bytes()
    )


def test_a_file_that_is_not_of_its_precision_is_not_published(
    copy: Path, run_export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (copy / INT8[0]).read_bytes()
    monkeypatch.setattr(to_onnx, "int8", to_onnx.float32)
    result = run_export(copy, "--format", "onnx", "--precision", "int8", "--force").result
    assert result.exit_code == 1
    assert "not published: is called int8, but 0% of its weights are int8" in result.stdout
    assert (copy / INT8[0]).read_bytes() == before
