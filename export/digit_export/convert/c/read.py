"""An int8 TFLite file as steps: the walk along its operators, and what is said of odd ones."""

import copy
from collections.abc import Mapping
from typing import Any, Final

from digit_export.convert.c import dilated, elementwise, joins, layers
from digit_export.convert.c.graph import PIXELS_VALUE, Array, Int8Network, Step
from digit_export.convert.c.tflite_graph import TFLiteGraph
from digit_export.errors import ConversionError

_CONVOLUTIONS: Final = ("CONV_2D", "DEPTHWISE_CONV_2D")
_RENAMINGS: Final = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")


def read(content: bytes, keras_layers: Mapping[str, str]) -> Int8Network:
    """Read an int8 TFLite file as `tflite.int8` writes it.

    Args:
        content: The file.
        keras_layers: The classes of the Keras model's layers by their names.

    Raises:
        ConversionError: There is a layer that no kernel computes; says which.
    """
    reader = Reader(TFLiteGraph(content))
    for operator_name, operator in reader.graph.operators:
        try:
            reader.take(operator_name, operator)
        except ValueError as error:
            tensors = [*operator.outputs, *operator.inputs]
            layer = _layer([reader.graph.name(int(t)) for t in tensors if t >= 0], keras_layers)
            what = f"its layer {layer}" if layer else "a part of the network"
            raise ConversionError(
                f"c has no way to write {what}: {error} (TFLite's {operator_name})"
            ) from error
    if reader.scores is None:
        raise ConversionError("c has no way to write a network that does not end in softmax")
    sizes = {step.output: layers.size(reader.graph, step.output) for step in reader.steps}
    scale = reader.graph.quantization(reader.scores).scale
    return Int8Network(tuple(reader.steps), sizes, reader.scores, scale)


class Reader:
    """Follows the operators in their order; each step is added when its value is needed.

    Attributes:
        graph: The file.
        steps: What was found so far.
        scores: The value that softmax takes, once that is found.
    """

    def __init__(self, graph: TFLiteGraph) -> None:
        self.graph = graph
        self.steps: list[Step] = []
        self.scores: int | None = None
        self._renamed: dict[int, int] = {}
        # Of a tensor that is nothing but a function of each value of another: that one, and
        # the operators between.
        self._functions: dict[int, tuple[int, frozenset[int]]] = {}
        # Dilated convolutions, by their parts' results; see `dilated`.
        self._dealt: dict[int, Any] = {}
        self._parts: dict[int, tuple[str, Any]] = {}
        self._of_floats: dict[int, Any] = {}
        self._done = {graph.input}
        self._numbers = {int(o.outputs[0]): i for i, (_, o) in enumerate(graph.operators)}

    def take(self, name: str, operator: Any) -> None:
        """Add one operator.

        Raises:
            ValueError: It cannot be written; says what of it.
        """
        taken = [int(i) for i in operator.inputs if i >= 0]
        if self.scores is not None:
            raise ValueError(f"{name} comes after softmax")
        if name in _RENAMINGS:
            self._renamed[int(operator.outputs[0])] = self._own(taken[0])
        elif name == "QUANTIZE" and taken[0] in self._of_floats:
            self._concatenate(self._of_floats[taken[0]], operator)
        elif name in elementwise.NAMES and self._joins(operator, taken):
            return
        elif name == "SPACE_TO_BATCH_ND":
            self._dealt[int(operator.outputs[0])] = operator
        elif name in _CONVOLUTIONS and taken[0] in self._dealt:
            self._parts[int(operator.outputs[0])] = (name, operator)
        elif name == "BATCH_TO_SPACE_ND" and taken[0] in self._parts:
            name, convolution = self._parts[taken[0]]
            deal = self._dealt[int(convolution.inputs[0])]
            self._read(name, dilated.folded(self.graph, deal, convolution, operator))
        elif name == "CONCATENATION" and not self.graph.is_int8(int(operator.outputs[0])):
            self._of_floats[int(operator.outputs[0])] = operator
        elif name == "SOFTMAX":
            self._end(taken[0], operator)
        elif name in layers.READERS:
            self._read(name, operator)
        else:
            raise ValueError("there is no such kernel")

    def value(self, tensor: int) -> int:
        """Return the number of the value in which `tensor` lies, which is computed by now.

        Raises:
            ValueError: It is no int8, or the pixels themselves.
        """
        own = self._own(tensor)
        if own not in self._done:
            self._tabulate(own)
        if own == self.graph.input or not self.graph.is_int8(own):
            raise ValueError("it computes with other numbers than int8")
        return own

    def add(
        self,
        kernel: str,
        inputs: tuple[int | Array, ...],
        output: int,
        fields: Mapping[str, int | Array],
        scratch: int = 0,
        macs: int = 0,
    ) -> None:
        """Add a step that makes the tensor `output`."""
        if not self.graph.is_int8(output):
            raise ValueError("it computes with other numbers than int8")
        self._append(kernel, inputs, output, fields, scratch, macs)

    def _append(
        self,
        kernel: str,
        inputs: tuple[int | Array, ...],
        output: int,
        fields: Mapping[str, int | Array],
        *costs: int,
    ) -> None:
        name = self.graph.name(output).split(";")[0]
        self.steps.append(Step(kernel, name, inputs, output, fields, *costs))

    def _read(self, name: str, operator: Any) -> None:
        layers.READERS[name](self, operator)
        self._done.add(int(operator.outputs[0]))

    def _concatenate(self, operator: Any, quantize: Any) -> None:
        """Concatenate functions of int8 values that are floats until they are together."""
        made = int(quantize.outputs[0])
        for tensor in map(int, operator.inputs):
            own = self._own(tensor)
            if own not in self._functions:
                raise ValueError("it computes with other numbers than int8")
            # Each part becomes int8 for itself, in the scale of the whole.
            last = copy.copy(quantize)
            last.inputs = [own]
            self._tabulate(own, last)
        whole = copy.copy(operator)
        whole.outputs = [made]
        joins.copies(self, whole, list(map(self._own, map(int, operator.inputs))))
        self._done.add(made)

    def _own(self, tensor: int) -> int:
        return self._renamed.get(tensor, tensor)

    def _joins(self, operator: Any, taken: list[int]) -> bool:
        """Note an operator as part of a function of one value, if it is that."""
        roots, operators = set(), {self._numbers[int(operator.outputs[0])]}
        for tensor in map(self._own, taken):
            constant = self.graph.constant(tensor)
            if constant is not None:
                if constant.size != 1:
                    return False
            elif tensor in self._functions:
                root, between = self._functions[tensor]
                roots.add(root)
                operators |= between
            else:
                roots.add(tensor)
        if len(roots) != 1:
            return False
        self._functions[int(operator.outputs[0])] = (roots.pop(), frozenset(operators))
        return True

    def _tabulate(self, tensor: int, last: Any = None) -> None:
        """Add the step that makes a function of one value; `last` makes it int8, if given."""
        root, numbers = self._functions.pop(tensor)
        operators = [self.graph.operators[number][1] for number in sorted(numbers)]
        operators += [last] if last else []
        if not self.graph.is_int8(int(operators[-1].outputs[0])):
            raise ValueError("it computes with other numbers than int8")
        count = layers.size(self.graph, tensor)
        values = elementwise.table(self.graph.model, operators, list(self._renamed.items()))
        fields: dict[str, int | Array] = {"count": count, "values": values}
        if root == self.graph.input:
            self._append("pixels", (PIXELS_VALUE,), tensor, fields)
        else:
            self._append("table", (self.value(root),), tensor, fields)
        self._done.add(tensor)

    def _end(self, tensor: int, operator: Any) -> None:
        own = self._own(tensor)
        root, numbers = self._functions.get(own, (own, frozenset()))
        names = [self.graph.operators[number][0] for number in numbers]
        if names != ["DEQUANTIZE"]:
            raise ValueError("softmax of other numbers than int8, or in the midst of the network")
        if operator.builtinOptions.beta != 1:
            raise ValueError("softmax with a factor")
        self.scores = self.value(root)


def _layer(tensors: list[str], keras_layers: Mapping[str, str]) -> str | None:
    """Return name and class of the Keras layer that one of `tensors` is named after."""
    for tensor in tensors:
        for name in tensor.split(";"):
            for part in reversed(name.split("/")):
                # The converter counts the layers of a name: "conv2d_1" becomes "conv2d_1_1".
                for own in (part.rpartition("_")[0], part):
                    if own in keras_layers:
                        return f"{own!r} ({keras_layers[own]})"
    return None
