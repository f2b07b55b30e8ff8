"""int8 files must not overflow where VNNI is missing."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from digit_export.convert import onnx as to_onnx
from digit_export.convert import onnx_quantize
from digit_export.keras_model.network import Network
from digit_runtime.contract import Labels, Pixels
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from saturation import Layer, layers

Digits = tuple[Pixels, Labels]
ARTIFACTS = Path(__file__).parents[3] / "artifacts"


def test_a_pair_beyond_16_bits_is_counted() -> None:
    activations = np.array([[255, 255, 255], [255, 3, 255], [128, 128, 0]], np.uint8)
    weights = np.array([[127, -127], [127, -127], [127, 1]], np.int8)
    layer = Layer("dense", activations, weights)
    # Row by row: 64,770 and -64,770; 32,766 and -32,766; 32,512 and -32,512. The third
    # product stands alone and fits.
    assert layer.overflows() == 2
    assert layer.pairs == 3 * 2 * 2


@pytest.mark.parametrize("model", ["mlp", "tiny", "cnn"])
def test_the_shipped_files_cannot_overflow(model: str, test_digits: Digits) -> None:
    found = list(
        layers(onnx.load(ARTIFACTS / model / "onnx" / f"{model}-int8.onnx"), test_digits[0][:5])
    )
    assert len(found) == {"mlp": 3, "tiny": 6, "cnn": 8}[model]
    for layer in found:
        assert layer.overflows() == 0
        # Whatever the image: two products of the largest byte still fit.
        assert 2 * 255 * int(np.abs(layer.weights.astype(int)).max()) <= np.iinfo(np.int16).max


def test_weights_of_8_bits_would_overflow(digits: Digits, test_digits: Digits) -> None:
    network = Network.load(ARTIFACTS / "mlp" / "model.keras")
    full = onnx_quantize.qdq(to_onnx.graph(network), digits[0][:100], ["Gemm"], reduce_range=False)
    assert sum(layer.overflows() for layer in layers(full, test_digits[0][:20])) > 1000


def test_a_convolution_is_taken_apart_into_its_windows(test_digits: Digits) -> None:
    model = onnx.load(ARTIFACTS / "cnn" / "onnx" / "cnn-int8.onnx")
    first = next(layers(model, test_digits[0][:3]))
    windows = first.activations.reshape(3, 28, 28, 7, 7)
    images = test_digits[0][:3].reshape(3, 28, 28)
    np.testing.assert_array_equal(windows[..., 3, 3], images)
    np.testing.assert_array_equal(windows[:, 3:, 3:, 0, 0], images[:, :-3, :-3])
    assert not windows[:, :3, :, 0, :].any()


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"pads": [2, 1, 0, 3]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 1]},
        {"strides": [3, 2], "dilations": [2, 1], "pads": [1, 1, 1, 1]},
        {"group": 2},
        {"group": 4, "auto_pad": "SAME_UPPER"},
    ],
    ids=str,
)
def test_the_product_of_its_matrices_is_the_convolution(attributes: dict[str, Any]) -> None:
    """Otherwise what is counted would be pairs that no CPU adds."""
    random = np.random.default_rng(0)
    # The pixels as 4 channels of 14x14; the byte 7 stands for zero, as padding does.
    kernel = random.integers(-64, 65, (8, 4 // int(str(attributes.get("group", 1))), 3, 2), np.int8)
    one, zero = np.float32(1), np.uint8(7)
    constants = {"one": one, "zero": zero, "shape": np.array([-1, 4, 14, 14]), "kernel": kernel}
    nodes = [
        helper.make_node("Reshape", ["pixels", "shape"], ["image"]),
        helper.make_node("DequantizeLinear", ["image", "one", "zero"], ["values"]),
        helper.make_node("DequantizeLinear", ["kernel", "one"], ["weights"]),
        helper.make_node("Conv", ["values", "weights"], ["out"], "conv", **attributes),
    ]
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "one",
            [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", 784])],
            [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 19)],
        ir_version=9,
    )
    pixels = random.integers(0, 256, (2, 784), np.uint8)
    expected: Any
    (expected,) = ReferenceEvaluator(model).run(None, {"pixels": pixels})
    products = [
        (layer.activations.astype(np.int64) - int(zero)) @ layer.weights.astype(np.int64)
        for layer in layers(model, pixels)
    ]
    found = np.concatenate(products, axis=1)
    np.testing.assert_array_equal(found, expected.transpose(0, 2, 3, 1).reshape(found.shape))
