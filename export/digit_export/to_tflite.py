"""TFLite files, by TensorFlow's own converter, of TFLite's builtin operators only.

The network itself becomes the signature "serving_default", from "pixels" to
"probabilities". See https://ai.google.dev/edge/litert/conversion/tensorflow/quantization
for what each precision means.
"""

from collections.abc import Iterator

import tensorflow as tf
from digit_runtime.contract import Pixels

from digit_export.network import Network


def float32(network: Network, calibration: Pixels) -> bytes:
    """Return the network as it is."""
    return _convert(network)


def float16(network: Network, calibration: Pixels) -> bytes:
    """Return it with weights stored as float16; computes in float32 on a CPU."""
    return _convert(network, optimizations=[tf.lite.Optimize.DEFAULT], supported_types=[tf.float16])


def dynamic(network: Network, calibration: Pixels) -> bytes:
    """Return it with int8 weights; activations are quantized as they come."""
    return _convert(network, optimizations=[tf.lite.Optimize.DEFAULT])


def int8(network: Network, calibration: Pixels) -> bytes:
    """Return it with int8 weights and activations; pixels stay uint8, probabilities float32.

    Args:
        network: The network.
        calibration: uint8 ``[N, 784]``; the ranges of activations are taken from them.
    """

    def representative() -> Iterator[list[Pixels]]:
        for row in calibration:
            yield [row[None]]

    return _convert(
        network,
        optimizations=[tf.lite.Optimize.DEFAULT],
        supported_ops=[tf.lite.OpsSet.TFLITE_BUILTINS_INT8],
        representative_dataset=representative,
    )


def _convert(
    network: Network,
    supported_ops: object = (tf.lite.OpsSet.TFLITE_BUILTINS,),
    supported_types: object = (),
    **settings: object,
) -> bytes:
    with network.saved_model() as folder:
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = supported_ops
        converter.target_spec.supported_types = supported_types
        for name, value in settings.items():
            setattr(converter, name, value)
        content: bytes = converter.convert()
    return content
