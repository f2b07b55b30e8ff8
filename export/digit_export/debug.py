"""Where an exported file departs from Keras: the error behind each layer, largest first.

Layers are matched by name: the exporters keep those of Keras in the names of what each
operator makes. What has no match, such as a layer that a converter merged into another,
is listed as not compared. Activations of int8 files are compared as the numbers that
they stand for.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
from digit_runtime.console import table
from digit_runtime.contract import INPUT_NAME, OUTPUT_NAME, PIXELS, Pixels
from numpy.typing import NDArray

from digit_export.network import Network
from digit_export.quiet import quiet

with quiet():
    import keras

ROWS: Final = 200
Tensors = Mapping[str, NDArray[Any]]

# They move values about, and formats differ in where to.
_MOVING: Final = (
    keras.layers.InputLayer,
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Permute,
    keras.layers.Dropout,
)


@dataclass(frozen=True)
class LayerError:
    """The output of one layer in the file against that in Keras.

    Attributes:
        order: Its place in the network, from 1.
        layer: Its name.
        kind: Its class.
        snr_db: Signal-to-noise ratio in decibels, the power of Keras's output over that of
            the difference; infinite if there is none, None if the layer was not compared.
        largest: The largest difference, over the largest magnitude in Keras's output.
    """

    order: int
    layer: str
    kind: str
    snr_db: float | None = None
    largest: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data; JSON has no infinity, so that is None with a `largest` of 0."""
        ratio = self.snr_db if self.snr_db is not None and math.isfinite(self.snr_db) else None
        return {
            "order": self.order,
            "layer": self.layer,
            "kind": self.kind,
            "snr_db": ratio,
            "largest": self.largest,
        }


def compare(network: Network, format: str, content: bytes, pixels: Pixels) -> list[LayerError]:
    """Return every layer, the one with the largest error first.

    Args:
        network: The Keras model.
        format: "onnx" or "tflite"; of another, no layer can be compared.
        content: The file.
        pixels: uint8 ``[N, 784]``, real digits.
    """
    model = network.model
    compared = [
        layer
        for layer in model.layers
        if not isinstance(layer, (*_MOVING, keras.Model)) and _output(layer) is not None
    ]
    outputs = keras.Model(model.inputs, [_output(layer) for layer in compared]).predict(
        pixels, verbose=0
    )
    expected = dict(zip((layer.name for layer in compared), _listed(outputs), strict=True))
    tensors = _READERS[format](content, pixels) if format in _READERS else {}
    found = []
    for order, layer in enumerate(model.layers, start=1):
        error = LayerError(order, layer.name, type(layer).__name__)
        if layer.name in expected:
            last = layer is model.layers[-1]
            made = _match(layer.name, expected[layer.name], tensors, last)
            if made is not None:
                error = _error(error, expected[layer.name], made)
        if not isinstance(layer, keras.layers.InputLayer):
            found.append(error)
    return sorted(found, key=lambda e: (e.snr_db is None, e.snr_db or 0.0))


def as_table(errors: list[LayerError]) -> str:
    """Return it for people."""
    rows = [
        [
            error.layer,
            error.kind,
            f"{error.order}",
            "not compared" if error.snr_db is None else f"{error.snr_db:.1f}",
            "-" if error.largest is None else f"{error.largest:.1%}",
        ]
        for error in errors
    ]
    return table(["layer", "kind", "place", "SNR dB", "largest error"], rows, left=2)


def _error(error: LayerError, expected: NDArray[Any], made: NDArray[Any]) -> LayerError:
    signal, noise = expected.astype(np.float64), made.astype(np.float64) - expected
    power, lost = float((signal**2).sum()), float((noise**2).sum())
    if not math.isfinite(lost):
        ratio = -math.inf
    else:
        ratio = 10 * math.log10(power / lost) if lost and power else math.inf
    top = float(np.abs(signal).max()) or 1.0
    return LayerError(error.order, error.layer, error.kind, ratio, float(np.abs(noise).max()) / top)


def _match(layer: str, expected: NDArray[Any], tensors: Tensors, last: bool) -> NDArray[Any] | None:
    """Return the last value that bears the layer's name and has its size."""
    bears = re.compile(rf"(?:^|[/;]){re.escape(layer)}(?:_\d+)?(?:[/;.]|$)")
    named = [name for name in tensors if bears.search(name) or (last and name == OUTPUT_NAME)]
    for name in reversed(named):
        value = tensors[name]
        if value.size != expected.size or value.shape[:1] != expected.shape[:1]:
            continue
        if value.ndim == 4 and value.shape != expected.shape:
            value = value.transpose(0, 2, 3, 1)  # ONNX has channels first.
        if value.shape == expected.shape:
            return value
    return None


def _of_onnx(content: bytes, pixels: Pixels) -> Tensors:
    model = onnx.load_from_string(content)
    known = {value.name for value in model.graph.output}
    names = [name for node in model.graph.node for name in node.output]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    options = ort.SessionOptions()
    # Fusions would leave nothing to look at between them.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    values = session.run(names, {INPUT_NAME: pixels})
    # Integers stand for the numbers that the DequantizeLinear behind them makes.
    return {
        name: value for name, value in zip(names, values, strict=True) if value.dtype == np.float32
    }


def _of_tflite(content: bytes, pixels: Pixels) -> Tensors:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with quiet():
        interpreter = Interpreter(
            model_content=content,
            experimental_preserve_all_tensors=True,
            # A delegate keeps what is between its operators to itself.
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.resize_tensor_input(taken["index"], (len(pixels), PIXELS))
        interpreter.allocate_tensors()
        interpreter.set_tensor(taken["index"], pixels)
        interpreter.invoke()
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    made = [index for operator in interpreter._get_ops_details() for index in operator["outputs"]]
    found: dict[str, NDArray[Any]] = {}
    for index in made:
        detail = details[index]
        value = interpreter.get_tensor(index)
        scale, zero_point = detail["quantization"]
        if scale:
            value = (value.astype(np.float32) - zero_point) * np.float32(scale)
        found[OUTPUT_NAME if index == given["index"] else detail["name"]] = value
    return found


_READERS: Final[Mapping[str, Callable[[bytes, Pixels], Tensors]]] = {
    "onnx": _of_onnx,
    "tflite": _of_tflite,
}


def _output(layer: Any) -> Any:
    """Return the one tensor that a layer makes, None if it makes several or is shared."""
    try:
        output = layer.output
    except (AttributeError, ValueError):
        return None
    return output if isinstance(output, keras.KerasTensor) else None


def _listed(outputs: Any) -> list[NDArray[Any]]:
    return outputs if isinstance(outputs, list) else [outputs]
