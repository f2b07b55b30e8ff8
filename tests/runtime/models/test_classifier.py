import multiprocessing
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from digit_runtime import (
    ContractError,
    DigitError,
    EngineError,
    EngineNotInstalledError,
    ModelFileError,
    ModelNotFoundError,
    PixelsError,
    load,
)
from digit_runtime.contract import Labels, Pixels, Probabilities
from digit_runtime.engines.table import Engine
from digit_runtime.models.manifest import Manifest

SHIPPED = [
    *((model, engine) for model in ("mlp", "tiny", "cnn") for engine in ("onnxruntime", "litert")),
    ("mlp", "numpy"),
]


@pytest.mark.parametrize(("model", "engine"), SHIPPED)
def test_shipped_models_read_digits(
    model: str, engine: str, artifacts: Path, test_digits: tuple[Pixels, Labels]
) -> None:
    pixels, labels = test_digits[0][:2000], test_digits[1][:2000]
    classifier = load(model, engine=engine, precision="int8", artifacts=artifacts)
    predicted = classifier.predict(pixels)
    assert predicted.dtype == np.uint8
    assert np.mean(predicted == labels) > {"mlp": 0.98, "tiny": 0.985, "cnn": 0.99}[model]


@pytest.mark.parametrize(("model", "engine"), SHIPPED)
def test_probabilities_are_those_of_the_keras_model(
    model: str, engine: str, artifacts: Path
) -> None:
    with np.load(artifacts / model / "reference.npz") as reference:
        pixels, expected = reference["pixels"], reference["probabilities"]
    got = load(model, engine=engine, precision="int8", artifacts=artifacts).predict_proba(pixels)
    assert got.dtype == np.float32
    assert got.shape == (len(pixels), 10)
    # TFLite's int8 softmax has steps of 1/256, so ten of them need not sum to one.
    np.testing.assert_allclose(got.sum(axis=1), 1, atol=0.02)
    assert np.mean(got.argmax(axis=1) == expected.argmax(axis=1)) >= 0.99
    assert np.abs(got - expected).mean() < 0.01


@pytest.mark.parametrize(("model", "engine"), SHIPPED)
def test_the_batch_does_not_change_the_answer(
    model: str, engine: str, artifacts: Path, test_digits: tuple[Pixels, Labels]
) -> None:
    pixels = test_digits[0][:150]
    classifier = load(model, engine=engine, precision="int8", artifacts=artifacts)
    whole = classifier.predict_proba(pixels)
    parts = [classifier.predict_proba(part) for part in np.split(pixels, [1, 8, 100])]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)
    assert classifier.predict_proba(pixels[:0]).shape == (0, 10)
    assert classifier.predict(pixels[3].reshape(28, 28)) == whole[3].argmax()


@pytest.mark.parametrize("engine", ["onnxruntime", "litert", "numpy"])
def test_one_classifier_serves_many_threads(
    engine: str, artifacts: Path, test_digits: tuple[Pixels, Labels]
) -> None:
    batches = np.array_split(test_digits[0][:1000], 37)
    classifier = load("mlp", engine=engine, artifacts=artifacts, threads=1)
    alone = [classifier.predict_proba(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(classifier.predict_proba, batches))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_wrong_pixels_are_refused(artifacts: Path) -> None:
    with pytest.raises(PixelsError, match="multiply by 255"):
        load("mlp", artifacts=artifacts).predict(np.zeros((1, 784)))


def test_an_unknown_name_lists_the_known_ones(artifacts: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="it has: cnn, mlp"):
        load("lenet", artifacts=artifacts)


def test_a_file_not_exported_yet_says_which_are_there(artifacts: Path, tmp_path: Path) -> None:
    shutil.copytree(artifacts / "mlp", tmp_path / "mlp")
    for file in tmp_path.glob("mlp/onnx/*"):
        file.unlink()
    with pytest.raises(ModelNotFoundError, match=r"no onnx int8 file here|no onnx int8 file"):
        load("mlp", format="onnx", precision="int8", artifacts=tmp_path)
    assert load("mlp", artifacts=tmp_path).format == "tflite"


def test_a_file_copied_elsewhere_works_without_manifest(artifacts: Path, tmp_path: Path) -> None:
    lone = shutil.copy(artifacts / "mlp" / "onnx" / "mlp-int8.onnx", tmp_path)
    assert load(lone).precision is None
    inside = load(artifacts / "mlp" / "onnx" / "mlp-int8.onnx")
    assert (inside.model, inside.precision) == ("mlp", "int8")


@pytest.mark.parametrize(
    ("suffix", "engine"), [("onnx", "onnxruntime"), ("onnx", "numpy"), ("tflite", "litert")]
)
@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_truncated_file_is_refused(
    suffix: str, engine: str, with_manifest: bool, artifacts: Path, tmp_path: Path
) -> None:
    shutil.copytree(artifacts / "mlp", tmp_path / "mlp")
    path = tmp_path / "mlp" / suffix / f"mlp-int8.{suffix}"
    path.write_bytes(path.read_bytes()[:5000])
    if not with_manifest:
        (tmp_path / "mlp" / "manifest.json").unlink()
    with pytest.raises(ModelFileError, match=path.name):
        load(path, engine=engine)


@pytest.mark.parametrize(
    ("suffix", "engine"), [("onnx", "onnxruntime"), ("onnx", "numpy"), ("tflite", "litert")]
)
@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"not a model at all" * 50])
def test_junk_is_not_a_model(suffix: str, engine: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"junk.{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="not a readable"):
        load(path, engine=engine)


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_another_contract_is_refused_before_any_inference(engine: str, tmp_path: Path) -> None:
    def value(name: str, kind: int, shape: list[str | int]) -> onnx.ValueInfoProto:
        return onnx.helper.make_tensor_value_info(name, kind, shape)

    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Softmax", ["x"], ["y"])],
        "other",
        [value("x", onnx.TensorProto.FLOAT, ["N", 784])],
        [value("y", onnx.TensorProto.FLOAT, ["N", 784])],
    )
    opset = onnx.helper.make_opsetid("", 17)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)
    path = tmp_path / "other.onnx"
    onnx.save(model, path)
    with pytest.raises(ContractError, match=r"float32 \[N, 784\].*expected uint8 \[N, 784\]"):
        load(path, engine=engine)


def test_a_missing_engine_is_named_with_its_pip_line(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Engine.installed_package
    monkeypatch.setattr(
        Engine,
        "installed_package",
        lambda self: there(self) if self.last_resort else None,
    )
    with pytest.raises(
        EngineNotInstalledError,
        match=r'the engine onnxruntime is not installed: pip install "digit-runtime\[onnx\]"',
    ):
        load("mlp", engine="onnxruntime", artifacts=artifacts)
    with pytest.raises(
        ImportError, match=r'no engine for \.tflite files .*pip install "digit-runtime\[tflite\]"'
    ):
        load("mlp", format="tflite", artifacts=artifacts)
    assert load("mlp", artifacts=artifacts).engine == "numpy"


def test_an_engine_for_the_other_format_is_explained(artifacts: Path) -> None:
    with pytest.raises(EngineNotInstalledError, match=r"litert does not read \.onnx files"):
        load("mlp", format="onnx", engine="litert", artifacts=artifacts)


def test_a_classifier_can_be_sent_to_other_processes(test_digits: tuple[Pixels, Labels]) -> None:
    classifier = load("mlp", threads=1)
    expected = classifier.predict(test_digits[0][:64])
    parts = np.array_split(test_digits[0][:64], 2)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.map(classifier.predict, parts)
    np.testing.assert_array_equal(np.concatenate(found), expected)
    copy = pickle.loads(pickle.dumps(classifier))
    assert repr(copy) == repr(classifier)


@pytest.mark.parametrize("threads", [1.5, 0, -1, 1025, "2"])
def test_threads_are_a_whole_number_that_a_device_may_have(threads: Any) -> None:
    with pytest.raises(DigitError, match="expected a whole number from 1 to 1,024"):
        load("mlp", threads=threads)


def test_a_precision_that_there_is_not_and_a_keras_model_are_called_that(artifacts: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="There is no precision 'int4': there are"):
        load("mlp", precision="int4")
    keras = artifacts / "mlp" / "model.keras"
    with pytest.raises(ModelNotFoundError, match="is a Keras model; export it first"):
        load(keras)
    with pytest.raises(ModelNotFoundError, match=r"none\.keras: no such file"):
        load("none.keras")


@pytest.mark.parametrize("rows", [3, 200])
def test_what_is_no_number_never_becomes_a_label(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(pixels: Pixels) -> Probabilities:
        probabilities = np.full((len(pixels), 10), 0.1, np.float32)
        probabilities[pixels[:, 0] == 255, 3] = np.nan
        return probabilities

    session = SimpleNamespace(classes=10, run=broken)
    monkeypatch.setattr(Engine, "open", lambda *arguments: session)
    classifier = load("mlp", engine="numpy")
    pixels = np.zeros((rows, 784), np.uint8)
    assert len(classifier.predict(pixels)) == rows
    pixels[rows - 1, 0] = 255
    with pytest.raises(EngineError, match=f"row {rows}: the model answers with what is no number"):
        classifier.predict(pixels)


def test_a_model_with_a_limit_says_when_it_is_unsure(
    artifacts: Path, test_digits: tuple[Pixels, Labels], tmp_path: Path
) -> None:
    classifier = load("tiny", artifacts=artifacts)
    limit = classifier.unsure_below
    assert limit is not None
    assert limit == Manifest.read(artifacts / "tiny").unsure_below
    probabilities = classifier.predict_proba(test_digits[0][:2000])
    unsure = classifier.unsure(probabilities)
    assert unsure.dtype == np.bool_
    np.testing.assert_array_equal(unsure, probabilities.max(axis=1) < limit)
    assert 0.98 < 1 - unsure.mean() < 1
    noise = np.random.default_rng(0).integers(0, 256, (100, 784), np.uint8)
    assert classifier.unsure(classifier.predict_proba(noise)).mean() > 0.9
    alone = tmp_path / "alone.tflite"
    shutil.copy(classifier.path, alone.with_suffix(classifier.path.suffix))
    without = load(alone.with_suffix(classifier.path.suffix))
    assert without.unsure_below is None
    assert not without.unsure(probabilities).any()


@pytest.mark.parametrize(
    "given",
    [
        np.zeros((3, 784), np.uint8),
        np.zeros((3, 784), np.float32),
        np.zeros((3, 5), np.float32),
        np.zeros(10, np.float32),
        np.zeros((1, 3, 10), np.float32),
        np.zeros((3, 10), bool),
        [[0.1] * 10],
        "probabilities",
    ],
)
def test_what_is_no_probabilities_is_never_sure(given: Any, artifacts: Path) -> None:
    classifier = load("tiny", artifacts=artifacts)
    with pytest.raises(PixelsError, match=r"unsure takes what predict_proba returned"):
        classifier.unsure(given)
    assert classifier.unsure(np.full((2, 10), 0.1)).all()
    assert classifier.unsure(np.empty((0, 10), np.float32)).shape == (0,)
