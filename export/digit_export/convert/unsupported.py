"""Find the layer that a converter cannot convert, when it has failed on the whole network.

Converters name the operation that they stumbled over, if anything. So each layer is
converted alone, behind a few operations that make an input of its shape from the pixels.
"""

import math
from collections.abc import Callable
from typing import Any

from digit_runtime.contract import INPUT_NAME, PIXELS, Pixels

from digit_export.errors import ConversionError
from digit_export.keras_model import saved_model
from digit_export.keras_model.adapt import leaves
from digit_export.keras_model.network import Network
from digit_export.quiet import quiet

with quiet():
    import keras

Exporter = Callable[[Network, Pixels], bytes]


def first_unsupported(network: Network, exporter: Exporter, calibration: Pixels) -> str | None:
    """Return name and class of the first layer that cannot be converted even alone.

    Args:
        network: What could not be converted.
        exporter: What could not convert it.
        calibration: uint8 ``[N, 784]``; only the first rows are used.
    """
    for layer in leaves(network.model):
        if isinstance(layer, keras.layers.InputLayer) or saved_model.is_graph(layer):
            continue
        try:
            with quiet():
                exporter(_alone(layer), calibration[:10])
        except ConversionError:
            continue  # Nothing is wrong with it: it is not what this exporter shrinks.
        except Exception:  # Converters raise whatever they like.
            return f"{layer.name!r} ({type(layer).__name__})"
    return None


def _alone(layer: Any) -> Network:
    pixels = keras.Input((PIXELS,), dtype="uint8", name=INPUT_NAME)
    inputs = keras.tree.map_structure(lambda tensor: _shaped(pixels, tensor), layer.input)
    copy = type(layer).from_config(layer.get_config())
    return Network(keras.Model(pixels, copy(inputs), name="alone"))


def _shaped(pixels: Any, like: Any) -> Any:
    shape = like.shape[1:]
    values = keras.ops.cast(pixels[:, :1], like.dtype)
    values = keras.ops.tile(values, (1, math.prod(shape)))
    return keras.layers.Reshape(shape)(values)
