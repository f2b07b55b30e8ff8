"""ONNX's operators in numpy, those that exported digit models consist of.

https://onnx.ai/onnx/operators/, at opset 13 and newer. Each entry of `OPERATORS` takes a
node's attributes, refuses those that it does not implement, so that a file fails when it
is loaded rather than when it is run, and returns the function from arrays to arrays.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from digit_runtime.errors import UnsupportedModelError
from digit_runtime.formats.onnx_file import TYPES, Array
from digit_runtime.formats.onnx_windows import Function, conv_of, max_pool_of, require


def build(operator: str, attributes: Mapping[str, Any]) -> Function:
    """Return the function of a node.

    Raises:
        UnsupportedModelError: An operator or attribute that is not implemented; names it.
    """
    if operator not in OPERATORS:
        raise UnsupportedModelError(
            f"needs the operator {operator}, which the numpy engine has not"
        )
    if attributes.get("auto_pad") == "NOTSET":  # The same as no such attribute.
        attributes = {name: value for name, value in attributes.items() if name != "auto_pad"}
    try:
        return OPERATORS[operator](**attributes)
    except (TypeError, ValueError, KeyError) as error:
        raise UnsupportedModelError(f"needs {operator} with other attributes: {error}") from error


def _cast(to: int) -> Function:
    dtype = TYPES[to][1]
    return lambda x: x.astype(dtype)


def _reshape(allowzero: int = 0) -> Function:
    require(allowzero == 0, "allowzero")

    def reshape(x: Array, shape: Array) -> Array:
        # 0 keeps a size of the input.
        return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape)])

    return reshape


def _squeeze() -> Function:
    return lambda x, axes: x.squeeze(tuple(axes))


def _relu() -> Function:
    return lambda x: np.maximum(x, 0, dtype=x.dtype)


def _sigmoid() -> Function:
    # In this form exp overflows to infinity at most, which is right.
    return lambda x: 1 / (1 + np.exp(-x))


def _leaky_relu(alpha: float = 0.01) -> Function:
    return lambda x: np.where(x < 0, x * x.dtype.type(alpha), x)


def _clip() -> Function:
    return lambda x, low, high: x.clip(low, high)


def _global_average_pool() -> Function:
    return lambda x: x.mean(axis=(2, 3), keepdims=True, dtype=x.dtype)


def _softmax(axis: int = -1) -> Function:
    def softmax(x: Array) -> Array:
        # Shifted so that the largest is exp(0), which cannot overflow.
        powers: Array = np.exp(x - x.max(axis=axis, keepdims=True))
        powers /= powers.sum(axis=axis, keepdims=True)
        return powers

    return softmax


def _gemm(alpha: float = 1.0, beta: float = 1.0, transA: int = 0, transB: int = 0) -> Function:
    require((alpha, beta, transA, transB) == (1, 1, 0, 0), "alpha, beta, transA or transB")

    def gemm(x: Array, weight: Array, bias: Array | int = 0) -> Array:
        return x @ weight + bias

    return gemm


def _quantize_linear(axis: int = 1) -> Function:
    def quantize(x: Array, scale: Array, zero_point: Array) -> Array:
        limits = np.iinfo(zero_point.dtype)
        scale, zero_point = (_along(axis, x, constant) for constant in (scale, zero_point))
        steps: Array = np.rint(x / scale) + zero_point
        return steps.clip(limits.min, limits.max).astype(zero_point.dtype)

    return quantize


def _dequantize_linear(axis: int = 1) -> Function:
    def dequantize(x: Array, scale: Array, zero_point: Array) -> Array:
        scale, zero_point = (_along(axis, x, constant) for constant in (scale, zero_point))
        result: Array = (x.astype(np.int32) - zero_point).astype(scale.dtype) * scale
        return result

    return dequantize


def _along(axis: int, x: Array, constant: Array) -> Array:
    """Shape one number per channel so that it broadcasts over `x`."""
    if constant.size == 1:
        return constant.reshape(())
    return constant.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])


def _dynamic_quantize_linear() -> Function:
    quantize = _quantize_linear()

    def dynamic(x: Array) -> tuple[Array, Array, Array]:
        low, high = np.minimum(x.min(), 0), np.maximum(x.max(), 0)
        scale = np.asarray((high - low) / np.float32(255))
        if scale == 0:
            scale = np.ones_like(scale)
        zero_point = np.asarray(np.clip(np.rint(-low / scale), 0, 255).astype(np.uint8))
        return quantize(x, scale, zero_point), scale, zero_point

    return dynamic


def _mat_mul_integer() -> Function:
    def mat_mul(x: Array, weight: Array, x_zero_point: Array, weight_zero_point: Array) -> Array:
        # Every sum of such products is a whole number below 2^53, so float64, which BLAS
        # multiplies much faster than numpy does integers, is exact.
        product = _shifted(x, x_zero_point) @ _shifted(weight, weight_zero_point)
        return product.astype(np.int32)

    return mat_mul


def _shifted(x: Array, zero_point: Array) -> Array:
    return x.astype(np.float64) - zero_point


OPERATORS: Final[Mapping[str, Callable[..., Function]]] = {
    "Add": lambda: np.add,
    "Cast": _cast,
    "Clip": _clip,
    "Conv": conv_of,
    "DequantizeLinear": _dequantize_linear,
    "Div": lambda: np.divide,
    "DynamicQuantizeLinear": _dynamic_quantize_linear,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average_pool,
    "LeakyRelu": _leaky_relu,
    "MatMul": lambda: np.matmul,
    "MatMulInteger": _mat_mul_integer,
    "MaxPool": max_pool_of,
    "Mul": lambda: np.multiply,
    "QuantizeLinear": _quantize_linear,
    "Neg": lambda: np.negative,
    "Relu": _relu,
    "Reshape": _reshape,
    "Sigmoid": _sigmoid,
    "Softmax": _softmax,
    "Squeeze": _squeeze,
    "Sub": lambda: np.subtract,
    "Tanh": lambda: np.tanh,
}
