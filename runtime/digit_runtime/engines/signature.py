"""The contract, held against what an engine says of a file's inputs and outputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from digit_runtime.contract import CLASSES, PIXELS
from digit_runtime.errors import ContractError


@dataclass(frozen=True)
class Tensor:
    """An input or output: its type by numpy's name, and its shape, None for a free size."""

    type: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        sizes = ", ".join("N" if size is None else str(size) for size in self.shape)
        return f"{self.type} [{sizes}]"


_PIXELS: Final = Tensor("uint8", (None, PIXELS))


def classes_of(path: Path, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> int:
    """Return how many classes a file tells apart.

    Raises:
        ContractError: It does not map uint8 ``[N, 784]``, any N, to float32 ``[N, classes]``.
    """
    classes = (outputs[0].shape[-1] if outputs and outputs[0].shape else None) or 0
    made = [(tensor.type, tensor.shape[1:]) for tensor in outputs]
    if list(inputs) != [_PIXELS] or made != [("float32", (classes,))] or classes not in CLASSES:
        taken, given = (" and ".join(map(str, some)) or "nothing" for some in (inputs, outputs))
        raise ContractError(
            f"{path}: maps {taken} to {given}; expected {_PIXELS} to float32 [N, classes]: "
            "export it with digit-export"
        )
    return classes
