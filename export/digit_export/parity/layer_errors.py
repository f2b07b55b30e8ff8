"""Where an exported file departs from Keras: the error behind each layer, largest first.

Layers are matched by name: the exporters keep those of Keras in the names of what each
operator makes. What has no match, such as a layer that a converter merged into another,
is listed as not compared. Activations of int8 files are compared as the numbers that
they stand for.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import onnx
from digit_runtime.contract import OUTPUT_NAME, Pixels
from digit_runtime.terminal import table
from numpy.typing import NDArray

from digit_export.convert import tensors
from digit_export.keras_model import rebuild
from digit_export.keras_model.adapt import PASSIVE, leaves
from digit_export.keras_model.network import Network

ROWS: Final = 200
Tensors = Mapping[str, NDArray[Any]]


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
        return {**asdict(self), "snr_db": ratio}


def compare(network: Network, format: str, content: bytes, pixels: Pixels) -> list[LayerError]:
    """Return every layer, the one with the largest error first.

    Args:
        network: The Keras model.
        format: "onnx" or "tflite"; of another, no layer can be compared.
        content: The file.
        pixels: uint8 ``[N, 784]``, real digits.
    """
    seen = rebuild.outputs(network.model, pixels)
    uses = Counter(layer for layer, _ in seen)
    made = _READERS[format](content, pixels) if format in _READERS else {}
    found = []
    for order, (layer, expected) in enumerate(seen, start=1):
        error = LayerError(order, layer.name, type(layer).__name__)
        if uses[layer] == 1 and not isinstance(layer, PASSIVE):
            output = _match(layer.name, expected, made, last=order == len(seen))
            if output is not None:
                error = _error(error, expected, output)
        found.append(error)
    return sorted(found, key=lambda e: (e.snr_db is None, e.snr_db or 0.0))


def first_lost(network: Network, format: str, content: bytes, pixels: Pixels) -> Any | None:
    """Return the first layer in which the file makes what is not a number; None if unknown.

    That need not reach the layer's output in the engine that looks into the file: which of an
    infinity and a number is the smaller one is answered differently.
    """
    made = _READERS[format](content, pixels) if format in _READERS else {}
    lost = [name for name, value in made.items() if not np.isfinite(value).all()]
    layers = list(leaves(network.model))
    found = (layer for name in lost for layer in layers if _bears(layer.name).search(name))
    return next(found, None)


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
    return replace(error, snr_db=ratio, largest=float(np.abs(noise).max()) / top)


def _match(layer: str, expected: NDArray[Any], made: Tensors, last: bool) -> NDArray[Any] | None:
    """Return the last value that bears the layer's name and has its size."""
    bears = _bears(layer)
    named = [name for name in made if bears.search(name) or (last and name == OUTPUT_NAME)]
    for name in reversed(named):
        value = made[name]
        if value.size != expected.size or value.shape[:1] != expected.shape[:1]:
            continue
        if value.ndim == 4 and value.shape != expected.shape:
            value = value.transpose(0, 2, 3, 1)  # ONNX has channels first.
        if value.shape == expected.shape:
            return value
    return None


def _bears(layer: str) -> re.Pattern[str]:
    """Return what finds the layer in a tensor's name."""
    return re.compile(rf"(?:^|[/;]){re.escape(layer)}(?:_\d+)?(?:[/;.]|$)")


def _of_onnx(content: bytes, pixels: Pixels) -> Tensors:
    model = onnx.load_from_string(content)
    names = [name for node in model.graph.node for name in node.output]
    values = tensors.of_onnx(model, names, pixels)
    # Integers stand for the numbers that the DequantizeLinear behind them makes.
    return {name: value for name, value in values.items() if value.dtype == np.float32}


def _of_tflite(content: bytes, pixels: Pixels) -> Tensors:
    interpreter = tensors.of_tflite(content, pixels)
    (given,) = interpreter.get_output_details()
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
