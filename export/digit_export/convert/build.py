"""Convert one Keras model to the file of one target."""

from collections.abc import Mapping
from pkgutil import resolve_name

from digit_runtime.contract import Pixels
from digit_runtime.errors import DigitError

from digit_export.convert.interrupts import heeded
from digit_export.convert.stamp import attach
from digit_export.convert.targets import Target
from digit_export.convert.unsupported import first_unsupported
from digit_export.errors import ConversionError
from digit_export.keras_model.causes import cause
from digit_export.keras_model.network import Network
from digit_export.quiet import quiet


def build(network: Network, target: Target, calibration: Pixels, facts: Mapping[str, str]) -> bytes:
    """Return the bytes of the target's file.

    Args:
        network: The Keras model.
        target: What to make.
        calibration: uint8 ``[n, 784]``, training rows.
        facts: What to write into the file about itself.

    Raises:
        ConversionError: The container has no way to write a layer; names it.
    """
    exporter = resolve_name(target.exporter)
    network = target.network(network)
    try:
        with heeded(), quiet():
            content: bytes = exporter(network, calibration)
    except DigitError:
        raise
    except Exception as error:  # Converters raise whatever they like.
        reason = cause(error)
        layer = first_unsupported(network, exporter, calibration)
        what = f"its layer {layer}" if layer else "it"
        raise ConversionError(f"{target.format} has no way to write {what}: {reason}") from error
    return attach(target.format, content, facts)
