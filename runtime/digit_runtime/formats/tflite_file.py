"""Read a .tflite file's graph without an engine.

Field numbers and enumerations are those of TFLite's schema.fbs, version 3
(https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs).
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from digit_runtime.errors import ModelFileError
from digit_runtime.formats.flatbuffer import Table

STAMP: Final = "digit"
"""The name of the metadata buffer that is digit-export's."""
IDENTIFIER: Final = b"TFL3"
TYPES: Final[Mapping[int, str]] = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16",
    9: "int8", 10: "float64", 17: "int4",
}  # fmt: skip
OPERATORS: Final[Mapping[int, str]] = {
    0: "ADD", 1: "AVERAGE_POOL_2D", 2: "CONCATENATION", 3: "CONV_2D", 4: "DEPTHWISE_CONV_2D",
    6: "DEQUANTIZE", 9: "FULLY_CONNECTED", 11: "L2_NORMALIZATION", 14: "LOGISTIC",
    17: "MAX_POOL_2D", 18: "MUL", 19: "RELU", 21: "RELU6", 22: "RESHAPE", 25: "SOFTMAX",
    28: "TANH", 34: "PAD", 36: "GATHER", 39: "TRANSPOSE", 40: "MEAN", 41: "SUB", 42: "DIV",
    43: "SQUEEZE", 45: "STRIDED_SLICE", 47: "EXP", 49: "SPLIT", 53: "CAST", 55: "MAXIMUM",
    57: "MINIMUM", 65: "SLICE", 67: "TRANSPOSE_CONV", 70: "EXPAND_DIMS", 74: "SUM", 75: "SQRT",
    76: "RSQRT", 77: "SHAPE", 78: "POW", 83: "PACK", 88: "UNPACK", 98: "LEAKY_RELU",
    99: "SQUARED_DIFFERENCE", 111: "ELU", 114: "QUANTIZE", 117: "HARD_SWISH", 126: "BATCH_MATMUL",
    150: "GELU",
}  # fmt: skip


@dataclass(frozen=True)
class Tensor:
    """A tensor; `constant` if the file holds its values. -1 in `shape` is free."""

    name: str
    type: str
    shape: tuple[int, ...]
    constant: bool


@dataclass(frozen=True)
class Operator:
    """One operator; -1 stands for an omitted optional input."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """What a file holds; its operators in the order of execution, its tensors by index."""

    version: int
    tensors: tuple[Tensor, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]


def read(content: bytes, path: Path) -> Graph:
    """Read a file's first subgraph; `path` is for the messages.

    Raises:
        ModelFileError: It is not a TFLite file, or damaged.
    """
    try:
        return _graph(_model(content))
    except (ModelFileError, struct.error) as error:
        raise ModelFileError(f"{path}: not a readable TFLite file: {error}") from error


def metadata(content: bytes) -> dict[str, bytes]:
    """Return the contents of a file's metadata buffers, by name.

    Raises:
        ModelFileError: It is not a TFLite file, or damaged.
    """
    try:
        model = _model(content)
        buffers = list(model.tables(4))
        found = {}
        for entry in model.tables(6):
            index = entry.integer(1, "<I")
            if index >= len(buffers):
                raise ModelFileError(f"has no buffer {index}")
            found[entry.text(0)] = bytes(buffers[index].data(0))
        return found
    except struct.error as error:
        raise ModelFileError(f"is damaged: {error}") from error


def stamp(content: bytes) -> dict[str, str]:
    """Return what digit-export wrote into its own metadata buffer; raises as `metadata`."""
    text = metadata(content).get(STAMP)
    found = json.loads(text.decode()) if text else {}
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _model(content: bytes) -> Table:
    view = memoryview(content)
    if bytes(view[4:8]) != IDENTIFIER:
        raise ModelFileError(f"does not begin as one, with {IDENTIFIER.decode()}")
    return Table.root(view)


def _graph(model: Table) -> Graph:
    codes = []
    for code in model.tables(1):
        number = max(code.integer(0, "<b"), code.integer(3))
        codes.append(OPERATORS.get(number, code.text(1) or f"operator {number}"))
    stored = [bool(len(buffer.data(0))) for buffer in model.tables(4)]
    graph = next(model.tables(2), None)
    if graph is None:
        raise ModelFileError("has no graph")
    tensors = tuple(_tensor(tensor, stored) for tensor in graph.tables(0))
    operators = tuple(_operator(operator, codes) for operator in graph.tables(3))
    known = range(-1, len(tensors))
    inputs, outputs = _indices(graph, 1), _indices(graph, 2)
    for used in (inputs, outputs, *(o.inputs + o.outputs for o in operators)):
        if any(index not in known for index in used):
            raise ModelFileError("refers to a tensor that it does not have")
    return Graph(model.integer(0, "<I"), tensors, inputs, outputs, operators)


def _tensor(tensor: Table, stored: list[bool]) -> Tensor:
    number = tensor.integer(1, "<b")
    buffer = tensor.integer(2, "<I")
    # The signature tells free sizes; it is left out where there are none.
    shape = _indices(tensor, 7) or _indices(tensor, 0)
    return Tensor(
        name=tensor.text(3),
        type=TYPES.get(number, f"type {number}"),
        shape=shape,
        constant=buffer < len(stored) and stored[buffer],
    )


def _operator(operator: Table, codes: list[str]) -> Operator:
    index = operator.integer(0, "<I")
    if index >= len(codes):
        raise ModelFileError(f"has no operator {index}")
    return Operator(codes[index], _indices(operator, 1), _indices(operator, 2))


def _indices(table: Table, field: int) -> tuple[int, ...]:
    return tuple(table.numbers(field).tolist())
