"""Dilated convolutions, which TensorFlow writes as three operators.

SPACE_TO_BATCH_ND deals the pixels out to images of which each has every second one (or third,
...), these are convolved, and BATCH_TO_SPACE_ND puts the results together. That is a convolution
whose window has gaps (Yu and Koltun, Multi-scale context aggregation by dilated convolutions,
ICLR 2016).
"""

import copy
from typing import Any

from digit_export.convert.c.tflite_graph import TFLiteGraph, before, same, valid


def folded(graph: TFLiteGraph, deal: Any, convolution: Any, collect: Any) -> Any:
    """Return one operator that does what three do.

    Args:
        graph: The file.
        deal: The SPACE_TO_BATCH_ND.
        convolution: A CONV_2D or DEPTHWISE_CONV_2D.
        collect: The BATCH_TO_SPACE_ND.

    Raises:
        ValueError: They are of another form.
    """
    block, around = (graph.constant(int(tensor)) for tensor in deal.inputs[1:3])
    back, cut = (graph.constant(int(tensor)) for tensor in collect.inputs[1:3])
    if block is None or around is None or back is None or cut is None:
        raise ValueError("dilation that is computed")
    options = copy.copy(convolution.builtinOptions)
    strides = (options.strideH, options.strideW)
    dilations = (options.dilationHFactor, options.dilationWFactor)
    if block.shape != (2,) or (block != back).any() or strides != (1, 1) or dilations != (1, 1):
        raise ValueError("dilation of another form")
    options.dilationHFactor, options.dilationWFactor = map(int, block)
    own = copy.copy(convolution)
    own.builtinOptions = options
    own.inputs = [int(deal.inputs[0]), *map(int, convolution.inputs[1:])]
    own.outputs = [int(collect.outputs[0])]
    padded = tuple(int(value) for value in around[:, 0] - cut[:, 0])
    weights = graph.constant(int(convolution.inputs[1]))
    if weights is None:
        raise ValueError("weights that are computed")
    taken, made = (graph.shape(tensor) for tensor in (own.inputs[0], own.outputs[0]))
    gaps = tuple(map(int, block))
    for padding in (same(), valid()):
        options.padding = padding
        if padded == before(options, taken, made, weights.shape[1:3], strides, gaps):
            return own
    raise ValueError("dilation with another padding")
