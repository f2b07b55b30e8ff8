"""What `digit_runtime.checks.model_file` learns of a file from whoever reads its format."""

from collections.abc import Mapping
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
