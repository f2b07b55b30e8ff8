"""Read an .onnx file into numpy arrays and a list of operators, without onnx or protobuf.

Field numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
Of its types this knows those that digit-export writes; what it does not know it refuses.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.errors import ModelFileError, UnsupportedModelError
from digit_runtime.formats.protobuf import Message

Array = NDArray[Any]

# TensorProto.DataType, by ONNX's own names.
TYPES: Final[Mapping[int, tuple[str, np.dtype[Any]]]] = {
    1: ("float", np.dtype("<f4")),
    2: ("uint8", np.dtype("u1")),
    3: ("int8", np.dtype("i1")),
    6: ("int32", np.dtype("<i4")),
    7: ("int64", np.dtype("<i8")),
    10: ("float16", np.dtype("<f2")),
}
_FLOAT, _INT64, _FLOAT16 = 1, 7, 10
_EXTERNAL: Final = 1
# The operators' meaning has not changed since; before, Softmax was another.
_OLDEST_OPSET: Final = 13


@dataclass(frozen=True)
class Value:
    """An input or output of the graph; a free size is its name, or empty."""

    name: str
    type: str
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.type} {list(self.shape)}"


@dataclass(frozen=True)
class Node:
    """One operator. An omitted optional input has an empty name."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    """int, float, or a list of int."""


@dataclass(frozen=True)
class Graph:
    """What a file holds, the operators in the order of execution."""

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    constants: Mapping[str, Array]
    nodes: tuple[Node, ...]
    opset: int = 0


def read(content: bytes, path: Path) -> Graph:
    """Read a file's bytes; `path` is for the messages.

    Raises:
        UnsupportedModelError: It has an attribute of a kind that is not implemented.
        ModelFileError: It is not an ONNX file, is damaged, or uses what this cannot read.
    """
    try:
        return parse(content)
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"{path}: cannot be computed: {error}") from error
    except ModelFileError as error:
        raise ModelFileError(f"{path}: not a readable ONNX file: {error}") from error


def metadata(content: bytes) -> dict[str, str]:
    """Return a file's metadata_props; raises ModelFileError."""
    entries = Message(memoryview(content)).messages(14)
    return {entry.text(1): entry.text(2) for entry in entries}


def parse(content: bytes) -> Graph:
    """Parse a file's bytes.

    Raises:
        ModelFileError: See `read`.
    """
    model = Message(memoryview(content))
    if not model.has(7):
        raise ModelFileError("has no graph")
    opset = 0
    for declared in model.messages(8):
        domain, version = declared.text(1), declared.integer(2)
        if domain in ("", "ai.onnx"):
            opset = version
        if domain in ("", "ai.onnx") and version < _OLDEST_OPSET:
            raise ModelFileError(f"has opset {version}; {_OLDEST_OPSET} or newer is needed")
    graph = model.message(7)
    constants = {tensor.text(8): _array(tensor) for tensor in graph.messages(5)}
    inputs = [_value(value) for value in graph.messages(11)]
    return Graph(
        inputs=tuple(value for value in inputs if value.name not in constants),
        outputs=tuple(_value(value) for value in graph.messages(12)),
        constants=constants,
        nodes=tuple(_node(node) for node in graph.messages(1)),
        opset=opset,
    )


def _value(value: Message) -> Value:
    tensor = value.message(2).message(1)
    number = tensor.integer(1)
    sizes = [
        size.integer(1) if size.has(1) else size.text(2) for size in tensor.message(2).messages(1)
    ]
    return Value(value.text(1), TYPES.get(number, (f"type {number}",))[0], tuple(sizes))


def _node(node: Message) -> Node:
    operator, domain = node.text(4), node.text(7)
    if domain not in ("", "ai.onnx"):
        operator = f"{domain}.{operator}"
    attributes = {a.text(1): _attribute(a, operator) for a in node.messages(5)}
    return Node(operator, tuple(node.texts(1)), tuple(node.texts(2)), attributes)


def _attribute(attribute: Message, operator: str) -> Any:
    kind = attribute.integer(20)
    if kind == 1 and len(found := attribute.floats(2)) == 1:
        return found[0]
    if kind == 2:
        return attribute.integer(3)
    if kind == 3:
        return attribute.text(4)
    if kind == 7:
        return attribute.integers(8)
    raise UnsupportedModelError(
        f"the operator {operator} has an attribute {attribute.text(1)!r} that is neither "
        "number nor text nor list of whole numbers"
    )


def _array(tensor: Message) -> Array:
    """Return an array with memory of its own, so that it is aligned as matmul wants it."""
    name, number, shape = tensor.text(8), tensor.integer(2), tensor.integers(1)
    if number not in TYPES or tensor.integer(14) == _EXTERNAL:
        raise ModelFileError(f"the constant {name!r} has type {number} or lies in another file")
    _, dtype = TYPES[number]
    try:
        flat = np.frombuffer(tensor.data(9), dtype) if tensor.has(9) else _listed(tensor, number)
    except (ValueError, OverflowError) as error:
        raise ModelFileError(f"the constant {name!r} is damaged: {error}") from error
    if min(shape, default=0) < 0 or math.prod(shape) != len(flat):
        raise ModelFileError(f"the constant {name!r} has {len(flat)} numbers for shape {shape}")
    return flat.astype(dtype.newbyteorder("="), copy=True).reshape(shape)


def _listed(tensor: Message, number: int) -> Array:
    _, dtype = TYPES[number]
    if number == _FLOAT:
        return np.array(tensor.floats(4), dtype)
    if number == _INT64:
        return np.array(tensor.integers(7), dtype)
    if number == _FLOAT16:
        # Each is the 16 bits of a number, written as an integer.
        return np.array(tensor.integers(5), "<u2").view(dtype)
    return np.array(tensor.integers(5), dtype)
