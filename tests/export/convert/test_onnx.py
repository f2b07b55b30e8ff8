"""What is inside the ONNX files."""

from collections import Counter
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from digit_export.convert import onnx as to_onnx
from digit_export.convert.onnx_quantize import float_layers
from digit_export.convert.onnx_simplify import simplify
from digit_export.keras_model.network import Network
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

PRECISIONS = ["float32", "float16", "dynamic", "int8"]


@pytest.fixture(scope="session")
def files(small_cnn: Network, digits: tuple[Any, Any]) -> dict[str, onnx.ModelProto]:
    return {
        precision: onnx.load_from_string(getattr(to_onnx, precision)(small_cnn, digits[0][:300]))
        for precision in PRECISIONS
    }


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def run(model: onnx.ModelProto, pixels: Any) -> Any:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"pixels": pixels})[0]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_it_keeps_the_contract_by_name_type_and_free_batch(
    files: dict[str, onnx.ModelProto], precision: str
) -> None:
    model = files[precision]
    onnx.checker.check_model(model, full_check=True)
    (pixels,), (probabilities,) = model.graph.input, model.graph.output
    for value, name, kind, size in (
        (pixels, "pixels", TensorProto.UINT8, 784),
        (probabilities, "probabilities", TensorProto.FLOAT, 10),
    ):
        batch, width = value.type.tensor_type.shape.dim
        assert (value.name, value.type.tensor_type.elem_type) == (name, kind)
        assert (batch.dim_param, width.dim_value) == ("N", size)


def test_the_float32_graph_is_the_network_and_nothing_else(
    files: dict[str, onnx.ModelProto],
) -> None:
    dense = ["Gemm", "Relu", "Gemm", "Softmax"]
    convolutions = ["Conv", "Relu", "MaxPool"] * 2
    assert operators(files["float32"]) == [
        *["Cast", "Mul", "Reshape"],
        *convolutions,
        "Reshape",
        *dense,
    ]


def test_nodes_are_named_after_keras_layers(files: dict[str, onnx.ModelProto]) -> None:
    names = [node.name for node in files["float32"].graph.node]
    assert len(set(names)) == len(names)
    for name in ("conv1/Conv", "conv2/Relu", "pool2/MaxPool", "hidden1/Gemm", "probabilities/Gemm"):
        assert name in names


def test_the_graph_answers_as_keras_does(
    files: dict[str, onnx.ModelProto], small_cnn: Network, test_digits: tuple[Any, Any]
) -> None:
    pixels = test_digits[0][:200]
    np.testing.assert_allclose(
        run(files["float32"], pixels), small_cnn.predict(pixels), rtol=0, atol=1e-5
    )


def test_onnxs_own_reference_agrees(
    files: dict[str, onnx.ModelProto], small_cnn: Network, test_digits: tuple[Any, Any]
) -> None:
    pixels = test_digits[0][:10]
    answers: Any
    (answers,) = ReferenceEvaluator(files["float32"]).run(None, {"pixels": pixels})
    np.testing.assert_allclose(answers, small_cnn.predict(pixels), rtol=0, atol=1e-5)


def test_float16_halves_the_weights_and_keeps_the_answers(
    files: dict[str, onnx.ModelProto], test_digits: tuple[Any, Any]
) -> None:
    # The scaling of pixels is no weight, and keeps its digits.
    weights = [c for c in files["float16"].graph.initializer if "scale" not in c.name]
    stored = {c.data_type for c in weights if c.dims and c.data_type != TensorProto.INT64}
    assert stored == {TensorProto.FLOAT16}
    pixels = test_digits[0][:500]
    difference = np.abs(run(files["float16"], pixels) - run(files["float32"], pixels))
    assert 0 < difference.max() < 1e-2


def test_dynamic_quantizes_dense_layers_and_leaves_convolutions_alone(
    files: dict[str, onnx.ModelProto],
) -> None:
    count = Counter(operators(files["dynamic"]))
    assert (count["Conv"], count["MatMulInteger"], count["Gemm"]) == (2, 2, 0)
    assert count["ConvInteger"] == 0


def test_int8_is_int8_in_every_layer(files: dict[str, onnx.ModelProto]) -> None:
    assert float_layers(files["int8"]) == []
    assert float_layers(files["float32"]) != []


def test_int8_leaves_the_logits_and_softmax_in_float(files: dict[str, onnx.ModelProto]) -> None:
    by_output = {value: node for node in files["int8"].graph.node for value in node.output}
    (softmax,) = [node for node in files["int8"].graph.node if node.op_type == "Softmax"]
    assert by_output[softmax.input[0]].op_type == "Gemm"


@pytest.mark.parametrize(("precision", "layers"), [("int8", 4), ("dynamic", 2)])
def test_weights_cannot_overflow_16_bits_on_any_cpu(
    files: dict[str, onnx.ModelProto], precision: str, layers: int
) -> None:
    """AVX2 adds two products of uint8 and int8 in int16, saturating: pmaddubsw."""
    constants = [numpy_helper.to_array(c) for c in files[precision].graph.initializer]
    weights = [value for value in constants if value.dtype == np.int8 and value.ndim > 1]
    assert len(weights) == layers
    for weight in weights:
        assert 2 * 255 * int(np.abs(weight.astype(int)).max()) <= 32767


def test_int8_has_a_scale_for_every_output_channel(files: dict[str, onnx.ModelProto]) -> None:
    constants = {c.name: numpy_helper.to_array(c) for c in files["int8"].graph.initializer}
    channels = {
        node.input[0]: len(constants[node.input[1]])
        for node in files["int8"].graph.node
        if node.op_type == "DequantizeLinear"
        and node.input[0] in constants
        and constants[node.input[0]].ndim > 1
    }
    assert sorted(channels.values()) == [8, 10, 12, 32]


def test_the_same_graph_gets_the_same_names_again_in_the_same_process(
    small_cnn: Network, files: dict[str, onnx.ModelProto], digits: tuple[Any, Any]
) -> None:
    again = Network(small_cnn.model)
    assert onnx.load_from_string(to_onnx.float32(again, digits[0][:10])) == files["float32"]


def test_a_transpose_that_does_not_lead_to_a_dense_layer_stays() -> None:
    weight = numpy_helper.from_array(np.ones((12, 2), np.float32), "weight")
    shape = numpy_helper.from_array(np.array([-1, 12]), "shape")
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17]>
        net (float[N, 3, 2, 2] x) => (float[N, 12] flat, float[N, 2] y) {
            t = Transpose <perm = [0, 2, 3, 1]> (x)
            flat = Reshape (t, shape)
            y = MatMul (flat, weight)
        }"""
    )
    model.graph.initializer.extend([weight, shape])
    assert "Transpose" in operators(simplify(model, []))
