"""From the operators of an ONNX file to numpy functions in the order to call them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from digit_runtime.errors import ModelFileError
from digit_runtime.formats.onnx_file import Array, Graph, Node
from digit_runtime.formats.onnx_operators import build
from digit_runtime.formats.onnx_windows import Function

# Which dimension of a layer's weights counts its outputs, and how one number for each of
# these broadcasts over its result.
_OUTPUTS: Final = {"Conv": (0, (-1, 1, 1)), "Gemm": (1, (-1,))}
# float32 holds every whole number up to here.
_EXACT: Final = 1 << 24


@dataclass(frozen=True)
class Step:
    """One function, the names of what it takes and makes, and of what nobody needs later."""

    function: Function
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    free: tuple[str, ...] = ()


@dataclass(frozen=True)
class Program:
    """A graph, ready to run. Holds no state of a run, so threads may share it."""

    input: str
    output: str
    constants: Mapping[str, Array]
    steps: tuple[Step, ...]

    def run(self, x: Array) -> Array:
        """Return the graph's output; keeps no more intermediate arrays than it must."""
        values = {self.input: x}
        with np.errstate(all="ignore"):
            for step in self.steps:
                result = step.function(*(self._value(name, values) for name in step.inputs))
                results = result if isinstance(result, tuple) else (result,)
                values.update(zip(step.outputs, results, strict=True))
                for name in step.free:
                    del values[name]
        return values[self.output]

    def _value(self, name: str, values: Mapping[str, Array]) -> Array:
        return values[name] if name in values else self.constants[name]


def compile(graph: Graph) -> Program:
    """Prepare a graph with one input and one output.

    Operators on constants alone, such as the casts of float16 weights, run here, once.

    Raises:
        UnsupportedModelError: It has an operator that is not implemented.
        ModelFileError: It has a value that nothing makes.
    """
    constants = dict(graph.constants)
    makers: dict[str, Node] = {}
    steps: list[Step] = []
    known = {graph.inputs[0].name, *constants}
    for node in graph.nodes:
        if missing := [name for name in node.inputs if name not in known]:
            raise ModelFileError(f"{node.operator} takes {missing[0]!r}, which nothing makes")
        known.update(node.outputs)
        makers.update(dict.fromkeys(node.outputs, node))
        step = _integer_layer(node, makers, constants) or Step(
            build(node.operator, node.attributes), node.inputs, node.outputs
        )
        if all(name in constants for name in step.inputs):
            alone = Program("", node.outputs[0], constants, (step,))
            constants[node.outputs[0]] = alone.run(np.empty(0))
        else:
            steps.append(step)
    output = graph.outputs[0].name
    if output not in known:
        raise ModelFileError(f"has no operator that makes {output!r}")
    steps = _pruned(steps, output, constants)
    used = {name for step in steps for name in step.inputs}
    return Program(
        graph.inputs[0].name,
        output,
        {name: value for name, value in constants.items() if name in used},
        tuple(steps),
    )


def _pruned(steps: list[Step], output: str, constants: Mapping[str, Array]) -> list[Step]:
    """Drop the steps that do not lead to `output`; note after which step a value is done."""
    needed = {output}
    kept: list[Step] = []
    for step in reversed(steps):
        if needed.isdisjoint(step.outputs):
            continue
        unused = {name for name in step.outputs if name not in needed}
        last = {name for name in step.inputs if name not in needed and name not in constants}
        kept.append(replace(step, free=tuple(unused | last)))
        needed.update(step.inputs)
    return kept[::-1]


def _integer_layer(
    node: Node, makers: Mapping[str, Node], constants: Mapping[str, Array]
) -> Step | None:
    """Return a layer between dequantized values as one on the integers themselves.

    Floating point would round the sums, and a sum that lands near a half rounds to
    another integer in the next layer. Sums of whole numbers are exact, in any order, as
    in the engines that compute with integers. None if the node is not such a layer.
    """
    if node.operator not in _OUTPUTS or len(node.inputs) < 2:
        return None
    x, weight = (makers.get(name) for name in node.inputs[:2])
    axis, shape = _OUTPUTS[node.operator]
    if not (
        x
        and weight
        and x.operator == weight.operator == "DequantizeLinear"
        and len(x.inputs) == len(weight.inputs) == 3
        and all(name in constants for name in (*x.inputs[1:], *weight.inputs))
        and constants[x.inputs[1]].size == 1
        and weight.attributes.get("axis", 1) == axis
    ):
        return None
    x_scale, x_zero_point = (constants[name].reshape(()) for name in x.inputs[1:])
    whole, weight_scale, weight_zero_point = (constants[name] for name in weight.inputs)
    unscaled = build("DequantizeLinear", weight.attributes)
    integers: Array = unscaled(whole, np.ones_like(weight_scale), weight_zero_point)
    dtype = np.float32 if _largest(integers, axis, int(x_zero_point)) <= _EXACT else np.float64
    integers = integers.astype(dtype)
    zero_point: Array = x_zero_point.astype(dtype)
    scale = (x_scale * weight_scale).reshape(shape)
    layer = build(node.operator, node.attributes)

    def run(x: Array, bias: Array | None = None) -> Array:
        sums: Array = layer(x.astype(dtype) - zero_point, integers)
        result: Array = sums.astype(np.float32, copy=False) * scale
        return result if bias is None else result + bias.reshape(shape)

    return Step(run, (x.inputs[0], *node.inputs[2:]), node.outputs)


def _largest(weights: Array, axis: int, zero_point: int) -> float:
    """Return a bound of all sums of weights times uint8 inputs, and of their partial sums."""
    others = tuple(i for i in range(weights.ndim) if i != axis)
    above, below = (
        np.maximum(signed, 0).sum(axis=others, dtype=np.float64) for signed in (weights, -weights)
    )
    # Inputs less their zero point range from -zero_point to 255 - zero_point.
    left, right = zero_point, 255 - zero_point
    return float(np.maximum(right * above + left * below, right * below + left * above).max())
