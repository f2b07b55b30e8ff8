"""The int8 TFLite file as a chain of layers with their integers, for other containers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from digit_runtime.contract import PIXELS
from numpy.typing import NDArray

from digit_export.convert import tensors
from digit_export.errors import ConversionError
from digit_export.quiet import quiet

with quiet():
    from tensorflow.lite.python import schema_py_generated as schema

Array = NDArray[Any]

_OPERATORS: Final = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()
}
_MOVES: Final = ("RESHAPE",)
_HEAD: Final = ("CAST", "QUANTIZE", "MUL", "ADD", "SUB", "DIV", *_MOVES)
# Of a product of 62 bits and its sign.
_SHIFTS: Final = range(1, 62)
_ACTIVATIONS: Final = schema.ActivationFunctionType


@dataclass(frozen=True)
class Quantization:
    """What integers stand for: ``scale * (integer - zero_point)``."""

    scale: float
    zero_point: int


@dataclass(frozen=True)
class Layer:
    """One layer between int8 activations.

    Attributes:
        kind: "dense", "conv" or "pool".
        name: Of the tensor that it makes, for people.
        taken: Height, width and channels of what it takes; of "dense" 1, 1 and K.
        made: The same of what it makes.
        window: Height and width of the window.
        stride: Down and across.
        before: Rows and columns of padding before the first.
        source: Quantization of what it takes.
        result: Quantization of what it makes.
        lowest: The least integer that its activation lets through.
        highest: The greatest.
        weights: int8 ``[M, height, width, C]``, or ``[M, K]``; empty of "pool".
        scales: float64 ``[M]``, of the weights.
        bias: int32 ``[M]``.
    """

    kind: str
    name: str
    taken: tuple[int, int, int]
    made: tuple[int, int, int]
    window: tuple[int, int]
    stride: tuple[int, int]
    before: tuple[int, int]
    source: Quantization
    result: Quantization
    lowest: int
    highest: int
    weights: Array
    scales: Array
    bias: Array


@dataclass(frozen=True)
class Int8Network:
    """A whole file: a table for the pixels, layers, and softmax of the last one's result.

    `pixels` is int8 ``[256]``: what the first layer takes of each value of a pixel.
    """

    pixels: Array
    layers: tuple[Layer, ...]

    @property
    def classes(self) -> int:
        """How many probabilities it gives."""
        return self.layers[-1].made[2]


def read(content: bytes) -> Int8Network:
    """Read an int8 TFLite file as `to_tflite.int8` writes it.

    Raises:
        ConversionError: It is not a chain of dense, convolutional and max-pooling layers.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    graph = model.subgraphs[0]
    codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in model.operatorCodes]
    operators = [(_OPERATORS.get(codes[o.opcodeIndex], "?"), o) for o in graph.operators]
    tensor = int(graph.inputs[0])
    layers: list[Layer] = []
    fed = -1
    tail: list[str] = []
    for name, operator in operators:
        if int(operator.inputs[0]) != tensor:
            raise ConversionError(f"c has no way to write a network that branches, at {name}")
        tensor = int(operator.outputs[0])
        if tail or (layers and name in ("DEQUANTIZE", "SOFTMAX")):
            tail.append(name)
        elif name in ("FULLY_CONNECTED", "CONV_2D", "MAX_POOL_2D"):
            if not layers:
                fed = int(operator.inputs[0])
            layers.append(_layer(name, operator, graph.tensors, model.buffers))
        elif not (name in _MOVES or (not layers and name in _HEAD)):
            raise ConversionError(f"c has no way to write the operator {name}")
    if tail != ["DEQUANTIZE", "SOFTMAX"] or not layers:
        raise ConversionError("c has no way to write a network that does not end in softmax")
    return Int8Network(_pixel_table(content, fed), tuple(layers))


def _layer(name: str, operator: Any, tensors: list[Any], buffers: list[Any]) -> Layer:
    options = operator.builtinOptions
    source, result = (tensors[int(i)] for i in (operator.inputs[0], operator.outputs[0]))
    if source.type != schema.TensorType.INT8 or result.type != schema.TensorType.INT8:
        raise ConversionError(f"c has no way to write {name} of other types than int8")
    quantized = _quantization(result)
    shared: dict[str, Any] = {
        "name": result.name.decode().split(";")[0],
        "source": _quantization(source),
        "result": quantized,
        **dict(zip(("lowest", "highest"), _limits(options, quantized), strict=True)),
    }
    if name == "FULLY_CONNECTED":
        weights = _constant(operator.inputs[1], tensors, buffers)
        return Layer(
            kind="dense",
            taken=(1, 1, weights.shape[1]),
            made=(1, 1, weights.shape[0]),
            window=(1, 1),
            stride=(1, 1),
            before=(0, 0),
            **shared,
            **_parameters(operator, tensors, buffers),
        )
    taken, made = (_image(tensor) for tensor in (source, result))
    stride = options.strideH, options.strideW
    if name == "MAX_POOL_2D":
        window = options.filterHeight, options.filterWidth
        parameters: dict[str, Any] = dict.fromkeys(("weights", "scales", "bias"), np.empty(0))
        kind = "pool"
    else:
        if (options.dilationHFactor, options.dilationWFactor) != (1, 1):
            raise ConversionError("c has no way to write a dilated convolution")
        parameters = _parameters(operator, tensors, buffers)
        window = parameters["weights"].shape[1:3]
        kind = "conv"
        if parameters["weights"].shape[3] != taken[2]:
            raise ConversionError("c has no way to write a grouped convolution")
    padded = options.padding == schema.Padding.SAME
    before = [
        padded * (max((made[i] - 1) * stride[i] + int(window[i]) - taken[i], 0) // 2)
        for i in range(2)
    ]
    return Layer(
        kind=kind,
        taken=taken,
        made=made,
        window=(int(window[0]), int(window[1])),
        stride=stride,
        before=(before[0], before[1]),
        **shared,
        **parameters,
    )


def _image(tensor: Any) -> tuple[int, int, int]:
    _, height, width, channels = (int(size) for size in tensor.shape)
    return height, width, channels


def _parameters(operator: Any, tensors: list[Any], buffers: list[Any]) -> dict[str, Any]:
    weights = _constant(operator.inputs[1], tensors, buffers)
    scales = np.asarray(tensors[int(operator.inputs[1])].quantization.scale, np.float64)
    count = len(weights)
    bias = np.zeros(count, np.int32)
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        bias = _constant(operator.inputs[2], tensors, buffers)
    return {"weights": weights, "scales": np.broadcast_to(scales, count), "bias": bias}


def _constant(index: int, tensors: list[Any], buffers: list[Any]) -> Array:
    tensor = tensors[int(index)]
    kinds = {schema.TensorType.INT8: "<i1", schema.TensorType.INT32: "<i4"}
    data = buffers[tensor.buffer].data
    if tensor.type not in kinds or data is None:
        raise ConversionError("c has no way to write weights that are not int8")
    return np.frombuffer(bytes(data), kinds[tensor.type]).reshape(tensor.shape)


def _quantization(tensor: Any) -> Quantization:
    quantization = tensor.quantization
    return Quantization(float(quantization.scale[0]), int(quantization.zeroPoint[0]))


def _limits(options: Any, result: Quantization) -> tuple[int, int]:
    """Return the integers between which the fused activation keeps the result."""
    fused = getattr(options, "fusedActivationFunction", _ACTIVATIONS.NONE)
    bounds = {
        _ACTIVATIONS.NONE: (-128, 127),
        _ACTIVATIONS.RELU: (result.zero_point, 127),
        _ACTIVATIONS.RELU6: (
            result.zero_point,
            min(127, result.zero_point + round(6 / result.scale)),
        ),
    }
    if fused not in bounds:
        raise ConversionError(f"c has no way to write the activation {fused}")
    low, high = bounds[fused]
    return max(low, -128), high


def _pixel_table(content: bytes, fed: int) -> Array:
    """Return what the file itself makes of each pixel before its first layer."""
    values = (np.arange(PIXELS) % 256).astype(np.uint8)
    made = tensors.of_tflite(content, values[None]).get_tensor(fed).reshape(-1)
    table = np.zeros(256, np.int8)
    table[values] = made
    if made.dtype != np.int8 or (table[values] != made).any():
        raise ConversionError("c has no way to write what comes before the first layer")
    return table


def multipliers(layer: Layer) -> Iterator[tuple[int, int]]:
    """Yield for each output what a sum is multiplied by: ``integer * 2 ** -shift``.

    The integer has 31 bits. Jacob et al., "Quantization and training of neural networks
    for efficient integer-arithmetic-only inference", CVPR 2018, section 2.2.
    """
    for scale in layer.scales:
        fraction, exponent = np.frexp(layer.source.scale * scale / layer.result.scale)
        whole = round(float(fraction) * 2**31)
        if whole == 2**31:
            whole, exponent = whole // 2, exponent + 1
        shift = 31 - int(exponent)
        if shift not in _SHIFTS:
            raise ConversionError(f"c has no way to write the scales of {layer.name}")
        yield whole, shift
