from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from digit_export.convert import onnx as to_onnx
from digit_export.convert import onnx_quantize
from digit_export.convert import tflite as to_tflite
from digit_export.convert.onnx_fold import fold_scaling
from digit_export.keras_model.network import Network, keras
from digit_runtime import load
from digit_runtime.contract import Labels, Pixels
from onnx import TensorProto, helper, numpy_helper

Digits = tuple[Pixels, Labels]
layers = keras.layers


def answers(model: onnx.ModelProto, pixels: Pixels) -> np.ndarray:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"pixels": pixels})
    return np.asarray(found)


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def small_network(*scaling: keras.Layer) -> Network:
    keras.utils.set_random_seed(0)
    pixels = keras.Input((784,), dtype="uint8", name="pixels")
    values = pixels
    for layer in (*scaling, layers.Dense(16, "relu"), layers.Dense(10, "softmax")):
        values = layer(values)
    return Network(keras.Model(pixels, values, name="small"))


@pytest.mark.parametrize(
    "scaling",
    [
        (layers.Rescaling(1 / 255),),
        (layers.Rescaling(1 / 256),),
        (layers.Rescaling(1 / 255), layers.Reshape((28, 28)), layers.Flatten()),
    ],
    ids=["255", "256", "reshaped"],
)
def test_answers_stay_the_same_to_the_bit(
    scaling: tuple[keras.Layer, ...], digits: Digits, test_digits: Digits
) -> None:
    graph = to_onnx.graph(small_network(*scaling))
    plain = onnx_quantize.qdq(graph, digits[0][:200], ["Conv", "Gemm"])
    folded = fold_scaling(plain)
    assert {"Cast", "Mul"} <= set(operators(plain))
    assert not {"Cast", "Mul"} & set(operators(folded))
    assert operators(folded).count("QuantizeLinear") == operators(plain).count("QuantizeLinear") - 1
    pixels = np.vstack(
        [test_digits[0][:200], np.arange(256, dtype=np.uint8).repeat(784).reshape(256, 784)]
    )
    np.testing.assert_array_equal(answers(folded, pixels), answers(plain, pixels))


def test_scaling_that_loses_levels_is_left_alone(digits: Digits) -> None:
    graph = to_onnx.graph(small_network(layers.Rescaling(1 / 255)))
    # Of half-bright images the range is 0 to 0.5, and the brighter half would be clipped.
    plain = onnx_quantize.qdq(graph, digits[0][:200] // 2, ["Conv", "Gemm"])
    assert fold_scaling(plain) is plain


def test_a_range_of_its_own_is_folded_with_its_zero_point(
    digits: Digits, test_digits: Digits
) -> None:
    graph = to_onnx.graph(small_network(layers.Rescaling(2 / 255, -1)))
    plain = onnx_quantize.qdq(graph, digits[0][:200], ["Conv", "Gemm"])
    folded = fold_scaling(plain)
    np.testing.assert_array_equal(
        answers(folded, test_digits[0][:200]), answers(plain, test_digits[0][:200])
    )


def test_a_graph_that_uses_the_pixels_twice_is_left_alone() -> None:
    pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", 784])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["N", 784])
    nodes = [
        helper.make_node("Cast", ["pixels"], ["a"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["pixels"], ["b"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["a", "b"], ["out"]),
    ]
    model = helper.make_model(helper.make_graph(nodes, "twice", [pixels], [out]))
    assert fold_scaling(model) is model


def test_the_int8_file_reads_bytes(exported: object, copy: Path) -> None:
    model = onnx.load(copy / "onnx" / "mlp-int8.onnx")
    (first,) = [node for node in model.graph.node if "pixels" in node.input]
    assert first.op_type == "DequantizeLinear"
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    assert constants[first.input[1]] == pytest.approx(1 / 255)


def test_a_channel_without_weights_is_exported_right(
    digits: Digits, test_digits: Digits, small_cnn: Network
) -> None:
    """Scales are taken from the weights, and those of a dead channel are all zero."""
    model = keras.models.clone_model(small_cnn.model)
    model.set_weights(small_cnn.model.get_weights())
    for name in ("conv1", "hidden1"):
        kernel, bias = model.get_layer(name).get_weights()
        kernel[..., 3] = 0
        bias[3] = 0
        model.get_layer(name).set_weights([kernel, bias])
    network = Network(model)
    pixels = test_digits[0][:300]
    expected = network.predict(pixels)
    found = answers(onnx.load_from_string(to_onnx.int8(network, digits[0][:200])), pixels)
    assert np.isfinite(found).all()
    assert np.mean(found.argmax(axis=1) == expected.argmax(axis=1)) > 0.98


def test_a_dead_channel_survives_tflite_too(
    digits: Digits, test_digits: Digits, small_cnn: Network, run_tflite: Callable[..., np.ndarray]
) -> None:
    model = keras.models.clone_model(small_cnn.model)
    model.set_weights(small_cnn.model.get_weights())
    kernel, bias = model.get_layer("conv1").get_weights()
    kernel[..., 3] = 0
    model.get_layer("conv1").set_weights([kernel, np.zeros_like(bias)])
    network = Network(model)
    pixels = test_digits[0][:300]
    expected = network.predict(pixels)
    found = run_tflite(to_tflite.int8(network, digits[0][:200]), pixels)
    assert np.isfinite(found).all()
    assert np.mean(found.argmax(axis=1) == expected.argmax(axis=1)) > 0.98
    # In float32, softmax adds up to one.
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


@pytest.fixture
def run_tflite(tmp_path: Path) -> Callable[..., np.ndarray]:
    def run(content: bytes, pixels: Pixels) -> np.ndarray:
        path = tmp_path / "a.tflite"
        path.write_bytes(content)
        return load(path, engine="litert").predict_proba(pixels)

    return run
