"""Let the first layer of an int8 ONNX file read the pixels as they are.

Where scaling and quantizing bring every byte back to itself, both are left out, and the
scale of the first DequantizeLinear says what the bytes mean. The answers are the same to
the bit, and the engine has three passes over the input less.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import onnx
from digit_runtime.contract import INPUT_NAME
from numpy.typing import NDArray
from onnx import numpy_helper

_MOVES: Final = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose")
_ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "Mul": np.multiply,
    "Div": np.divide,
    "Add": np.add,
    "Sub": np.subtract,
}


def fold_scaling(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return `model` without what turns bytes into the same bytes; a graph in QDQ form."""
    folded = onnx.ModelProto()
    folded.CopyFrom(model)
    graph = folded.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    tensor, moves, idle = INPUT_NAME, [], []
    values: NDArray[Any] = np.arange(256, dtype=np.uint8)
    while (node := _only_user(graph, tensor)) is not None:
        if node.op_type in _MOVES:
            moves.append(node)
        else:
            changed = _applied(node, values, tensor, constants)
            if changed is None:
                return model
            idle.append(node)
            values = changed
        tensor = node.output[0]
        if node.op_type == "QuantizeLinear":
            break
    else:
        return model
    if values.dtype != np.uint8 or (values != np.arange(256)).any():
        return model
    users = [user for user in graph.node if tensor in user.input]
    for node in idle:
        graph.node.remove(node)
    source = INPUT_NAME
    for node in moves:
        node.input[0] = source
        source = node.output[0]
    for user in users:
        user.input[list(user.input).index(tensor)] = source
    used = {name for node in graph.node for name in node.input}
    for constant in [constant for constant in graph.initializer if constant.name not in used]:
        graph.initializer.remove(constant)
    del graph.value_info[:]  # Those of the moved tensors were floats.
    onnx.checker.check_model(folded, full_check=True)
    return folded


def _only_user(graph: onnx.GraphProto, tensor: str) -> onnx.NodeProto | None:
    users = [node for node in graph.node if tensor in node.input]
    return users[0] if len(users) == 1 else None


def _applied(
    node: onnx.NodeProto,
    values: NDArray[Any],
    tensor: str,
    constants: dict[str, onnx.TensorProto],
) -> NDArray[Any] | None:
    """Return what the node makes of each value, None if that is not one number for each."""
    others = [name for name in node.input if name != tensor]
    if any(name not in constants or np.prod(constants[name].dims) != 1 for name in others):
        return None
    numbers = [numpy_helper.to_array(constants[name]).reshape(()) for name in others]
    if node.op_type == "Cast":
        kind = next(attribute.i for attribute in node.attribute if attribute.name == "to")
        cast: NDArray[Any] = values.astype(onnx.helper.tensor_dtype_to_np_dtype(kind))
        return cast
    if node.op_type == "QuantizeLinear" and len(numbers) == 2:
        scale, zero = numbers
        whole = np.rint(values / scale) + zero.astype(np.float32)
        limits = np.iinfo(zero.dtype)
        quantized: NDArray[Any] = np.clip(whole, limits.min, limits.max).astype(zero.dtype)
        return quantized
    if node.op_type in _ARITHMETIC and len(numbers) == 1:
        pair = (values, numbers[0]) if node.input[0] == tensor else (numbers[0], values)
        result: NDArray[Any] = _ARITHMETIC[node.op_type](*pair)
        return result
    return None
