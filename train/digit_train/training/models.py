"""The networks, from raw pixels to probabilities: the notebook's two, a tiny one, a teacher's.

Scaling and reshaping are their first layers, so that every exported file takes the raw
uint8 pixels of a CSV row (see `digit_runtime.contract`).
"""

from typing import Final

import keras
import numpy as np
from digit_runtime.contract import INPUT_NAME, LABELS, OUTPUT_NAME, PIXELS, SIDE, Pixels
from keras import layers

NAMES: Final = ("tiny", "mlp", "cnn")

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
    precision: str = "float32",
) -> keras.Sequential:
    """Build an untrained network that maps uint8 ``[N, 784]`` to float32 ``[N, 10]``.

    Args:
        name: "mlp" (784-300-100-10), "cnn" (VGG-like, 1,413,834 parameters), "tiny" (four
            convolutions), or "k3" and "k5" of the teacher.
        scale: The first layer, from `rescaling` or `min_max`.
        dropout: Rate of the cnn's two Dropout layers, which exist in training only.
        seed: Of the initial weights and of dropout.
        batch_norm: Normalize before each ReLU, for training only: see `folded`.
        precision: Of the layers' arithmetic in training, a Keras dtype policy.
    """
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(precision)
    body = _BODIES[name](dropout)
    if batch_norm:
        body = [part for layer in body for part in _normalized(layer)]
    return keras.Sequential(
        [
            keras.Input((PIXELS,), dtype="uint8", name=INPUT_NAME),
            scale,
            *body,
            # Probabilities, and what is learnt from them, need more than bfloat16 has.
            layers.Dense(LABELS, activation="softmax", name=OUTPUT_NAME, dtype="float32"),
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
        config, weights = layer.get_config() | {"dtype": "float32"}, layer.get_weights()
        if layer.name in norms:
            config |= {"activation": "relu", "use_bias": True}
            gamma, beta, mean, variance = norms[layer.name].get_weights()
            gain = gamma / np.sqrt(variance + norms[layer.name].epsilon)
            weights = [weights[0] * gain, beta - mean * gain]
        copy = type(layer).from_config(config)
        plain.add(copy)
        copy.set_weights(weights)
    return plain


def average(model: keras.Model, other: keras.Model, share: float) -> None:
    """Move the weights of `model` towards those of `other` by `share`, from 0 to 1."""
    pairs = zip(model.get_weights(), other.get_weights(), strict=True)
    model.set_weights([(1 - share) * ours + share * theirs for ours, theirs in pairs])


def _mlp(_dropout: float) -> list[keras.Layer]:
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


def _member(dropout: float, *plan: tuple[int, int] | tuple[int, int, int]) -> list[keras.Layer]:
    """Return convolutions (filters, size, stride); a (0, 0) halves the picture by pooling."""
    body: list[keras.Layer] = [layers.Reshape((SIDE, SIDE, 1), name="image")]
    for index, (filters, size, *stride) in enumerate(plan, 1):
        if filters:
            body.append(
                layers.Conv2D(
                    filters,
                    size,
                    strides=stride[0] if stride else 1,
                    padding="same",
                    activation="relu",
                    name=f"conv{index}",
                )
            )
        else:
            body.append(layers.MaxPooling2D(2, name=f"pool{index}"))
    body.append(layers.Flatten(name="flatten"))
    return [*body, layers.Dropout(dropout, name="dropout")] if dropout else body


def _k3(dropout: float) -> list[keras.Layer]:
    return _member(dropout, (24, 3), (0, 0), (40, 3), (40, 3), (0, 0), (80, 3), (80, 3), (0, 0))


def _k5(dropout: float) -> list[keras.Layer]:
    return _member(dropout, (24, 5), (0, 0), (32, 5), (0, 0), (64, 5), (64, 5), (0, 0))


def _tiny(_dropout: float) -> list[keras.Layer]:
    return _member(0.0, (12, 5, 2), (24, 3), (0, 0), (32, 3), (32, 3), (24, 3), (0, 0))


_BODIES: Final = {"mlp": _mlp, "tiny": _tiny, "cnn": _cnn, "k3": _k3, "k5": _k5}


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
