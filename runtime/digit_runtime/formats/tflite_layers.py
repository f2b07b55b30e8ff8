"""The layers of a TFLite file."""

import math
from collections import Counter
from pathlib import Path
from typing import Final

from digit_runtime.formats import tflite_file
from digit_runtime.formats.layers import INT8, QUANTIZED_HERE, Contents, Layer

# They take activations, weights and biases, in this order.
_LAYERS: Final = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def layers_of_tflite(content: bytes, path: Path) -> Contents:
    """Read a .tflite file; raises ModelFileError."""
    graph = tflite_file.read(content, path)
    # float16 weights are stored as such, and dequantized by an operator of their own.
    made_from = {
        operator.outputs[0]: operator.inputs[0]
        for operator in graph.operators
        if operator.name == "DEQUANTIZE" and operator.inputs and operator.outputs
    }
    layers = []
    for operator in graph.operators:
        if operator.name not in _LAYERS or len(operator.inputs) < 2 or not operator.outputs:
            continue
        index = operator.inputs[1]
        weights = graph.tensors[made_from.get(index, index)]
        if not weights.constant:
            continue
        taken = graph.tensors[operator.inputs[0]].type
        hybrid = taken == "float32" and weights.type == "int8" and index not in made_from
        layers.append(
            Layer(
                operator=operator.name,
                weights=math.prod(weights.shape),
                weight_type=weights.type,
                biases=sum(
                    math.prod(graph.tensors[made_from.get(i, i)].shape)
                    for i in operator.inputs[2:]
                    if i >= 0
                ),
                activations=QUANTIZED_HERE if hybrid else _type(taken),
                macs=_macs(operator.name, weights, graph.tensors[operator.outputs[0]]),
            )
        )
    return Contents(
        version=graph.version,
        inputs=[_described(graph.tensors[index]) for index in graph.inputs],
        outputs=[_described(graph.tensors[index]) for index in graph.outputs],
        operators=Counter(operator.name for operator in graph.operators),
        layers=layers,
    )


def _type(name: str) -> str:
    return "int8" if name in INT8 else name


def _macs(name: str, weights: tflite_file.Tensor, made: tflite_file.Tensor) -> int:
    # The batch is free, and each other size is known.
    places = math.prod(abs(size) for size in made.shape)
    if name == "DEPTHWISE_CONV_2D":
        return places * math.prod(weights.shape[1:3])
    return places * math.prod(weights.shape[1:])


def _described(tensor: tflite_file.Tensor) -> str:
    shape = ", ".join("N" if size < 0 else str(size) for size in tensor.shape)
    return f"{tensor.name} {tensor.type} [{shape}]"
