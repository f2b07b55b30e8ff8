"""Operators that join two values, or several: sums, products, concatenations."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from digit_export.convert.c import rescale
from digit_export.convert.c.graph import Array

if TYPE_CHECKING:
    from digit_export.convert.c.read import Reader


def add(reader: "Reader", operator: Any) -> None:
    """Add two values, or a value and a constant."""
    _sum(reader, operator, 1)


def subtract(reader: "Reader", operator: Any) -> None:
    """Subtract the second from the first."""
    _sum(reader, operator, -1)


def multiply(reader: "Reader", operator: Any) -> None:
    """Multiply two values, or a value and a constant."""
    inputs, fields = _pair(reader, operator)
    source_a, source_b, made = _quantizations(reader, operator)
    # In float32, as TFLite does.
    product = np.float32(source_a.scale) * np.float32(source_b.scale) / np.float32(made.scale)
    factor, shift = rescale.multiplier(float(product))
    reader.add(
        "multiply",
        inputs,
        int(operator.outputs[0]),
        {**fields, "multiplier": factor, "shift": shift},
    )


def prelu(reader: "Reader", operator: Any) -> None:
    """Multiply what is negative with a constant of its own."""
    inputs, fields = _pair(reader, operator)
    source, slopes, made = _quantizations(reader, operator)
    if isinstance(inputs[1], int):
        raise ValueError("slopes that are computed")
    # In float32, as TFLite does.
    above = np.float32(source.scale) / np.float32(made.scale)
    below = np.float32(source.scale) * np.float32(slopes.scale) / np.float32(made.scale)
    for name, real in (("", above), ("_below", below)):
        factor, shift = rescale.multiplier(float(real))
        fields |= {f"multiplier{name}": factor, f"shift{name}": shift}
    reader.add("prelu", inputs, int(operator.outputs[0]), fields)


def concatenate(reader: "Reader", operator: Any) -> None:
    """Copy each part to its place."""
    made = int(operator.outputs[0])
    parts = [int(tensor) for tensor in operator.inputs]
    if {reader.graph.quantization(part) for part in parts} != {reader.graph.quantization(made)}:
        raise ValueError("a concatenation that changes the scale")
    # All parts first: each may need steps of its own.
    copies(reader, operator, [reader.value(part) for part in parts])


def copies(reader: "Reader", operator: Any, values: Sequence[int]) -> None:
    """Copy values to their places in the result of a CONCATENATION, whose parts they are."""
    made = int(operator.outputs[0])
    shape = reader.graph.shape(made)
    axis = int(operator.builtinOptions.axis) % (len(shape) + 1) - 1
    if axis < 0:
        raise ValueError("a concatenation of images")
    at = 0
    for part, value in zip(map(int, operator.inputs), values, strict=True):
        count = math.prod(reader.graph.shape(part)[axis:])
        fields = {
            "rows": math.prod(shape[:axis]),
            "count": count,
            "made_count": math.prod(shape[axis:]),
            "before": at,
        }
        reader.add("copy", (value,), made, fields)
        at += count


def _sum(reader: "Reader", operator: Any, sign: int) -> None:
    inputs, fields = _pair(reader, operator)
    source_a, source_b, made = _quantizations(reader, operator)
    twice = 2 * max(source_a.scale, source_b.scale)
    for name, real in (
        ("_a", source_a.scale / twice),
        ("_b", source_b.scale / twice),
        ("", twice / (2**20 * made.scale)),
    ):
        factor, shift = rescale.multiplier(real)
        fields |= {f"multiplier{name}": factor, f"shift{name}": shift}
    reader.add("add", inputs, int(operator.outputs[0]), {**fields, "sign_b": sign})


def _quantizations(reader: "Reader", operator: Any) -> list[rescale.Quantization]:
    tensors = (*operator.inputs[:2], operator.outputs[0])
    return [reader.graph.quantization(int(tensor)) for tensor in tensors]


def _pair(reader: "Reader", operator: Any) -> tuple[tuple[int | Array, ...], dict[str, Any]]:
    """Return the two that are joined, and the fields that all such steps have."""
    graph = reader.graph
    made = int(operator.outputs[0])
    shape = graph.shape(made)
    quantization = graph.quantization(made)
    inputs: list[int | Array] = []
    fields: dict[str, Any] = {
        "count": math.prod(shape),
        "made_zero_point": quantization.zero_point,
        **rescale.limits(graph.activation(operator.builtinOptions), quantization),
    }
    for tensor, which in zip(map(int, operator.inputs[:2]), "ab", strict=True):
        constant = graph.constant(tensor)
        own = graph.shape(tensor) if constant is None else constant.shape
        # Repeated as a whole: its shape is the end of that of the result.
        kept = tuple(own)
        while kept and kept[0] == 1:
            kept = kept[1:]
        if kept != shape[len(shape) - len(kept) :]:
            raise ValueError(f"two things of the shapes {list(own)} and {list(shape)}")
        inputs.append(reader.value(tensor) if constant is None else constant.reshape(-1))
        fields |= {
            f"period_{which}": math.prod(kept),
            f"zero_point_{which}": graph.quantization(tensor).zero_point,
        }
    return tuple(inputs), fields
