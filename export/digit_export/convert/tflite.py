"""TFLite files, by TensorFlow's own converter, of TFLite's builtin operators only.

The network itself becomes the signature "serving_default", from "pixels" to
"probabilities". See https://ai.google.dev/edge/litert/conversion/tensorflow/quantization
for what each precision means.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf
from digit_runtime.contract import Pixels

from digit_export.errors import ConversionError
from digit_export.keras_model.network import Network


def float32(network: Network, calibration: Pixels) -> bytes:
    """Return the network as it is."""
    with converting(network) as converter:
        return _bytes(converter.convert())


def float16(network: Network, calibration: Pixels) -> bytes:
    """Return it with weights stored as float16; computes in float32 on a CPU."""
    with converting(network) as converter:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
        return _bytes(converter.convert())


def dynamic(network: Network, calibration: Pixels) -> bytes:
    """Return it with int8 weights; activations are quantized as they come."""
    with converting(network) as converter:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return _bytes(converter.convert())


def int8(network: Network, calibration: Pixels) -> bytes:
    """Return it with int8 weights and activations; pixels stay uint8, probabilities float32.

    Softmax is computed in float32: in int8 its steps are 1/256, so that small probabilities
    become zero and ten of them add up to 0.99 or 1.01, and it is no faster.

    Args:
        network: The network.
        calibration: uint8 ``[N, 784]``; the ranges of activations are taken from them.

    Raises:
        ConversionError: The converter did not look at all of them.
    """
    passes: list[int] = []

    def representative() -> Iterator[list[Pixels]]:
        passes.append(0)
        for row in calibration:
            yield [row[None]]
            passes[-1] += 1

    with converting(network) as converter:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = representative
        # The converter itself has no way to leave an operator in float.
        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=["SOFTMAX"])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"\s*Warning: tf.lite.Interpreter is deprecated")
            debugger = tf.lite.experimental.QuantizationDebugger(
                converter=converter, debug_dataset=representative, debug_options=options
            )
        content = _bytes(debugger.get_nondebug_quantized_model())
    if not passes or min(passes) < len(calibration):
        raise ConversionError(
            f"was calibrated on {min(passes, default=0)} of {len(calibration)} rows; export again"
        )
    return content


@contextmanager
def converting(network: Network) -> Iterator[Any]:
    """Yield TensorFlow's converter of the network, whose folder is removed afterwards."""
    with network.saved_model() as folder:
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        yield converter


def _bytes(content: Any) -> bytes:
    return bytes(content)
