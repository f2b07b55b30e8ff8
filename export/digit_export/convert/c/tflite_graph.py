"""The parts of a TFLite file, under the names that the reader of layers uses."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from digit_export.convert.c.graph import Array
from digit_export.convert.c.rescale import Quantization
from digit_export.quiet import quiet

with quiet():
    from tensorflow.lite.python import schema_py_generated as schema

_DTYPES: Final = {
    schema.TensorType.INT8: "<i1",
    schema.TensorType.INT32: "<i4",
    schema.TensorType.INT64: "<i8",
    schema.TensorType.FLOAT32: "<f4",
}


def _names(enumeration: type) -> Mapping[int, str]:
    return {value: name for name, value in vars(enumeration).items() if name.isupper()}


_OPERATORS: Final = _names(schema.BuiltinOperator)
_ACTIVATIONS: Final = _names(schema.ActivationFunctionType)


class TFLiteGraph:
    """A file with one graph. Tensors are numbers."""

    def __init__(self, content: bytes) -> None:
        self.model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
        self._graph = self.model.subgraphs[0]
        codes = [max(c.builtinCode, c.deprecatedBuiltinCode) for c in self.model.operatorCodes]
        self.operators = [
            (_OPERATORS.get(codes[o.opcodeIndex], "CUSTOM"), o) for o in self._graph.operators
        ]
        self.input = int(self._graph.inputs[0])

    def name(self, tensor: int) -> str:
        """Return its name, of the form ``model/layer/operation``, or several with semicolons."""
        return str(self._graph.tensors[tensor].name.decode())

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Return its shape without the batch."""
        return tuple(int(size) for size in self._graph.tensors[tensor].shape[1:])

    def is_int8(self, tensor: int) -> bool:
        """Return whether it holds int8."""
        return bool(self._graph.tensors[tensor].type == schema.TensorType.INT8)

    def quantization(self, tensor: int) -> Quantization:
        """Return that of a whole tensor.

        Raises:
            ValueError: It is not of integers.
        """
        found = self._graph.tensors[tensor].quantization
        if found is None or found.scale is None:
            raise ValueError("it computes with other numbers than int8")
        return Quantization(float(found.scale[0]), int(found.zeroPoint[0]))

    def scales(self, tensor: int) -> Array:
        """Return the scales of weights, float32, one or one for each output."""
        return np.asarray(self._graph.tensors[tensor].quantization.scale, np.float32)

    def constant(self, tensor: int) -> Array | None:
        """Return what it holds in the file, in its whole shape; None if it is computed.

        Raises:
            ValueError: It is of a type that no layer here has.
        """
        own = self._graph.tensors[tensor]
        data = self.model.buffers[own.buffer].data
        if data is None:
            return None
        if own.type not in _DTYPES:
            raise ValueError("weights of a type other than int8")
        shape = () if own.shape is None else tuple(int(size) for size in own.shape)
        return np.frombuffer(bytes(data), _DTYPES[own.type]).reshape(shape)

    def activation(self, options: Any) -> str:
        """Return the name of the activation that is fused into an operator."""
        return _ACTIVATIONS[getattr(options, "fusedActivationFunction", 0)]


def same() -> int:
    """Return the number of the padding "same"."""
    return int(schema.Padding.SAME)


def valid() -> int:
    """Return the number of the padding "valid"."""
    return int(schema.Padding.VALID)


def before(options: Any, taken: Any, made: Any, window: Any, stride: Any, dilation: Any) -> Any:
    """Return rows and columns of padding before the first, of "same" or "valid"."""
    if options.padding != schema.Padding.SAME:
        return 0, 0
    return tuple(
        max((made[i] - 1) * stride[i] + (window[i] - 1) * dilation[i] + 1 - taken[i], 0) // 2
        for i in range(2)
    )
