"""What is inside the TFLite files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from digit_export.convert import tflite as to_tflite
from digit_export.keras_model.network import Network
from digit_export.quiet import quiet
from digit_runtime import load
from digit_runtime.formats import tflite_file

PRECISIONS = ["float32", "float16", "dynamic", "int8"]


@pytest.fixture(scope="session")
def files(
    small_cnn: Network, digits: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("tflite")
    written = {}
    for precision in PRECISIONS:
        written[precision] = folder / f"small-{precision}.tflite"
        with quiet():
            content = getattr(to_tflite, precision)(small_cnn, digits[0][:300])
        written[precision].write_bytes(content)
    return written


def interpreter(path: Path) -> Any:
    with quiet():
        return Interpreter(str(path))


def operators(path: Path) -> list[str]:
    # A private name, but the only way to list them without a flatbuffer schema.
    return [operator["op_name"] for operator in interpreter(path)._get_ops_details()]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_its_signature_is_the_contract(files: dict[str, Path], precision: str) -> None:
    reader = interpreter(files[precision])
    assert reader.get_signature_list() == {
        "serving_default": {"inputs": ["pixels"], "outputs": ["probabilities"]}
    }
    (pixels,), (answers,) = reader.get_input_details(), reader.get_output_details()
    assert (pixels["dtype"], list(pixels["shape_signature"])) == (np.uint8, [-1, 784])
    assert (answers["dtype"], list(answers["shape_signature"])) == (np.float32, [-1, 10])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_it_is_the_network_in_builtin_operators_and_nothing_else(
    files: dict[str, Path], precision: str
) -> None:
    extra = {"DEQUANTIZE", "QUANTIZE", "DELEGATE"}
    assert [name for name in operators(files[precision]) if name not in extra] == [
        *["CAST", "MUL", "RESHAPE"],
        *["CONV_2D", "MAX_POOL_2D"] * 2,
        "RESHAPE",
        *["FULLY_CONNECTED", "FULLY_CONNECTED", "SOFTMAX"],
    ]


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_any_batch_gives_the_same_answers_as_keras(
    files: dict[str, Path], small_cnn: Network, test_digits: tuple[Any, Any], rows: int
) -> None:
    pixels = test_digits[0][:rows]
    for precision, tolerance in (("float32", 1e-5), ("float16", 1e-2)):
        np.testing.assert_allclose(
            load(files[precision]).predict_proba(pixels),
            small_cnn.predict(pixels),
            rtol=0,
            atol=tolerance,
        )


def test_int8_weights_and_activations_are_int8(files: dict[str, Path]) -> None:
    graph = tflite_file.read(files["int8"].read_bytes(), files["int8"])
    layers = ("CONV_2D", "FULLY_CONNECTED", "MAX_POOL_2D")
    found = [operator for operator in graph.operators if operator.name in layers]
    assert len(found) == 6
    for operator in found:
        for index in (*operator.inputs[:2], *operator.outputs):
            assert graph.tensors[index].type == "int8"


def test_each_precision_is_smaller_than_the_one_before(files: dict[str, Path]) -> None:
    sizes = [files[precision].stat().st_size for precision in ("float32", "float16", "dynamic")]
    assert sizes[1] < 0.7 * sizes[0]
    assert sizes[2] < 0.7 * sizes[1]
