"""What tf2onnx lacks for GELU: TensorFlow computes it with erfc, and ONNX has erf only."""

from typing import Any

import numpy as np


def as_erf(graph: Any, node: Any, name: str, args: list[Any]) -> None:
    """Write erfc(x) as 1 - erf(x); a handler of `tf2onnx.convert.from_function`.

    Args:
        graph: The `tf2onnx.graph.Graph`.
        node: Its node Erfc, of float32.
        name: Of the node.
        args: Nothing.
    """
    node.type = "Erf"
    one = graph.make_const(f"{name}/one", np.float32(1)).output[0]
    difference = graph.insert_new_node_on_output("Sub", node.output[0], name=f"{name}/Sub")
    graph.replace_inputs(difference, [one, node.output[0]])
