"""Rewrite tf2onnx's graph into the few standard operators that the network consists of.

tf2onnx translates TensorFlow's graph operator by operator. These passes leave what a
reader of the file expects and what quantizers recognize: Cast, Mul, Reshape, Conv,
MaxPool, Gemm, Relu, Softmax. None of them changes a result beyond float rounding.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import onnx
import onnxslim
from onnx import numpy_helper


def simplify(model: onnx.ModelProto, layers: Sequence[str]) -> onnx.ModelProto:
    """Return `model` with constants folded, layouts resolved and readable names.

    Args:
        model: A graph from tf2onnx; it is altered.
        layers: Names of the Keras layers, to name each node after its layer.
    """
    model = onnxslim.slim(model)
    _fold_flatten(model.graph, _shapes(model))
    _fuse_dense(model.graph, _shapes(model))
    _drop_unused(model.graph)
    _name(model.graph, layers)
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    return model


def _shapes(model: onnx.ModelProto) -> dict[str, list[int]]:
    """Return the inferred shape of each value; 0 stands for a free dimension."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    return {
        value.name: [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info, *graph.output)
    }


def _constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    return {constant.name: constant for constant in graph.initializer}


def _only_consumer(graph: onnx.GraphProto, value: str) -> onnx.NodeProto | None:
    """Return the node that takes `value`, if nothing else does and it is not a result."""
    consumers = [node for node in graph.node if value in node.input]
    is_output = any(output.name == value for output in graph.output)
    return consumers[0] if len(consumers) == 1 and not is_output else None


def _fold_flatten(graph: onnx.GraphProto, shapes: dict[str, list[int]]) -> None:
    """Flatten channels first, by permuting the rows of the dense layer that follows.

    Keras flattens channels last, so tf2onnx transposes every feature map at run time.
    """
    constants = _constants(graph)
    for transpose in [node for node in graph.node if node.op_type == "Transpose"]:
        permutation = list(onnx.helper.get_node_attr_value(transpose, "perm"))
        reshape = _only_consumer(graph, transpose.output[0])
        dense = reshape and _only_consumer(graph, reshape.output[0])
        if not (
            reshape
            and dense
            and permutation == [0, 2, 3, 1]
            and reshape.op_type == "Reshape"
            and dense.op_type == "MatMul"
            and dense.input[1] in constants
            and _only_consumer(graph, dense.input[1]) is dense
        ):
            continue
        _, channels, height, width = shapes[transpose.input[0]]
        weight = constants[dense.input[1]]
        rows = numpy_helper.to_array(weight)
        if len(rows) != channels * height * width:
            continue
        rows = rows.reshape(height, width, channels, -1).transpose(2, 0, 1, 3)
        rows = np.ascontiguousarray(rows.reshape(channels * height * width, -1))
        weight.CopyFrom(numpy_helper.from_array(rows, weight.name))
        reshape.input[0] = transpose.input[0]
        graph.node.remove(transpose)


def _fuse_dense(graph: onnx.GraphProto, shapes: dict[str, list[int]]) -> None:
    """Write each dense layer as one Gemm, so that a quantizer sees weight and bias together.

    One without bias becomes a Gemm, too: quantizers are told of no other dense operator.
    """
    constants = _constants(graph)
    for product in [node for node in graph.node if node.op_type == "MatMul"]:
        if len(shapes[product.input[0]]) != 2 or product.input[1] not in constants:
            continue
        fused, inputs = [product], list(product.input)
        add = _only_consumer(graph, product.output[0])
        if (
            add
            and add.op_type == "Add"
            and add.input[0] == product.output[0]
            and add.input[1] in constants
            and len(constants[add.input[1]].dims) == 1
        ):
            fused.append(add)
            inputs.append(add.input[1])
        gemm = onnx.helper.make_node("Gemm", inputs, fused[-1].output, product.name)
        graph.node.insert(list(graph.node).index(product), gemm)
        for node in fused:
            graph.node.remove(node)


def _drop_unused(graph: onnx.GraphProto) -> None:
    used = {name for node in graph.node for name in node.input}
    for constant in list(graph.initializer):
        if constant.name not in used:
            graph.initializer.remove(constant)


def _name(graph: onnx.GraphProto, layers: Sequence[str]) -> None:
    """Name nodes "layer/Operator" and values after the node that makes or takes them.

    tf2onnx's own names hold counters that depend on what ran before in the process.
    """
    kept = {value.name for value in (*graph.input, *graph.output)}
    renamed: dict[str, str] = {}
    taken: Counter[str] = Counter()
    constants = _constants(graph)

    def unique(name: str) -> str:
        taken[name] += 1
        return name if taken[name] == 1 else f"{name}_{taken[name]}"

    for node in graph.node:
        node.name = unique(f"{_layer(node.name, layers)}/{node.op_type}".lstrip("/"))
        for value in node.input:
            if value in constants and value not in renamed:
                kind = {0: "constant", 1: "vector"}.get(len(constants[value].dims), "weight")
                renamed[value] = unique(f"{node.name}.{kind}")
        for number, value in enumerate(node.output):
            if value not in kept:
                renamed[value] = f"{node.name}.{number}" if number else node.name
    for node in graph.node:
        node.input[:] = [renamed.get(value, value) for value in node.input]
        node.output[:] = [renamed.get(value, value) for value in node.output]
    for constant in graph.initializer:
        constant.name = renamed[constant.name]


def _layer(tensorflow_name: str, layers: Sequence[str]) -> str:
    """Return the one of `layers` that a name such as "mlp_1/hidden1_1/MatMul" is about, or "".

    TensorFlow gives the layers of a copied network a number: "dense_1" is the layer
    "dense", even if there is a layer "dense_1", which is then "dense_1_1".
    """
    for part in reversed(tensorflow_name.split("/")):
        for name in (re.sub(r"_\d+$", "", part), part):
            if name in layers:
                return name
    return ""
