"""An int8 network as steps between buffers: what the C files are written from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from numpy.typing import NDArray

Array = NDArray[Any]
PIXELS_VALUE: Final = -1
"""Stands among the inputs of a step for the caller's pixels."""


@dataclass(frozen=True)
class Step:
    """One call of a kernel, from int8 values to one that it makes.

    Attributes:
        kernel: The file in ``kernels/`` and, after ``digit_``, the function in it.
        name: Of the tensor that it makes, for people.
        inputs: Numbers of values, or constants, which are int8.
        output: Number of the value that it makes.
        fields: What its struct holds: numbers, and arrays that become constants.
        scratch: Bytes that it needs beside its inputs and output.
        macs: How many multiplications it takes.
    """

    kernel: str
    name: str
    inputs: tuple[int | Array, ...]
    output: int
    fields: Mapping[str, int | Array]
    scratch: int = 0
    macs: int = 0

    @property
    def taken(self) -> tuple[int, ...]:
        """Numbers of the values that it takes."""
        return tuple(i for i in self.inputs if isinstance(i, int) and i != PIXELS_VALUE)


@dataclass(frozen=True)
class Int8Network:
    """Steps from the pixels to a score for each class, and softmax of these.

    Attributes:
        steps: In the order to take them.
        sizes: Bytes of each value, by its number.
        scores: Number of the value that holds the scores.
        scale: What a score is multiplied by before softmax.
    """

    steps: tuple[Step, ...]
    sizes: Mapping[int, int] = field(repr=False)
    scores: int
    scale: float

    @property
    def classes(self) -> int:
        """How many probabilities it gives."""
        return self.sizes[self.scores]

    @property
    def macs(self) -> int:
        """How many multiplications an image takes."""
        return sum(step.macs for step in self.steps)
