"""What `digit_runtime.checks.model_file` learns of a file from whoever reads its format."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

INT8: Final = ("int8", "uint8")
QUANTIZED_HERE: Final = "quantized as they come"


@dataclass(frozen=True)
class Layer:
    """One operator with weights.

    Attributes:
        operator: By the format's own name.
        weights: How many.
        weight_type: As they are stored.
        biases: How many.
        activations: The type of what it takes, or `QUANTIZED_HERE`.
        macs: Multiplications for one image; None if the shapes are not known.
    """

    operator: str
    weights: int
    weight_type: str
    biases: int
    activations: str
    macs: int | None

    @property
    def is_int8(self) -> bool:
        """Whether it multiplies int8 with int8."""
        return self.weight_type in INT8 and self.activations in (*INT8, QUANTIZED_HERE)


@dataclass(frozen=True)
class Contents:
    """A file's graph, as far as it is told."""

    version: int
    inputs: list[str]
    outputs: list[str]
    operators: Mapping[str, int]
    layers: list[Layer]


def share_of_weights(layers: Sequence[Layer]) -> dict[str, float]:
    """Return the share of the weights that is stored in each type, the largest first."""
    counts: Counter[str] = Counter()
    for layer in layers:
        counts[layer.weight_type] += layer.weights
    whole = sum(counts.values())
    return {name: count / whole for name, count in counts.most_common()} if whole else {}


def share_of_int8(layers: Sequence[Layer]) -> float | None:
    """Return the share of int8 in the multiplications that are known; None if none are."""
    whole = sum(layer.macs or 0 for layer in layers)
    return sum(layer.macs or 0 for layer in layers if layer.is_int8) / whole if whole else None
