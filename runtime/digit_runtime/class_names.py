"""The names of a model's classes: which there may be, and how CSV files refer to them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from digit_runtime.contract import DIGITS


def counted(classes: int) -> tuple[str, ...]:
    """Return the names of classes that have none: "0", "1" and so on."""
    return tuple(map(str, range(classes)))


def is_class_name(text: str) -> bool:
    """Return whether `text` can name a class: printable, and a CSV cell as it is."""
    return text.isprintable() and text == text.strip() != "" and not set(text) & set(',"')


@lru_cache(maxsize=8)
def indices(names: tuple[str, ...]) -> Mapping[str, int]:
    """Return by what a CSV may call each class, with the index of that class.

    That is its name. Where no name is a number, it is the index too, from 0: what data
    sets of letters and the like have in their label column.
    """
    found = {name: index for index, name in enumerate(names)}
    if not any(name.isdecimal() for name in names):
        found |= {str(index): index for index in range(len(names))}
    return found


def expected(names: Sequence[str]) -> str:
    """Return in words, for an error message, what `indices` has."""
    if tuple(names) == DIGITS:
        return "a digit from 0 to 9"
    known = ", ".join(names) if len(names) <= 40 else f"{names[0]} to {names[-1]}"
    return f"one of {known}"
