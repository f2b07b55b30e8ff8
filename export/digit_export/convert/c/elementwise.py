"""What TFLite itself makes of all 256 values, or of all sums.

Operators that treat each value for itself become a table, averages become thresholds. Both
are TFLite's own answers: a file of these operators alone is run by its reference
kernels. So every activation can be written, also one that consists of several operators or
that TFLite computes in float, and is equal bit by bit.
"""

import copy
import math
from collections.abc import Sequence
from typing import Any, Final

import flatbuffers
import numpy as np

from digit_export.convert.c.graph import Array
from digit_export.quiet import quiet

with quiet():
    from tensorflow.lite.python import schema_py_generated as schema

NAMES: Final = frozenset(
    """ABS ADD CAST CEIL COS DEQUANTIZE DIV ELU EQUAL EXP FLOOR GELU GREATER GREATER_EQUAL
    HARD_SWISH LEAKY_RELU LESS LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC MAXIMUM
    MINIMUM MUL NEG NOT_EQUAL POW PRELU QUANTIZE RELU RELU6 RELU_0_TO_1 RELU_N1_TO_1 ROUND RSQRT
    SELECT SELECT_V2 SIGN SIN SQRT SQUARE SQUARED_DIFFERENCE SUB TANH""".split()
)


def table(model: Any, operators: Sequence[Any], aliases: Sequence[tuple[int, int]]) -> Array:
    """Return what `operators` make of each of the 256 values, int8 ``[256]``, the lowest first.

    Args:
        model: A `schema.ModelT`, which holds them.
        operators: In their order; the last one makes the result.
        aliases: Pairs of a tensor and the one that it is another name of.
    """
    content, unsigned = _alone(model, operators, dict(aliases), [1, 256], [1, 256])
    values = np.arange(256) if unsigned else np.arange(-128, 128)
    return _run(content, values.astype(np.uint8 if unsigned else np.int8)[None])


def averages(model: Any, operator: Any, shape: Sequence[int], made: Sequence[int]) -> Array:
    """Return the average that a MEAN makes of each sum of `places` integers, the least first.

    Args:
        model: Holds it.
        operator: The MEAN.
        shape: Of what it takes without batch and channels, so that `places` is its product.
        made: Of what it makes, without the channels.
    """
    places = math.prod(shape)
    sums = np.arange(-128 * places, 127 * places + 1)
    found = []
    for part in np.array_split(sums, -(-len(sums) // 4096)):
        content, _ = _alone(model, [operator], {}, [1, *shape, len(part)], [*made, len(part)])
        # As even as can be: the rest of the sum goes to the first places.
        whole, rest = np.divmod(part, places)
        values = whole + (np.arange(places)[:, None] < rest)
        found.append(_run(content, values.astype(np.int8).reshape(1, *shape, len(part))))
    return np.concatenate(found)


def _alone(
    model: Any, operators: Sequence[Any], names: dict[int, int], shape: list[int], made: list[int]
) -> tuple[bytes, bool]:
    """Return a file of `operators` alone, and whether it takes unsigned numbers."""
    graph = model.subgraphs[0]
    results = {int(o.outputs[0]) for o in operators}
    taken = [names.get(int(i), int(i)) for o in operators for i in o.inputs if i >= 0]
    constant = {i for i in taken if model.buffers[graph.tensors[i].buffer].data is not None}
    (root,) = {i for i in taken if i not in results and i not in constant}
    result = int(operators[-1].outputs[0])

    alone = schema.ModelT()
    alone.version = model.version
    alone.operatorCodes = model.operatorCodes
    alone.buffers = [schema.BufferT()]
    part = schema.SubGraphT()
    part.tensors, numbers = [], {}
    for index in dict.fromkeys([root, *taken, *results]):
        tensor = copy.copy(graph.tensors[index])
        if index in constant:
            alone.buffers.append(model.buffers[tensor.buffer])
            tensor.buffer = len(alone.buffers) - 1
        else:
            tensor.shape = made if index in results else shape
            tensor.shapeSignature, tensor.buffer = None, 0
        numbers[index] = len(part.tensors)
        part.tensors.append(tensor)
    part.operators = [_renumbered(o, numbers, names) for o in operators]
    part.inputs, part.outputs = [numbers[root]], [numbers[result]]
    alone.subgraphs = [part]
    builder = flatbuffers.Builder(4096)
    builder.Finish(alone.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output()), graph.tensors[root].type == schema.TensorType.UINT8


def _renumbered(operator: Any, numbers: dict[int, int], names: dict[int, int]) -> Any:
    own = copy.copy(operator)
    own.inputs = [numbers[names.get(int(i), int(i))] for i in operator.inputs if i >= 0]
    own.outputs = [numbers[int(i)] for i in operator.outputs]
    return own


def _run(content: bytes, values: Array) -> Array:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # A few operators have no reference kernel.
    kinds = (OpResolverType.BUILTIN_REF, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    with quiet():
        for kind in kinds:
            try:
                interpreter = Interpreter(model_content=content, experimental_op_resolver_type=kind)
                break
            except ValueError:
                if kind == kinds[-1]:
                    raise
        interpreter.allocate_tensors()
        (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.set_tensor(taken["index"], values)
        interpreter.invoke()
        found: Array = interpreter.get_tensor(given["index"]).reshape(-1)
    return found
