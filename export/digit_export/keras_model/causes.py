"""The cause inside the long errors of Keras, TensorFlow and converters, in one line."""

import re
from typing import Final

# Keras wraps what went wrong once for each level of the model, configurations included.
_WRAPPED: Final = "Exception encountered: "
_TAILS: Final = (" Full object config:", " Make sure custom classes")
_LAYER: Final = re.compile(r"class '(\w+)' using config=\{'name': '([^']+)'")

AS_GRAPH: Final = (
    "write it with model.export('folder') in the program that made it, and export that folder"
)
"""What helps where a layer's Python code is not to be had: the graph, which needs none."""


def cause(error: Exception) -> str:
    """Return the innermost reason, whole, on one line."""
    text = str(error).strip().rpartition(_WRAPPED)[2]
    for tail in _TAILS:
        text = text.partition(tail)[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0].rstrip(".") if lines else type(error).__name__


def failing_layer(error: Exception) -> tuple[str, str] | None:
    """Return name and class of the layer that Keras could not make, if the error tells."""
    found = _LAYER.findall(str(error))
    return (found[-1][1], found[-1][0]) if found else None
