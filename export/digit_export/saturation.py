"""Count where an int8 ONNX file would overflow on x86 CPUs without VNNI.

There engines multiply uint8 activations by int8 weights with VPMADDUBSW, which adds each
pair of neighbouring products in 16 bits and saturates: 2 x 255 x 127 is 64,770, and 32,767
is the most that fits (Intel 64 and IA-32 Architectures Software Developer's Manual). No
error is raised; the answer is wrong. Weights of 7 bits, up to 64, cannot overflow.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
from digit_runtime.contract import INPUT_NAME, Pixels
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx import numpy_helper

_LIMITS: Final = np.iinfo(np.int16)
_CHUNK_ROWS: Final = 512


@dataclass(frozen=True)
class Layer:
    """One quantized layer as a product of matrices.

    Attributes:
        name: Of its node.
        activations: uint8 ``[R, K]``; of a convolution, a row for each place of its window.
        weights: int8 ``[K, M]``; within K the channels of a place are neighbours.
    """

    name: str
    activations: NDArray[np.uint8]
    weights: NDArray[np.int8]

    @property
    def pairs(self) -> int:
        """How many pairs of products are added."""
        return len(self.activations) * -(-len(self.weights) // 2) * int(self.weights.shape[1])

    def overflows(self) -> int:
        """Count the pairs whose sum does not fit 16 bits."""
        weights = self.weights.astype(np.int32)
        if len(weights) % 2:
            weights = np.vstack([weights, np.zeros_like(weights[:1])])
        found = 0
        for start in range(0, len(self.activations), _CHUNK_ROWS):
            rows = self.activations[start : start + _CHUNK_ROWS].astype(np.int32)
            rows = np.pad(rows, ((0, 0), (0, len(weights) - rows.shape[1])))
            for even, odd, first, second in zip(
                rows.T[::2], rows.T[1::2], weights[::2], weights[1::2], strict=True
            ):
                sums = np.outer(even, first) + np.outer(odd, second)
                found += int(np.count_nonzero((sums > _LIMITS.max) | (sums < _LIMITS.min)))
        return found


def layers(model: onnx.ModelProto, pixels: Pixels) -> Iterator[Layer]:
    """Yield the layers of a model in QDQ form as they are with these images.

    Args:
        model: With uint8 activations and int8 weights; others are left out.
        pixels: uint8 ``[N, 784]``.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made = {node.output[0]: node for node in model.graph.node}
    wanted = []
    for node in model.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        tensor, weights = (made.get(name) for name in node.input[:2])
        if tensor is None or weights is None or weights.input[0] not in constants:
            continue
        if tensor.op_type == weights.op_type == "DequantizeLinear":
            wanted.append((node, tensor.input[0], constants[weights.input[0]]))
    found = _tensors(model, [name for _, name, _ in wanted], pixels)
    for node, name, kernel in wanted:
        if found[name].dtype == np.uint8 and kernel.dtype == np.int8:
            yield _layer(node, found[name], kernel)


def _tensors(
    model: onnx.ModelProto, names: list[str], pixels: Pixels
) -> dict[str, NDArray[np.uint8]]:
    inner = [name for name in dict.fromkeys(names) if name != INPUT_NAME]
    open_model = onnx.ModelProto()
    open_model.CopyFrom(model)
    open_model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in inner)
    options = ort.SessionOptions()
    # Fusions would leave nothing to look at.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(
        open_model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    values = session.run(inner, {INPUT_NAME: pixels}) if inner else []
    return {INPUT_NAME: pixels, **dict(zip(inner, values, strict=True))}


def _layer(node: onnx.NodeProto, tensor: NDArray[Any], kernel: NDArray[np.int8]) -> Layer:
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type != "Conv":
        weights = kernel.T if attributes.get("transB") else kernel
        return Layer(node.name, tensor.reshape(-1, len(weights)), weights)
    top, left, bottom, right = attributes.get("pads") or _same(attributes, kernel)
    padded = np.pad(tensor, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = sliding_window_view(padded, kernel.shape[2:], axis=(2, 3))
    down, across = attributes.get("strides") or (1, 1)
    windows = windows[:, :, ::down, ::across].transpose(0, 2, 3, 4, 5, 1)
    matrix = kernel.transpose(2, 3, 1, 0).reshape(-1, len(kernel))
    return Layer(node.name, windows.reshape(-1, len(matrix)), matrix)


def _same(attributes: dict[str, Any], kernel: NDArray[np.int8]) -> tuple[int, int, int, int]:
    if not attributes.get("auto_pad", b"").startswith(b"SAME"):
        return 0, 0, 0, 0
    height, width = (size - 1 for size in kernel.shape[2:])
    return height // 2, width // 2, height - height // 2, width - width // 2
