"""Others' opinions on the shipped files: the specification's own tools, and other engines."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tensorflow as tf
from digit_runtime import load
from digit_runtime.contract import Labels, Pixels
from onnx import version_converter
from onnx.reference import ReferenceEvaluator

Digits = tuple[Pixels, Labels]
MODELS = ("mlp", "tiny", "cnn")
# A sum that lands near a half is rounded up by one engine and down by another, and one step
# of a hidden layer is what that costs.
ONE_STEP = 0.02


def onnx_file(artifacts: Path, model: str) -> Path:
    return artifacts / model / "onnx" / f"{model}-int8.onnx"


@pytest.mark.parametrize("model", MODELS)
def test_onnx_files_pass_the_full_check(model: str, artifacts: Path) -> None:
    onnx.checker.check_model(onnx.load(onnx_file(artifacts, model)), full_check=True)


@pytest.mark.parametrize(("model", "rows"), [("mlp", 100), ("cnn", 4)])
def test_the_reference_evaluator_agrees(
    model: str, rows: int, artifacts: Path, test_digits: Digits
) -> None:
    pixels = test_digits[0][:rows]
    # It has these operators from opset 19 on only; their meaning is the same.
    newer = version_converter.convert_version(onnx.load(onnx_file(artifacts, model)), 21)
    reference = ReferenceEvaluator(newer)
    expected: Any
    (expected,) = reference.run(None, {"pixels": pixels})
    found = load(onnx_file(artifacts, model), engine="onnxruntime").predict_proba(pixels)
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(found, expected, atol=ONE_STEP)


@pytest.mark.parametrize("engine", ["openvino", "numpy"])
@pytest.mark.parametrize("model", MODELS)
def test_other_engines_agree(model: str, engine: str, artifacts: Path, test_digits: Digits) -> None:
    pixels = test_digits[0][:100]
    path = onnx_file(artifacts, model)
    expected = load(path, engine="onnxruntime").predict_proba(pixels)
    found = load(path, engine=engine).predict_proba(pixels)
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(found, expected, atol=ONE_STEP)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated:UserWarning")
def test_tensorflows_interpreter_agrees_with_litert(
    model: str, artifacts: Path, test_digits: Digits
) -> None:
    pixels = test_digits[0][:50]
    path = artifacts / model / "tflite" / f"{model}-int8.tflite"
    interpreter = tf.lite.Interpreter(str(path))
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(taken["index"], pixels.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(taken["index"], pixels)
    interpreter.invoke()
    expected = interpreter.get_tensor(given["index"])
    found = load(path, engine="litert").predict_proba(pixels)
    np.testing.assert_allclose(found, expected, atol=1e-6)
