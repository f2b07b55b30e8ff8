"""The precisions that are known: what a file that is called so must hold, the smallest first.

A precision that is not here is exported, found, verified and compared like any other. It is
nobody's default, and its files cannot be held to their name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from digit_runtime.formats.layers import Layer, share_of_int8, share_of_weights

# Less than all, since in others' models an engine may keep a small layer in float.
_MOSTLY: Final = 0.9


@dataclass(frozen=True)
class Precision:
    """One precision, as the graph of a file shows it."""

    name: str
    weights: str
    """The type that weights are stored in."""
    least: float = _MOSTLY
    """The share of them that must be, from 0 to 1; at least some."""
    least_int8: float = 0.0
    """The share of multiplications that must be of int8 with int8."""

    def complaints(self, layers: Sequence[Layer]) -> list[str]:
        """Say in words where layers are not of this precision."""
        found = []
        have = share_of_weights(layers).get(self.weights, 0.0)
        if have < self.least or not have:
            found.append(f"is called {self.name}, but {have:.0%} of its weights are {self.weights}")
        int8 = share_of_int8(layers)
        if int8 is not None and int8 < self.least_int8:
            share = f"{int8:.0%} of its multiplications are of int8"
            found.append(f"is called {self.name}, but {share}")
        return found


# Smallest and fastest first: what a user who does not say gets.
KNOWN: Final = (
    Precision("int8", "int8", least_int8=_MOSTLY),
    Precision("dynamic", "int8", least=0.0),
    Precision("float16", "float16"),
    Precision("float32", "float32"),
)
NAMES: Final = tuple(precision.name for precision in KNOWN)


def rank(name: str | None) -> int:
    """Return the place of a precision among those to prefer; what is not known comes last."""
    return NAMES.index(name) if name in NAMES else len(NAMES)
