"""ONNX files: tf2onnx translates the network, `simplify` cleans it, `quantize` shrinks it."""

from functools import lru_cache
from typing import Final

import onnx
import tensorflow as tf
import tf2onnx
from digit_runtime.contract import OUTPUT_NAME, Pixels
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from digit_export.convert import onnx_quantize
from digit_export.convert.onnx_erfc import as_erf
from digit_export.convert.onnx_simplify import simplify
from digit_export.keras_model.network import Network

# The first opset whose operators all of this needs, so that old onnxruntimes read it too.
OPSET: Final = 17


def float32(network: Network, calibration: Pixels) -> bytes:
    """Return the network as it is."""
    return _bytes(graph(network))


def float16(network: Network, calibration: Pixels) -> bytes:
    """Return it with weights stored as float16; see `quantize.half_weights`."""
    return _bytes(onnx_quantize.half_weights(graph(network)))


def dynamic(network: Network, calibration: Pixels) -> bytes:
    """Return it with int8 dense weights; see `quantize.dynamic`."""
    return _bytes(onnx_quantize.dynamic(graph(network)))


def int8(network: Network, calibration: Pixels) -> bytes:
    """Return it with int8 weights and activations; see `quantize.static`."""
    return _bytes(onnx_quantize.static(graph(network), calibration))


def graph(network: Network) -> onnx.ModelProto:
    """Return the network as a float32 ONNX model, from "pixels" to "probabilities"."""
    # A copy, since onnxruntime's quantizers alter the model that they are given.
    model = onnx.ModelProto()
    model.CopyFrom(_translated(network))
    return model


@lru_cache(maxsize=1)
def _translated(network: Network) -> onnx.ModelProto:
    frozen = convert_variables_to_constants_v2(network.serve.get_concrete_function())
    signature = network.serve.input_signature

    # tf2onnx takes tensors that a layer holds outside its variables, such as the mean
    # and variance of Normalization, for further inputs of the model. This has none.
    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def constant(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {OUTPUT_NAME: frozen(pixels)[0]}

    model, _ = tf2onnx.convert.from_function(
        constant,
        input_signature=signature,
        opset=OPSET,
        custom_op_handlers={"Erfc": (as_erf, [])},
    )
    model = simplify(model, network.layers)
    model.graph.name = network.model.name
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    # tf2onnx declares operator sets that it did not use.
    used = {node.domain for node in model.graph.node}
    for opset in [opset for opset in model.opset_import if opset.domain not in used]:
        model.opset_import.remove(opset)
    return model


def _bytes(model: onnx.ModelProto) -> bytes:
    content: bytes = model.SerializeToString(deterministic=True)
    return content
