"""What a model file holds, read from the file itself: nothing is taken from its name.

A layer is an operator with weights, a convolution or a product of matrices. It counts as
int8 if its weights are and its input is, or is quantized to int8 before it multiplies.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from digit_runtime.errors import ModelFileError
from digit_runtime.formats import stamp
from digit_runtime.formats.layers import Layer
from digit_runtime.formats.onnx_layers import layers_of_onnx
from digit_runtime.formats.tflite_layers import layers_of_tflite
from digit_runtime.models.folder import PRECISIONS, find
from digit_runtime.models.manifest import sha256_of

# Less than all, since in others' models an engine may keep a small layer in float.
_MOSTLY: Final = 0.9
READERS: Final = {".onnx": layers_of_onnx, ".tflite": layers_of_tflite}


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

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def inspect(path: Path) -> Inspection:
    """Read a file's graph.

    Raises:
        ModelNotFoundError: There is no such file.
        ModelFileError: It is damaged, or neither ONNX nor TFLite.
    """
    called = find(path).precision or _named(path)
    if path.suffix not in READERS:
        raise ModelFileError(f"{path}: is neither .onnx nor .tflite")
    contents = READERS[path.suffix](path)
    layers = contents.layers
    macs = [layer.macs for layer in layers if layer.macs is not None]
    whole = sum(macs) if layers and len(macs) == len(layers) else None
    return Inspection(
        path=str(path),
        format=path.suffix[1:],
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
        version=contents.version,
        inputs=contents.inputs,
        outputs=contents.outputs,
        operators=dict(sorted(contents.operators.items())),
        parameters=sum(layer.weights + layer.biases for layer in layers),
        macs=whole,
        weights=_weights(layers),
        int8_macs=_int8_macs(layers) if whole else None,
        activations=_activations(layers),
        metadata=stamp.read(path),
        called=called,
        complaints=complaints(called, layers) if called else [],
    )


def complaints(called: str, layers: list[Layer]) -> list[str]:
    """Say in words where layers are not of the precision that the file is called by."""
    share = _weights(layers)
    if called in ("int8", "dynamic"):
        wanted, least = "int8", _MOSTLY if called == "int8" else 0.0
    elif called in ("float16", "float32"):
        wanted, least = called, _MOSTLY
    else:
        return []
    found = []
    have = share.get(wanted, 0.0)
    if have < least or not have:
        found.append(f"is called {called}, but {have:.0%} of its weights are {wanted}")
    if called == "int8":
        int8 = _int8_macs(layers)
        if int8 is not None and int8 < _MOSTLY:
            found.append(f"is called int8, but {int8:.0%} of its multiplications are of int8")
    return found


def _weights(layers: list[Layer]) -> dict[str, float]:
    counts: Counter[str] = Counter()
    for layer in layers:
        counts[layer.weight_type] += layer.weights
    whole = sum(counts.values())
    return {name: count / whole for name, count in counts.most_common()} if whole else {}


def _int8_macs(layers: list[Layer]) -> float | None:
    """Return the share of int8 in the multiplications that are known; None if none are."""
    whole = sum(layer.macs or 0 for layer in layers)
    return sum(layer.macs or 0 for layer in layers if layer.is_int8) / whole if whole else None


def _activations(layers: list[Layer]) -> str:
    kinds = Counter(layer.activations for layer in layers)
    if len(kinds) == 1:
        return next(iter(kinds))
    return ", ".join(f"{name} in {count} layers" for name, count in kinds.most_common())


def _named(path: Path) -> str | None:
    """Return the precision in a file's name, such as that of cnn-int8.onnx."""
    last = path.stem.rpartition("-")[2]
    return last if last in PRECISIONS else None
