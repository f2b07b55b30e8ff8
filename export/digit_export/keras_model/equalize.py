"""Weights under which int8 loses less: batch normalizations behind a ReLU scale nothing.

Kaggle's usual order is Conv, ReLU, BatchNormalization. Converters fold a normalization into the
layer before it, but not through a ReLU: there it stays a multiplication and an addition. So the
convolution's channels, which differ in size until they are normalized, are quantized with one
step for all of them, and what the normalization multiplies by 30 has lost its small values. ReLU
takes a positive factor along, relu(s * x) = s * relu(x), so the normalization's factors can move
into the convolution's weights, of which every channel has a step of its own. Nagel et al.,
"Data-Free Quantization Through Weight Equalization and Bias Correction" (ICCV 2019), do that
between two convolutions.
"""

from collections import Counter
from typing import Any, Final

import numpy as np

from digit_export.keras_model import probes, rebuild, saved_model
from digit_export.quiet import quiet

with quiet():
    import keras

_LINEAR: Final = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Dense)
_ACTIVATIONS: Final = (keras.activations.linear, keras.activations.relu)
# A positive factor of a channel passes through them. What is linear all the way needs no help.
_POOLS: Final = (
    keras.layers.MaxPooling1D,
    keras.layers.MaxPooling2D,
    keras.layers.AveragePooling1D,
    keras.layers.AveragePooling2D,
)


def equalized(model: keras.Model) -> keras.Model | None:
    """Return a copy that gives the same answers with other weights; None if all would stay.

    Args:
        model: Takes uint8 ``[N, 784]``; stays as it is.
    """
    if not _pairs(model):
        return None
    copy = rebuild.copied(model, _same)
    for linear, norm in _pairs(copy):
        _move_factors(linear, norm)
    return copy if rebuild.alike(model, copy, probes.PROBES) else None


def _same(layer: Any) -> Any:
    # A graph of TensorFlow's, of a model that Keras 3 cannot read, has no configuration.
    return layer if saved_model.is_graph(layer) else type(layer).from_config(layer.get_config())


def _pairs(model: keras.Model) -> list[tuple[Any, Any]]:
    """Return each linear layer whose ReLU, and nothing else, is normalized, with that layer."""
    # At inference Dropout gives what it takes.
    calls = [c for c in rebuild.calls(model, probes.PROBES[:1]) if c.outputs[0] is not c.inputs[0]]
    uses = Counter(id(call.operation) for call in calls)
    readers = Counter(id(tensor) for call in calls for tensor in call.inputs)
    makers = {id(tensor): call for call in calls for tensor in call.outputs}
    found = []
    for norm in calls:
        if type(norm.operation) is not keras.layers.BatchNormalization:
            continue
        bent, call = False, norm
        while uses[id(call.operation)] == 1 and readers[id(call.inputs[0])] == 1:
            maker = makers.get(id(call.inputs[0]))
            if maker is None:
                break
            call, layer = maker, maker.operation
            bent = bent or _is_relu(layer)
            if type(layer) in _LINEAR:
                if (
                    bent
                    and layer.activation in _ACTIVATIONS
                    and uses[id(layer)] == 1
                    and _on_last(layer, norm)
                ):
                    found.append((layer, norm.operation))
                break
            if not (_is_relu(layer) or type(layer) in _POOLS):
                break
    return found


def _is_relu(operation: Any) -> bool:
    if isinstance(operation, keras.layers.ReLU):
        return operation.max_value is None and not operation.threshold
    return getattr(operation, "activation", None) is keras.activations.relu


def _on_last(linear: Any, norm: rebuild.Call) -> bool:
    last = len(norm.inputs[0].shape) - 1
    channels_last = getattr(linear, "data_format", "channels_last") == "channels_last"
    return channels_last and norm.operation.axis in (-1, last)


def _move_factors(linear: Any, norm: Any) -> None:
    mean, variance = (np.asarray(w) for w in (norm.moving_mean, norm.moving_variance))
    gain = np.asarray(norm.gamma) if norm.scale else np.ones_like(mean)
    factor = gain / np.sqrt(variance + norm.epsilon)
    size = np.where(factor, np.abs(factor), 1)
    linear.set_weights([weight * size for weight in linear.get_weights()])
    # The shift stays, and the sign of a negative factor.
    norm.moving_mean.assign(mean * size)
    norm.moving_variance.assign(np.full_like(variance, 1 - norm.epsilon))
    if norm.scale:
        norm.gamma.assign(np.sign(factor))
