"""The layers of an ONNX file."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from digit_runtime.errors import UnsupportedModelError
from digit_runtime.formats import onnx_file
from digit_runtime.formats.layers import INT8, QUANTIZED_HERE, Contents, Layer
from digit_runtime.formats.onnx_file import Graph, Node
from digit_runtime.formats.onnx_operators import build

_LAYERS: Final = ("Conv", "ConvInteger", "Gemm", "MatMul", "MatMulInteger")
# What stands between stored weights and the layer that uses them.
_BETWEEN: Final = ("Cast", "DequantizeLinear", "Identity", "Reshape", "Transpose")


def layers_of_onnx(content: bytes, path: Path) -> Contents:
    """Read an .onnx file; raises ModelFileError."""
    graph = onnx_file.read(content, path)
    makers = {output: node for node in graph.nodes for output in node.outputs}
    sizes = _output_sizes(graph)
    layers = []
    for node in graph.nodes:
        if node.operator not in _LAYERS or len(node.inputs) < 2:
            continue
        weights = _stored(node.inputs[1], makers, graph)
        if weights is None:
            continue
        biases = _stored(node.inputs[2], makers, graph) if len(node.inputs) > 2 else None
        if biases is None or "Integer" in node.operator:  # Its third input is a zero point.
            biases = np.empty(0)
        layers.append(
            Layer(
                operator=node.operator,
                weights=weights.size,
                weight_type=str(weights.dtype),
                biases=biases.size,
                activations=_activations(node.inputs[0], makers, graph),
                macs=_macs(node, weights, sizes),
            )
        )
    return Contents(
        version=graph.opset,
        inputs=[_described(value) for value in graph.inputs],
        outputs=[_described(value) for value in graph.outputs],
        operators=Counter(node.operator for node in graph.nodes),
        layers=layers,
    )


def _stored(name: str, makers: Mapping[str, Node], graph: Graph) -> Any:
    """Return the constant that a value comes from; None if it is computed."""
    for _ in range(len(graph.nodes) + 1):
        if name in graph.constants:
            return graph.constants[name]
        maker = makers.get(name)
        if maker is None or maker.operator not in _BETWEEN:
            return None
        name = maker.inputs[0]
    return None


def _activations(name: str, makers: Mapping[str, Node], graph: Graph) -> str:
    """Return the type that a layer's input has, looking through DequantizeLinear."""
    maker = makers.get(name)
    if maker is not None and maker.operator == "DynamicQuantizeLinear":
        return QUANTIZED_HERE
    if maker is None or maker.operator != "DequantizeLinear":
        return "float32"
    zero_point = graph.constants.get(maker.inputs[2]) if len(maker.inputs) > 2 else None
    kind = "uint8" if zero_point is None else str(zero_point.dtype)
    return "int8" if kind in INT8 else kind


def _macs(node: Node, weights: Any, sizes: Mapping[str, tuple[int, ...]]) -> int | None:
    made = sizes.get(node.outputs[0])
    if made is None:
        return None
    if node.operator.startswith("Conv"):
        return int(np.prod(made) * np.prod(weights.shape[1:]))
    return int(np.prod(made) * (weights.size // made[-1]))


def _output_sizes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Return the shape of every value for one image, as far as numpy can compute the graph."""
    values: dict[str, Any] = dict(graph.constants)
    if len(graph.inputs) == 1:
        sizes = [size if isinstance(size, int) else 1 for size in graph.inputs[0].shape]
        values[graph.inputs[0].name] = np.zeros(sizes, np.uint8)
    try:
        with np.errstate(all="ignore"):
            for node in graph.nodes:
                taken = [values[name] if name else None for name in node.inputs]
                made = build(node.operator, node.attributes)(*taken)
                made = made if isinstance(made, tuple) else (made,)
                values.update(zip(node.outputs, made, strict=True))
    except UnsupportedModelError:
        pass
    except Exception:  # A graph that does not fit together shows as any of numpy's errors.
        return {}
    return {name: value.shape for name, value in values.items()}


def _described(value: onnx_file.Value) -> str:
    shape = ", ".join(str(size or "N") for size in value.shape)
    return f"{value.name} {'float32' if value.type == 'float' else value.type} [{shape}]"
