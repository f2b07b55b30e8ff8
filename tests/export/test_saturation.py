"""int8 files must not overflow where VNNI is missing."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from digit_export import quantize, to_onnx
from digit_export.network import Network
from digit_export.saturation import Layer, layers
from digit_runtime.contract import Labels, Pixels

Digits = tuple[Pixels, Labels]
ARTIFACTS = Path(__file__).parents[2] / "artifacts"


def test_a_pair_beyond_16_bits_is_counted() -> None:
    activations = np.array([[255, 255, 255], [255, 3, 255], [128, 128, 0]], np.uint8)
    weights = np.array([[127, -127], [127, -127], [127, 1]], np.int8)
    layer = Layer("dense", activations, weights)
    # Row by row: 64,770 and -64,770; 32,766 and -32,766; 32,512 and -32,512. The third
    # product stands alone and fits.
    assert layer.overflows() == 2
    assert layer.pairs == 3 * 2 * 2


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_the_shipped_files_cannot_overflow(model: str, test_digits: Digits) -> None:
    found = list(
        layers(onnx.load(ARTIFACTS / model / "onnx" / f"{model}-int8.onnx"), test_digits[0][:5])
    )
    assert len(found) == {"mlp": 3, "cnn": 8}[model]
    for layer in found:
        assert layer.overflows() == 0
        # Whatever the image: two products of the largest byte still fit.
        assert 2 * 255 * int(np.abs(layer.weights.astype(int)).max()) <= np.iinfo(np.int16).max


def test_weights_of_8_bits_would_overflow(digits: Digits, test_digits: Digits) -> None:
    network = Network.load(ARTIFACTS / "mlp" / "model.keras")
    full = quantize.qdq(to_onnx.graph(network), digits[0][:100], ["Gemm"], reduce_range=False)
    assert sum(layer.overflows() for layer in layers(full, test_digits[0][:20])) > 1000


def test_a_convolution_is_taken_apart_into_its_windows(test_digits: Digits) -> None:
    model = onnx.load(ARTIFACTS / "cnn" / "onnx" / "cnn-int8.onnx")
    first = next(layers(model, test_digits[0][:3]))
    windows = first.activations.reshape(3, 28, 28, 7, 7)
    images = test_digits[0][:3].reshape(3, 28, 28)
    np.testing.assert_array_equal(windows[..., 3, 3], images)
    np.testing.assert_array_equal(windows[:, 3:, 3:, 0, 0], images[:, :-3, :-3])
    assert not windows[:, :3, :, 0, :].any()
