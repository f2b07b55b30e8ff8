"""ONNX's operators that move a window over an image, in numpy: Conv and MaxPool."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from digit_runtime.formats.onnx_file import Array

Function = Callable[..., Any]
"""Takes a node's inputs, returns its output, or a tuple of them if there are several."""

# Of a convolution's unfolded input: about what a core's second-level cache holds.
_UNFOLDED_BYTES: Final = 1 << 20


def conv_of(
    kernel_shape: Sequence[int],
    strides: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0),
    dilations: Sequence[int] = (1, 1),
    group: int = 1,
) -> Function:
    """Return ONNX's Conv, of two dimensions."""
    top, left, bottom, right = pads
    height, width = kernel_shape
    down, across = strides
    require(tuple(dilations) == (1, 1), "dilations")
    require(min(down, across, group) > 0, "strides or group")
    require(max(top, bottom) < height and max(left, right) < width and min(pads) >= 0, "pads")

    def conv(x: Array, weight: Array, bias: Array | None = None) -> Array:
        images, channels, rows, columns = x.shape
        matrix = weight.reshape(group, len(weight) // group, channels // group * height * width)
        padded = np.zeros((images, channels, rows + top + bottom, columns + left + right), x.dtype)
        padded[:, :, top : top + rows, left : left + columns] = x
        rows = (padded.shape[2] - height) // down + 1
        columns = (padded.shape[3] - width) // across + 1
        result = np.empty((images, *matrix.shape[:2], rows * columns), x.dtype)
        at_once = max(1, _UNFOLDED_BYTES // (matrix[:, 0].size * rows * columns * x.itemsize))
        for start in range(0, images, at_once):
            part = padded[start : start + at_once]
            unfolded = _unfold(part, (height, width), (down, across), (rows, columns))
            unfolded = unfolded.reshape(len(part), group, -1, rows * columns)
            np.matmul(matrix, unfolded, out=result[start : start + at_once])
        result = result.reshape(images, len(weight), rows, columns)
        if bias is not None:
            result += bias[:, np.newaxis, np.newaxis]
        return result

    return conv


def _unfold(
    padded: Array, kernel: tuple[int, int], strides: tuple[int, int], sizes: tuple[int, int]
) -> Array:
    """Return what a kernel covers at each position: ``[N, C, *kernel, *sizes]``.

    Convolution becomes a matrix product of it ("im2col").

    Args:
        padded: ``[N, C, H, W]``.
        kernel: Height and width.
        strides: Between positions.
        sizes: How many positions there are.
    """
    unfolded = np.empty((*padded.shape[:2], *kernel, *sizes), padded.dtype)
    (down, across), (rows, columns) = strides, sizes
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            unfolded[:, :, i, j] = padded[
                :, :, i : i + rows * down : down, j : j + columns * across : across
            ]
    return unfolded


def max_pool_of(
    kernel_shape: Sequence[int],
    strides: Sequence[int] = (1, 1),
    pads: Sequence[int] = (0, 0, 0, 0),
    dilations: Sequence[int] = (1, 1),
    ceil_mode: int = 0,
) -> Function:
    """Return ONNX's MaxPool, of windows that lie side by side."""
    require(list(strides) == list(kernel_shape) and min(strides) > 0, "strides")
    require(not any(pads) and set(dilations) == {1} and ceil_mode == 0, "pads or ceil_mode")
    height, width = kernel_shape

    def max_pool(x: Array) -> Array:
        rows, columns = x.shape[2] // height, x.shape[3] // width
        x = x[:, :, : rows * height, : columns * width]
        result = x[:, :, ::height, ::width]
        for i in range(height):
            for j in range(width):
                result = np.maximum(result, x[:, :, i::height, j::width])
        return result

    return max_pool


def require(supported: bool, attributes: str) -> None:
    """Raise ValueError, naming the attributes, if they are not implemented."""
    if not supported:
        raise ValueError(f"its {attributes}")
