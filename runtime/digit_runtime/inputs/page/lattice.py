"""Which pieces of a line are one digit: the reading that the model is surest of.

Pieces, and parts of those that may be several digits, are the steps of a lattice; each way
through it is a reading, each step scored by the model (Matan, Burges, LeCun and Denker,
Multi-Digit Recognition Using a Space Displacement Neural Network, 1992).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from digit_runtime.contract import Probabilities
from digit_runtime.inputs.page.cuts import cut
from digit_runtime.inputs.page.shapes import Shape, united

# Shapes wider than this share of a line's height may be two digits, ...
_WIDE: Final = 1.1
# ... and narrower ones, down to this, where the model doubts them.
# No digit is wider.
_WIDEST: Final = 1.35
_NARROW: Final = 0.4
_DOUBT: Final = 0.9
# What a cut costs in the logarithm of the probability, and what for each digit's height of
# ink that it crosses.
_CUT: Final = 0.05
_CROSSED: Final = 1.0
# ... and what for two digits that stand above each other, by the share of the narrower one.
_OVERLAP: Final = 1.0
# Pieces of one digit are at most this share of the height apart.
_GAP: Final = 0.15

Model = Callable[[Sequence[Shape]], Probabilities]


@dataclass(frozen=True)
class Reading:
    """A shape and the model's probabilities of it."""

    shape: Shape
    probabilities: Probabilities

    @property
    def sure(self) -> float:
        """The highest of the probabilities."""
        return float(self.probabilities.max())


def read_lines(
    lines: Sequence[Sequence[Shape]], typical: float, model: Model
) -> list[list[Reading]]:
    """Return each line's digits; `model` gives the probabilities of shapes, ``[n, 10]``."""
    first = model([shape for line in lines for shape in line])
    chains: list[_Chain] = []
    at = 0
    for number, line in enumerate(lines):
        sure = first[at : at + len(line)]
        at += len(line)
        height = _height(line, typical)
        chains.extend(_chains(number, line, sure, height))
    asked = [hypothesis for chain in chains for hypothesis in chain.unknown()]
    answers = model([shape for shape, _ in asked])
    for (_, put), answer in zip(asked, answers, strict=True):
        put(answer)
    result: list[list[Reading]] = [[] for _ in lines]
    for chain in chains:
        result[chain.line].extend(chain.best())
    return result


def _height(line: Sequence[Shape], typical: float) -> float:
    tall = [shape.height for shape in line if shape.height > 0.5 * typical]
    return float(np.median(tall)) if tall else typical


class _Chain:
    """Pieces that may belong together, in their order, and the digits they may form."""

    def __init__(self, line: int, atoms: list[Shape], costs: list[float], height: float) -> None:
        self.line, self.atoms, self.costs, self.height = line, atoms, costs, height
        self.shapes: dict[tuple[int, int], Shape] = {}
        self.scores: dict[tuple[int, int], Probabilities] = {}
        self.whole: list[tuple[int, int]] = []

    def unknown(self) -> list[tuple[Shape, Callable[[Probabilities], None]]]:
        """Return the digits that the model has not seen, each with where its answer goes."""
        count = len(self.atoms)
        asked: list[tuple[Shape, Callable[[Probabilities], None]]] = []
        for first in range(count):
            for last in range(first + 1, count + 1):
                if (first, last) in self.scores:
                    continue
                shape = united(self.atoms[first:last])
                if last - first > 1 and shape.width > _WIDEST * self.height:
                    break
                key = (first, last)
                self.shapes[key] = shape

                def put(answer: Probabilities, key: tuple[int, int] = key) -> None:
                    self.scores[key] = answer

                asked.append((shape, put))
        return asked

    def best(self) -> list[Reading]:
        """Return the digits of the best way through."""
        count = len(self.atoms)
        best = [0.0] + [-np.inf] * count
        came = [0] * (count + 1)
        for (first, last), answer in sorted(self.scores.items()):
            price = self.costs[last - 1] if last < count else 0.0
            value = best[first] + self._score(self.shapes[first, last], answer) - price
            if value > best[last]:
                best[last], came[last] = value, first
        readings = []
        last = count
        while last:
            key = (came[last], last)
            readings.append(Reading(self.shapes[key], self.scores[key]))
            last = key[0]
        return readings[::-1]

    def _score(self, shape: Shape, answer: Probabilities) -> float:
        value = float(np.log(max(1e-6, answer.max())))
        # The model sees no sizes: a piece far lower than the line is no digit of it, and
        # hardly a digit is so wide.
        low = max(0.0, 0.55 - max(shape.height, shape.width) / self.height)
        wide = max(0.0, shape.width / self.height - 1.15)
        return value - 4.0 * low - 2.0 * wide


def _chains(number: int, line: Sequence[Shape], sure: Probabilities, height: float) -> list[_Chain]:
    chains: list[_Chain] = []
    previous: Shape | None = None
    for shape, answer in zip(line, sure, strict=True):
        doubtful = answer.max() < _DOUBT
        atoms, costs = [shape], []
        ratio = shape.width / height
        if ratio > _WIDE or (doubtful and ratio > _NARROW):
            atoms, crossed = cut(shape, height)
            costs = [_CUT + _CROSSED * share for share in crossed]
        if previous is not None and _joinable(previous, shape, height):
            chain = chains[-1]
            offset = len(chain.atoms)
            chain.costs.append(_OVERLAP * _overlap(previous, shape))
            chain.atoms.extend(atoms)
            chain.costs.extend(costs)
        else:
            chain, offset = _Chain(number, atoms, costs, height), 0
            chains.append(chain)
        key = (offset, offset + len(atoms))
        chain.shapes[key], chain.scores[key] = shape, answer
        previous = shape
    return chains


def _overlap(one: Shape, two: Shape) -> float:
    shared = min(one.box[2], two.box[2]) - max(one.box[0], two.box[0])
    return max(0.0, shared / min(one.width, two.width))


def _joinable(one: Shape, two: Shape, height: float) -> bool:
    """Tell whether two neighbours may be one digit: near, and one of them incomplete."""
    gap = two.box[0] - one.box[2]
    lower = min(one.height, two.height)
    union = max(one.box[2], two.box[2]) - min(one.box[0], two.box[0])
    return gap < _GAP * height and lower < 0.75 * height and union < 1.3 * height
