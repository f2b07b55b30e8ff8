"""Kaggle's order Conv, ReLU, BatchNormalization: int8 keeps what the normalization makes large."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_export.convert.build import build
from digit_export.convert.targets import TARGETS, Target
from digit_export.keras_model.network import Network, keras
from digit_runtime import load
from digit_runtime.contract import Labels, Pixels
from numpy.typing import NDArray

Digits = tuple[Pixels, Labels]
LAYERS = keras.layers
ROWS = 1000


def model(*layers: Any) -> Any:
    """Return a network whose convolution's channels differ by a factor of 300 in size."""
    keras.utils.set_random_seed(0)
    whole = keras.Sequential([keras.Input((784,), dtype="uint8", name="pixels")])
    for layer in (LAYERS.Rescaling(1 / 255), LAYERS.Reshape((28, 28, 1)), *layers):
        whole.add(layer)
    sizes = np.logspace(-2.5, 0, whole.layers[2].filters).astype(np.float32)
    whole.layers[2].set_weights([weight * sizes for weight in whole.layers[2].get_weights()])
    return whole


def fitted(whole: Any, digits: Digits) -> Network:
    """Set what training would find: the normalizations' figures, and a last layer."""
    pixels, labels = digits[0][: 2 * ROWS], digits[1][: 2 * ROWS]
    values: Any = pixels
    for layer in whole.layers:
        if isinstance(layer, LAYERS.BatchNormalization):
            flat = np.asarray(values).reshape(-1, values.shape[-1])
            layer.moving_mean.assign(flat.mean(axis=0))
            layer.moving_variance.assign(flat.var(axis=0))
            # Some of them turn the sign round.
            layer.gamma.assign(np.where(np.arange(flat.shape[1]) % 3, 1.0, -1.0))
        values = layer(values)
    features: NDArray[Any] = np.asarray(values).reshape(len(pixels), -1)
    wanted = np.eye(10)[labels] - 0.1
    ridge = features.T @ features + 30 * np.eye(features.shape[1])
    whole.add(LAYERS.Flatten())
    whole.add(LAYERS.Dense(10, activation="softmax", name="probabilities"))
    weights = np.linalg.solve(ridge, features.T @ wanted) * 10
    whole.layers[-1].set_weights([weights.astype(np.float32), np.zeros(10, np.float32)])
    return Network(whole)


def kaggles() -> Any:
    return model(
        LAYERS.Conv2D(8, 3, padding="same", activation="relu"),
        LAYERS.MaxPooling2D(),
        LAYERS.Dropout(0.3),
        LAYERS.BatchNormalization(epsilon=1e-7),
        LAYERS.Conv2D(8, 3, padding="same", strides=2),
        LAYERS.ReLU(),
        LAYERS.BatchNormalization(),
    )


def test_the_answers_stay_and_the_normalizations_scale_nothing(digits: Digits) -> None:
    network = fitted(kaggles(), digits)
    network.unsure_below = 0.5
    other = network.equalized
    assert other is not network
    assert other.unsure_below == 0.5
    np.testing.assert_allclose(
        other.predict(digits[0][:ROWS]), network.predict(digits[0][:ROWS]), atol=1e-4
    )
    for layer in other.model.layers:
        if isinstance(layer, LAYERS.BatchNormalization):
            factor = layer.gamma / np.sqrt(layer.moving_variance + layer.epsilon)
            np.testing.assert_allclose(np.abs(factor), 1, atol=1e-6)


@pytest.mark.parametrize("format", ["tflite", "onnx"])
def test_int8_departs_less_than_with_the_factors_in_the_normalizations(
    format: str, digits: Digits, tmp_path: Path
) -> None:
    network = fitted(kaggles(), digits)
    rows = digits[0][-ROWS:]
    expected = network.predict(rows)
    (target,) = (t for t in TARGETS if (t.format, t.precision) == (format, "int8"))

    def difference(target: Target) -> float:
        path = tmp_path / f"a.{format}"
        path.write_bytes(build(network, target, digits[0][:300], {}))
        return float(np.abs(load(path).predict_proba(rows) - expected).mean())

    assert difference(target) < difference(replace(target, equalized=False)) / 2


@pytest.mark.parametrize(
    "layers",
    [
        # The converter folds it by itself.
        lambda: [LAYERS.Conv2D(8, 3), LAYERS.BatchNormalization(), LAYERS.ReLU()],
        # A clip takes no factor along.
        lambda: [LAYERS.Conv2D(8, 3), LAYERS.ReLU(6.0), LAYERS.BatchNormalization()],
        lambda: [LAYERS.Conv2D(8, 3, activation="relu6"), LAYERS.BatchNormalization()],
        # Another axis than that of the channels.
        lambda: [LAYERS.Conv2D(26, 3, activation="relu"), LAYERS.BatchNormalization(axis=1)],
    ],
)
def test_what_takes_no_factor_along_stays(layers: Any) -> None:
    network = Network(model(*layers(), LAYERS.Flatten(), LAYERS.Dense(10, activation="softmax")))
    assert network.equalized is network


def test_a_layer_that_others_read_too_stays() -> None:
    pixels = keras.Input((784,), dtype="uint8", name="pixels")
    image = LAYERS.Reshape((28, 28, 1))(LAYERS.Rescaling(1 / 255)(pixels))
    values = LAYERS.Conv2D(8, 3, activation="relu")(image)
    norm = LAYERS.BatchNormalization(gamma_initializer=keras.initializers.Constant(30))
    both = LAYERS.Concatenate()([values, norm(values)])
    answer = LAYERS.Dense(10, activation="softmax")(LAYERS.Flatten()(both))
    network = Network(keras.Model(pixels, answer))
    assert network.equalized is network


@pytest.mark.parametrize("name", ["mlp", "tiny"])
def test_the_shipped_models_are_converted_as_they_are(name: str, artifacts: Path) -> None:
    network = Network.load(artifacts / name / "model.keras")
    assert network.equalized is network
