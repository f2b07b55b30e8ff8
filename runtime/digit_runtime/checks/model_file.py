"""What a model file holds, read from the file itself: nothing is taken from its name.

A layer is an operator with weights, a convolution or a product of matrices. It counts as
int8 if its weights are and its input is, or is quantized to int8 before it multiplies.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from digit_runtime.errors import ModelFileError
from digit_runtime.formats import stamp
from digit_runtime.formats.layers import Layer, share_of_int8, share_of_weights
from digit_runtime.formats.precisions import KNOWN, NAMES
from digit_runtime.formats.table import format_of
from digit_runtime.models.folder import find


@dataclass(frozen=True)
class Inspection:
    """One model file.

    Attributes:
        path: The file.
        format: "onnx" or "tflite".
        bytes: Its size.
        sha256: Its hash, in hexadecimal.
        version: Of ONNX's operator set, or of TFLite's schema.
        inputs: Name, type and shape of each input, for people.
        outputs: The same of the outputs.
        operators: How many there are of each.
        parameters: Weights and biases.
        macs: Multiplications with a weight for one image; None if that cannot be told.
        weights: Share of the weights that is stored in each type, from 0 to 1.
        int8_macs: Share of those multiplications that is of int8 with int8; None as `macs`.
        activations: What the layers take: the type of their inputs.
        metadata: What digit-export wrote into the file.
        called: The precision that its manifest or its name states, if any.
        complaints: Where the file is not what it is called.
        unknown: Whether this version knows no precision that is called so.
    """

    path: str
    format: str
    bytes: int
    sha256: str
    version: int
    inputs: list[str]
    outputs: list[str]
    operators: Mapping[str, int]
    parameters: int
    macs: int | None
    weights: Mapping[str, float]
    int8_macs: float | None
    activations: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    called: str | None = None
    complaints: list[str] = field(default_factory=list)
    unknown: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def inspect(path: Path) -> Inspection:
    """Read a file's graph.

    Raises:
        ModelNotFoundError: There is no such file.
        ModelFileError: It is damaged, or neither ONNX nor TFLite.
    """
    file = find(path)
    called = file.precision or _named(path)
    content = file.read()
    contents = format_of(file.format).read_layers(content, path)
    if contents is None:
        raise ModelFileError(f"{path}: a .{file.format} file does not tell what it holds")
    layers = contents.layers
    macs = [layer.macs for layer in layers if layer.macs is not None]
    whole = sum(macs) if layers and len(macs) == len(layers) else None
    known = next((precision for precision in KNOWN if precision.name == called), None)
    return Inspection(
        path=str(path),
        format=file.format,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        version=contents.version,
        inputs=contents.inputs,
        outputs=contents.outputs,
        operators=dict(sorted(contents.operators.items())),
        parameters=sum(layer.weights + layer.biases for layer in layers),
        macs=whole,
        weights=share_of_weights(layers),
        int8_macs=share_of_int8(layers) if whole else None,
        activations=_activations(layers),
        metadata=stamp.read(file.format, content),
        called=called,
        complaints=known.complaints(layers) if known else [],
        unknown=called is not None and known is None,
    )


def _activations(layers: list[Layer]) -> str:
    kinds = Counter(layer.activations for layer in layers)
    if len(kinds) == 1:
        return next(iter(kinds))
    return ", ".join(f"{name} in {count} layers" for name, count in kinds.most_common())


def _named(path: Path) -> str | None:
    """Return the precision in a file's name, such as that of cnn-int8.onnx."""
    last = path.stem.rpartition("-")[2]
    return last if last in NAMES else None
