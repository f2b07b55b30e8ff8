"""`digit-export --debug`: which layer a file goes wrong in."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from digit_export.convert import onnx as to_onnx
from digit_export.convert import tflite as to_tflite
from digit_export.keras_model.network import Network, keras
from digit_export.parity.layer_errors import LayerError, as_table, compare
from digit_runtime.contract import Labels, Pixels
from onnx import numpy_helper

Digits = tuple[Pixels, Labels]
WITH_WEIGHTS = {"conv1", "conv2", "hidden1", "probabilities"}


def by_name(errors: list[LayerError]) -> dict[str, LayerError]:
    return {error.layer: error for error in errors}


def spoiled(content: bytes, layer: str) -> bytes:
    """Turn the sign of one layer's weights, as a converter that mixes channels up might."""
    model = onnx.load_from_string(content)
    (node,) = [
        n
        for n in model.graph.node
        if n.op_type in ("Conv", "Gemm") and n.name.startswith(f"{layer}/")
    ]
    (weights,) = [t for t in model.graph.initializer if t.name == node.input[1]]
    weights.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(weights), weights.name))
    altered: bytes = model.SerializeToString()
    return altered


@pytest.mark.parametrize(
    ("format", "exporter", "least"),
    [
        ("onnx", to_onnx.float32, 90),
        ("onnx", to_onnx.float16, 50),
        ("onnx", to_onnx.int8, 20),
        ("tflite", to_tflite.float32, 90),
        ("tflite", to_tflite.int8, 20),
    ],
)
def test_every_layer_with_weights_is_compared(
    format: str,
    exporter: Callable[..., bytes],
    least: float,
    small_cnn: Network,
    digits: Digits,
    test_digits: Digits,
) -> None:
    content = exporter(small_cnn, digits[0][:200])
    errors = compare(small_cnn, format, content, test_digits[0][:50])
    for layer in WITH_WEIGHTS:
        found = by_name(errors)[layer].snr_db
        assert found is not None
        assert found > least
    known = [error.snr_db for error in errors if error.snr_db is not None]
    assert known == sorted(known)


@pytest.mark.parametrize("layer", ["conv1", "conv2", "hidden1"])
def test_the_first_bad_layer_is_the_one_that_was_spoiled(
    layer: str, small_cnn: Network, test_digits: Digits
) -> None:
    content = spoiled(to_onnx.float32(small_cnn, test_digits[0][:1]), layer)
    errors = compare(small_cnn, "onnx", content, test_digits[0][:50])
    known = [error for error in errors if error.snr_db is not None]
    first = min((e for e in known if (e.snr_db or 0) < 20), key=lambda error: error.order)
    assert first.layer == layer
    assert all((error.snr_db or 0) > 90 for error in known if error.order < first.order)


def test_without_any_error_the_ratio_is_infinite_and_json_is_json(
    small_cnn: Network, test_digits: Digits
) -> None:
    errors = compare(
        small_cnn, "onnx", to_onnx.float32(small_cnn, test_digits[0][:1]), test_digits[0][:5]
    )
    text = json.dumps([error.as_json() for error in errors], allow_nan=False)
    assert {entry["layer"] for entry in json.loads(text)} >= WITH_WEIGHTS
    assert "not compared" in as_table(errors)


def test_numbers_that_are_none_come_first() -> None:
    pixels = np.zeros((2, 784), np.uint8)
    inputs = keras.Input((784,), dtype="uint8", name="pixels")
    network = Network(keras.Model(inputs, keras.layers.Dense(10, "softmax", name="only")(inputs)))
    model = onnx.load_from_string(to_onnx.float32(network, pixels))
    for tensor in model.graph.initializer:
        if len(tensor.dims) == 2:
            values = np.full(tuple(tensor.dims), np.nan, np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    (error,) = compare(network, "onnx", model.SerializeToString(), pixels)
    assert error.snr_db == -math.inf


def test_layers_of_models_inside_a_model_are_compared(test_digits: Digits) -> None:
    first = keras.layers.Dense(8, "relu", name="first")
    inner = keras.Sequential([keras.Input((784,)), first], name="inner")
    inputs = keras.Input((784,), dtype="uint8", name="pixels")
    outputs = keras.layers.Dense(10, "softmax", name="last")(inner(inputs))
    network = Network(keras.Model(inputs, outputs))
    content = to_onnx.float32(network, test_digits[0][:1])
    errors = by_name(compare(network, "onnx", content, test_digits[0][:5]))
    assert (errors["first"].snr_db or 0) > 90
    assert (errors["last"].snr_db or 0) > 90


def test_the_command_shows_it_when_a_gate_is_missed(
    copy: Path, run_export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = to_onnx.float32
    monkeypatch.setattr(
        to_onnx, "float32", lambda network, rows: spoiled(original(network, rows), "hidden2")
    )
    what = ["--format", "onnx", "--precision", "float32", "--debug"]
    result = run_export(copy, *what).result
    assert result.exit_code == 1
    assert "not published" in result.stdout
    table = result.stdout.split("mlp-float32.onnx, layer by layer")[1].splitlines()
    worst = next(line for line in table if line and not line.startswith(("layer", "-")))
    assert worst.split()[0] in ("hidden2", "probabilities")


def test_the_command_shows_it_of_files_that_are_up_to_date(copy: Path, run_export: Any) -> None:
    result = run_export(
        copy, "--format", "tflite", "--precision", "int8", "--debug", "--json"
    ).result
    assert result.exit_code == 0
    (file,) = json.loads(result.stdout)["models"][0]["files"]
    assert file["status"] == "reproduced"
    assert {layer["layer"] for layer in file["layers"]} >= {"hidden1", "hidden2", "probabilities"}
