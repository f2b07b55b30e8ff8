import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from digit_runtime import ContractError, EngineError, ModelFileError, load
from digit_runtime.contract import Labels, Pixels
from digit_runtime.engines import onnxruntime
from digit_runtime.models.folder import files_of
from onnx import TensorProto, helper, save

pytest.importorskip("openvino")
from digit_runtime.engines import openvino

Digits = tuple[Pixels, Labels]


@pytest.mark.parametrize("model", ["mlp", "tiny", "cnn"])
def test_shipped_files_answer_as_on_onnxruntime(
    model: str, artifacts: Path, test_digits: Digits
) -> None:
    pixels = test_digits[0][:200]
    files = [file for file in files_of(artifacts / model) if file.format == "onnx"]
    assert files
    for file in files:
        ours = openvino.open(file.path.read_bytes(), file.path, 1).run(pixels)
        theirs = onnxruntime.open(file.path.read_bytes(), file.path, 1).run(pixels)
        assert ours.dtype == np.float32
        difference = np.abs(ours - theirs).max(axis=1)
        exact = file.precision in ("float32", "float16")
        assert np.mean(difference > 2e-6) <= (0 if exact else 0.03), file.precision
        assert difference.max() < 0.01, file.precision


def test_a_batch_of_any_size_and_kept_results(artifacts: Path, test_digits: Digits) -> None:
    pixels = test_digits[0][:70]
    pixels.flags.writeable = False
    classifier = load("mlp", engine="openvino", artifacts=artifacts, threads=1)
    assert classifier.engine == "openvino"
    whole = classifier.predict_proba(pixels)
    kept = whole.copy()
    for rows in (1, 2, 63, 70):
        part = classifier.predict_proba(pixels[:rows])
        np.testing.assert_allclose(part, whole[:rows], atol=1e-5)
    np.testing.assert_array_equal(whole, kept)
    assert whole.flags.writeable


def test_one_classifier_serves_many_threads(artifacts: Path, test_digits: Digits) -> None:
    batches = np.array_split(test_digits[0][:500], 37)
    classifier = load("mlp", engine="openvino", artifacts=artifacts, threads=2)
    alone = [classifier.predict_proba(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(classifier.predict_proba, batches))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"not a model at all" * 50, None])
def test_junk_and_truncated_files_are_refused(
    content: bytes | None, artifacts: Path, tmp_path: Path
) -> None:
    whole = (artifacts / "mlp" / "onnx" / "mlp-int8.onnx").read_bytes()
    path = tmp_path / "junk.onnx"
    path.write_bytes(whole[:5000] if content is None else content)
    with pytest.raises(ModelFileError, match=r"junk\.onnx: not a readable ONNX file") as caught:
        load(path, engine="openvino")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (TensorProto.FLOAT, ["N", 784]),
        (TensorProto.UINT8, ["N", 785]),
        (TensorProto.UINT8, [1, 784]),
        (TensorProto.UINT8, ["N", 28, 28]),
    ],
)
def test_another_contract_is_refused(kind: int, shape: list[str | int], tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT)],
        "other",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    opset = helper.make_opsetid("", 17)
    path = tmp_path / "other.onnx"
    save(helper.make_model(graph, opset_imports=[opset], ir_version=8), path)
    with pytest.raises(ContractError, match=r"other\.onnx: maps .*expected uint8 \[N, 784\]"):
        load(path, engine="openvino")


def test_a_failing_engine_is_one_line(artifacts: Path, test_digits: Digits) -> None:
    path = artifacts / "mlp" / "onnx" / "mlp-int8.onnx"
    session = openvino.open(path.read_bytes(), path, 1)
    with pytest.raises(EngineError, match="openvino failed: ") as caught:
        session.run(test_digits[0][:2, :700].copy())
    assert "\n" not in str(caught.value)


def test_its_makers_are_told_nothing(artifacts: Path, tmp_path: Path) -> None:
    path = next(file.path for file in files_of(artifacts / "mlp") if file.format == "onnx")
    told = "import sys; from digit_runtime import load; load(sys.argv[1], engine='openvino')"
    home = {"HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)}
    subprocess.run([sys.executable, "-c", told, path], check=True, env={**os.environ, **home})
    # What it tells is counted there.
    assert not list(tmp_path.rglob("*ntel*"))
