"""The two networks of the Kaggle notebook, from raw pixels to probabilities.

Scaling and reshaping are their first layers, so that every exported file takes the raw
uint8 pixels of a CSV row (see `digit_runtime.contract`).
"""

from typing import Final

import keras
import numpy as np
from digit_runtime.contract import INPUT_NAME, LABELS, OUTPUT_NAME, PIXELS, SIDE, Pixels
from keras import layers

NAMES: Final = ("mlp", "cnn")

_NORM: Final = "_norm"
# Keras' 0.99 would still remember the first weights after a short training.
_MOMENTUM: Final = 0.95


def rescaling() -> keras.Layer:
    """Return the layer that maps 0..255 to 0..1, the same for every pixel."""
    return layers.Rescaling(1 / 255, name="scale")


def min_max(pixels: Pixels) -> keras.Layer:
    """Return scikit-learn's MinMaxScaler as a layer, fitted on uint8 ``[N, 784]``.

    A column that never varies is shifted but not scaled, as scikit-learn does.
    """
    low = pixels.min(axis=0).astype(np.float32)
    span = pixels.max(axis=0).astype(np.float32) - low
    span[span == 0] = 1
    # (x - mean) / sqrt(variance) is (x - min) / (max - min) with these two.
    return layers.Normalization(mean=low, variance=span**2, name="scale")


def build(
    name: str,
    scale: keras.Layer,
    dropout: float = 0.5,
    seed: int = 0,
    batch_norm: bool = False,
) -> keras.Sequential:
    """Build an untrained network that maps uint8 ``[N, 784]`` to float32 ``[N, 10]``.

    Args:
        name: "mlp" (784-300-100-10) or "cnn" (VGG-like, 1,413,834 parameters).
        scale: The first layer, from `rescaling` or `min_max`.
        dropout: Rate of the cnn's two Dropout layers, which exist in training only.
        seed: Of the initial weights and of dropout.
        batch_norm: Normalize before each ReLU, for training only: see `folded`.
    """
    keras.utils.set_random_seed(seed)
    body = _mlp() if name == "mlp" else _cnn(dropout)
    if batch_norm:
        body = [part for layer in body for part in _normalized(layer)]
    return keras.Sequential(
        [
            keras.Input((PIXELS,), dtype="uint8", name=INPUT_NAME),
            scale,
            *body,
            layers.Dense(LABELS, activation="softmax", name=OUTPUT_NAME),
        ],
        name=name,
    )


def folded(model: keras.Sequential) -> keras.Sequential:
    """Return the network as it is published: no optimizer state, no batch normalization.

    In inference a batch normalization (Ioffe and Szegedy, ICML 2015) is a linear map for
    each channel, so it is multiplied into the weights before it and its ReLU becomes
    their activation: the answers stay the same, the layers are the notebook's.
    """
    norms = {
        layer.name.removesuffix(_NORM): layer
        for layer in model.layers
        if isinstance(layer, layers.BatchNormalization)
    }
    (pixels,) = model.inputs
    plain = keras.Sequential(
        [keras.Input(pixels.shape[1:], dtype=pixels.dtype, name=pixels.name)], name=model.name
    )
    for layer in model.layers:
        if isinstance(layer, (layers.BatchNormalization, layers.ReLU)):
            continue
        config, weights = layer.get_config(), layer.get_weights()
        if layer.name in norms:
            config |= {"activation": "relu", "use_bias": True}
            gamma, beta, mean, variance = norms[layer.name].get_weights()
            gain = gamma / np.sqrt(variance + norms[layer.name].epsilon)
            weights = [weights[0] * gain, beta - mean * gain]
        copy = type(layer).from_config(config)
        plain.add(copy)
        copy.set_weights(weights)
    return plain


def _mlp() -> list[keras.Layer]:
    return [
        layers.Dense(300, activation="relu", name="hidden1"),
        layers.Dense(100, activation="relu", name="hidden2"),
    ]


def _cnn(dropout: float) -> list[keras.Layer]:
    def conv(filters: int, size: int, name: str) -> keras.Layer:
        return layers.Conv2D(filters, size, padding="same", activation="relu", name=name)

    return [
        layers.Reshape((SIDE, SIDE, 1), name="image"),
        conv(64, 7, "conv1"),
        layers.MaxPooling2D(2, name="pool1"),
        conv(128, 3, "conv2"),
        conv(128, 3, "conv3"),
        layers.MaxPooling2D(2, name="pool2"),
        conv(256, 3, "conv4"),
        conv(256, 3, "conv5"),
        layers.MaxPooling2D(2, name="pool3"),
        layers.Flatten(name="flatten"),
        layers.Dense(128, activation="relu", name="hidden1"),
        layers.Dropout(dropout, name="dropout1"),
        layers.Dense(64, activation="relu", name="hidden2"),
        layers.Dropout(dropout, name="dropout2"),
    ]


def _normalized(layer: keras.Layer) -> list[keras.Layer]:
    """Return a layer with ReLU as three: its linear part, batch normalization, ReLU."""
    if not isinstance(layer, (layers.Conv2D, layers.Dense)):
        return [layer]
    linear = layer.get_config() | {"activation": None, "use_bias": False}
    return [
        type(layer).from_config(linear),
        layers.BatchNormalization(momentum=_MOMENTUM, name=layer.name + _NORM),
        layers.ReLU(name=f"{layer.name}_relu"),
    ]
