"""Count where an int8 ONNX file would overflow on x86 CPUs without VNNI.

There engines multiply uint8 activations by int8 weights with VPMADDUBSW, which adds each
pair of neighbouring products in 16 bits and saturates: 2 x 255 x 127 is 64,770, and 32,767
is the most that fits (Intel 64 and IA-32 Architectures Software Developer's Manual). No
error is raised; the answer is wrong. Weights of 7 bits, up to 64, cannot overflow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
from digit_export.convert import tensors
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
            zero = constants[tensor.input[2]] if len(tensor.input) > 2 else np.zeros((), np.uint8)
            wanted.append((node, tensor.input[0], zero, constants[weights.input[0]]))
    inner = dict.fromkeys(name for _, name, _, _ in wanted if name != INPUT_NAME)
    found = {INPUT_NAME: pixels, **tensors.of_onnx(model, list(inner), pixels)}
    for node, name, zero, kernel in wanted:
        if found[name].dtype != np.uint8 or kernel.dtype != np.int8:
            continue
        if node.op_type == "Conv":
            yield from _convolution(node, found[name], zero, kernel)
        else:
            attributes = _attributes(node)
            matrix = kernel.T if attributes.get("transB") else kernel
            yield Layer(node.name, found[name].reshape(-1, len(matrix)), matrix)


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


def _convolution(
    node: onnx.NodeProto, tensor: NDArray[Any], zero: NDArray[Any], kernel: NDArray[np.int8]
) -> Iterator[Layer]:
    """Yield a layer for each group of channels. `zero` is the byte that stands for 0."""
    attributes = _attributes(node)
    steps = attributes.get("strides") or (1, 1)
    gaps = attributes.get("dilations") or (1, 1)
    spans = tuple((size - 1) * gap + 1 for size, gap in zip(kernel.shape[2:], gaps, strict=True))
    top, left, bottom, right = attributes.get("pads") or _same(
        attributes, tensor.shape[2:], spans, steps
    )
    padded = np.pad(tensor, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=zero)
    windows = sliding_window_view(padded, spans, axis=(2, 3))
    windows = windows[:, :, :: steps[0], :: steps[1], :: gaps[0], :: gaps[1]]
    windows = windows.transpose(0, 2, 3, 4, 5, 1)
    groups = attributes.get("group", 1)
    for number, (part, own) in enumerate(
        zip(np.split(windows, groups, axis=-1), np.split(kernel, groups), strict=True)
    ):
        matrix = own.transpose(2, 3, 1, 0).reshape(-1, len(own))
        name = f"{node.name} group {number}" if groups > 1 else node.name
        yield Layer(name, part.reshape(-1, len(matrix)), matrix)


def _same(
    attributes: dict[str, Any],
    sizes: tuple[int, ...],
    spans: tuple[int, ...],
    steps: Sequence[int],
) -> tuple[int, ...]:
    kind = attributes.get("auto_pad", b"")
    if not kind.startswith(b"SAME"):
        return 0, 0, 0, 0
    missing = [
        max((-(-size // step) - 1) * step + span - size, 0)
        for size, span, step in zip(sizes, spans, steps, strict=True)
    ]
    less, more = [all // 2 for all in missing], [all - all // 2 for all in missing]
    return (*less, *more) if kind == b"SAME_UPPER" else (*more, *less)
