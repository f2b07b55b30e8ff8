"""From operators of TFLite to steps: one function for each kind.

Each raises ValueError where the operator is of a form that its kernel does not compute.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from digit_export.convert.c import elementwise, rescale
from digit_export.convert.c.graph import Array
from digit_export.convert.c.joins import add, concatenate, multiply, prelu, subtract
from digit_export.convert.c.tflite_graph import TFLiteGraph, before

if TYPE_CHECKING:
    from digit_export.convert.c.read import Reader


def size(graph: TFLiteGraph, tensor: int) -> int:
    """Return how many numbers a tensor holds for one image."""
    return math.prod(graph.shape(tensor))


def _dense(reader: "Reader", operator: Any) -> None:
    taken, made = int(operator.inputs[0]), int(operator.outputs[0])
    parameters, weights = _parameters(reader, operator)
    outputs, channels = weights.shape
    places = size(reader.graph, made) // outputs
    if places * channels != size(reader.graph, taken):
        raise ValueError("a dense layer over another shape")
    # TFLite's dense layers round in one step, its convolutions in two.
    parameters["rounds_once"] = 1
    _add_dense(reader, operator, weights.reshape(outputs, channels), parameters, places)


def _add_dense(
    reader: "Reader", operator: Any, weights: Array, parameters: dict[str, Any], places: int
) -> None:
    outputs, channels = weights.shape
    fields = {"places": places, "channels": channels, "made_channels": outputs, **parameters}
    _fold_zero_point(fields, weights)
    taken, made = reader.value(int(operator.inputs[0])), int(operator.outputs[0])
    reader.add("dense", (taken,), made, fields, macs=places * weights.size)


def _conv(reader: "Reader", operator: Any) -> None:
    parameters, weights = _parameters(reader, operator)
    outputs, window_height, window_width, channels = weights.shape
    window = _window(reader, operator, (window_height, window_width), dilated=True)
    groups = window["channels"] // channels
    whole = (window["height"], window["width"]) == (window_height, window_width)
    single = (window["made_height"], window["made_width"]) == (1, 1)
    unpadded = (window["rows_before"], window["columns_before"]) == (0, 0)
    strides = (window["stride_down"], window["stride_across"])
    one = window_height == window_width == 1 and strides == (1, 1)
    undilated = (window["dilation_down"], window["dilation_across"]) == (1, 1)
    if groups == 1 and unpadded and undilated and (one or (whole and single)):
        places = window["made_height"] * window["made_width"]
        parameters["rounds_once"] = 0
        _add_dense(reader, operator, weights.reshape(outputs, -1), parameters, places)
        return
    taken, made = reader.value(int(operator.inputs[0])), int(operator.outputs[0])
    quantization = reader.graph.quantization(int(operator.inputs[0]))
    fields = {
        **window,
        "made_channels": outputs,
        "groups": groups,
        "zero_point": quantization.zero_point,
        **parameters,
    }
    _fold_zero_point(fields, weights)
    places = window["made_height"] * window["made_width"]
    scratch = window_height * window_width * channels
    reader.add("conv", (taken,), made, fields, scratch, places * weights.size)


def _depthwise(reader: "Reader", operator: Any) -> None:
    parameters, weights = _parameters(reader, operator, axis=3)
    window = _window(reader, operator, weights.shape[1:3], dilated=True)
    taken, made = reader.value(int(operator.inputs[0])), int(operator.outputs[0])
    quantization = reader.graph.quantization(int(operator.inputs[0]))
    fields = {
        **window,
        "multiple": weights.shape[3] // window["channels"],
        "zero_point": quantization.zero_point,
        **parameters,
    }
    del fields["_source_zero_point"]
    macs = window["made_height"] * window["made_width"] * weights.size
    reader.add("depthwise", (taken,), made, fields, macs=macs)


def _pool(kernel: str) -> Callable[["Reader", Any], None]:
    def pool(reader: "Reader", operator: Any) -> None:
        options = operator.builtinOptions
        taken, made = int(operator.inputs[0]), int(operator.outputs[0])
        source, result = (reader.graph.quantization(tensor) for tensor in (taken, made))
        if source != result:
            raise ValueError("pooling that changes the scale")
        window = _window(reader, operator, (options.filterHeight, options.filterWidth))
        limits = rescale.limits(reader.graph.activation(options), result)
        reader.add(kernel, (reader.value(taken),), made, {**window, **limits})

    return pool


def _mean(reader: "Reader", operator: Any) -> None:
    taken, axis_tensor, made = int(operator.inputs[0]), operator.inputs[1], operator.outputs[0]
    axes = reader.graph.constant(int(axis_tensor))
    shape = reader.graph.shape(taken)
    if axes is None:
        raise ValueError("a mean over axes that are computed")
    positive = sorted(int(axis) % (len(shape) + 1) for axis in axes.reshape(-1))
    if positive != list(range(1, len(shape))):
        raise ValueError("a mean over other axes than height and width")
    places = math.prod(shape[: len(positive)])
    reader.graph.quantization(taken)
    made_shape = [1, *reader.graph.shape(int(made))[:-1]]
    channels = math.prod(shape[len(positive) :])
    averages = elementwise.averages(
        reader.graph.model, operator, shape[: len(positive)], made_shape
    )
    fields = {"places": places, "channels": channels, **rescale.thresholds(averages, places)}
    reader.add("mean", (reader.value(taken),), int(made), fields)


def _pad(reader: "Reader", operator: Any) -> None:
    taken, made = int(operator.inputs[0]), int(operator.outputs[0])
    around = reader.graph.constant(int(operator.inputs[1]))
    shape, result = reader.graph.shape(taken), reader.graph.shape(made)
    if around is None or len(shape) != 3 or around[0].any():
        raise ValueError("padding of other things than images")
    value = reader.graph.quantization(made).zero_point
    if len(operator.inputs) > 2:
        given = reader.graph.constant(int(operator.inputs[2]))
        value = value if given is None else int(given.reshape(-1)[0])
    fields = {
        **dict(zip(("height", "width", "channels"), shape, strict=True)),
        **dict(zip(("made_height", "made_width", "made_channels"), result, strict=True)),
        "rows_before": int(around[1][0]),
        "columns_before": int(around[2][0]),
        "channels_before": int(around[3][0]),
        "value": value,
    }
    reader.add("pad", (reader.value(taken),), made, fields)


def _window(reader: "Reader", operator: Any, window: Any, dilated: bool = False) -> dict[str, int]:
    options = operator.builtinOptions
    shapes = [reader.graph.shape(int(t)) for t in (operator.inputs[0], operator.outputs[0])]
    (height, width, channels), (made_height, made_width, _) = shapes
    stride = options.strideH, options.strideW
    dilation = (options.dilationHFactor, options.dilationWFactor) if dilated else (1, 1)
    rows, columns = before(options, shapes[0], shapes[1], window, stride, dilation)
    found = {
        "height": height,
        "width": width,
        "channels": channels,
        "made_height": made_height,
        "made_width": made_width,
        "window_height": int(window[0]),
        "window_width": int(window[1]),
        "stride_down": stride[0],
        "stride_across": stride[1],
        "rows_before": rows,
        "columns_before": columns,
    }
    if dilated:
        found |= {"dilation_down": dilation[0], "dilation_across": dilation[1]}
    return found


def _parameters(reader: "Reader", operator: Any, axis: int = 0) -> tuple[dict[str, Any], Array]:
    """Return the fields of a layer with weights, and these weights in their whole shape."""
    graph = reader.graph
    weights = graph.constant(int(operator.inputs[1]))
    if weights is None or weights.dtype != np.int8:
        raise ValueError("weights that are not int8, or computed")
    count = weights.shape[axis]
    source, made = (graph.quantization(int(t)) for t in (operator.inputs[0], operator.outputs[0]))
    bias: Array | None = np.zeros(count, np.int32)
    if len(operator.inputs) > 2 and operator.inputs[2] >= 0:
        bias = graph.constant(int(operator.inputs[2]))
    if bias is None or bias.dtype != np.int32:
        raise ValueError("a bias that is not int32, or computed")
    scaled = rescale.multipliers(source.scale, graph.scales(int(operator.inputs[1])), made.scale)
    return {
        "made_zero_point": made.zero_point,
        **rescale.limits(graph.activation(operator.builtinOptions), made),
        "weights": weights.reshape(-1),
        "bias": bias,
        **{name: np.broadcast_to(values, count) for name, values in scaled.items()},
        "_source_zero_point": source.zero_point,
    }, weights


def _fold_zero_point(fields: dict[str, Any], weights: Array) -> None:
    """Take the zero point out of the sums, once for all images."""
    zero_point = fields.pop("_source_zero_point")
    sums = weights.reshape(len(weights), -1).sum(axis=1, dtype=np.int64)
    bias = fields["bias"] - zero_point * sums
    if np.abs(bias).max() >= 2**31:
        raise ValueError("a bias that is too large")
    fields["bias"] = bias.astype(np.int32)


READERS: Final[Mapping[str, Callable[["Reader", Any], None]]] = {
    "ADD": add,
    "AVERAGE_POOL_2D": _pool("average_pool"),
    "CONCATENATION": concatenate,
    "CONV_2D": _conv,
    "DEPTHWISE_CONV_2D": _depthwise,
    "FULLY_CONNECTED": _dense,
    "MAX_POOL_2D": _pool("max_pool"),
    "MEAN": _mean,
    "MUL": multiply,
    "PAD": _pad,
    "PADV2": _pad,
    "PRELU": prelu,
    "SUB": subtract,
}
