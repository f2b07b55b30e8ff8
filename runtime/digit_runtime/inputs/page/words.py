"""Lines of words, which are no digits: the model is unsure of too many of their marks.

The limit of a model lets almost every digit through and stops most letters, not all: an "l" is a
"1". One letter alone cannot be told from a digit then, but a line of them can.
"""

import math
from collections.abc import Sequence
from typing import Final

# How many of a hundred digits a model is unsure of at most, on pictures that are hard to read.
_UNSURE: Final = 0.04
# A line of digits is taken for words about as seldom as this.
_CHANCE: Final = 1e-4


def are_words(unsure: Sequence[bool]) -> bool:
    """Tell whether so many marks of a line are unsure as would not be, were they digits."""
    count, doubts = len(unsure), sum(unsure)
    chance = sum(
        math.comb(count, number) * _UNSURE**number * (1 - _UNSURE) ** (count - number)
        for number in range(doubts, count + 1)
    )
    return chance < _CHANCE
