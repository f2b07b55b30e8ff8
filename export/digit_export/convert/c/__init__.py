"""C99 for microcontrollers: the int8 TFLite file's integers, and the code that uses them."""

from digit_runtime.contract import Pixels

from digit_export.convert import tflite
from digit_export.convert.c.read import read
from digit_export.convert.c.write import source
from digit_export.keras_model.adapt import leaves
from digit_export.keras_model.network import Network


def int8(network: Network, calibration: Pixels) -> bytes:
    """Return the source file, of the same integers as `tflite.int8`.

    Raises:
        ConversionError: There is a layer that it cannot write; says which.
    """
    classes = {layer.name: type(layer).__name__ for layer in leaves(network.model)}
    found = read(tflite.int8(network, calibration), classes)
    return source(found, network.model.name).encode()
