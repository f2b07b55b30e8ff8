"""The one interface that every exported file has, whatever its format.

``pixels``: uint8 ``[N, 784]``, a 28x28 image row by row, 0 is background (black) and
255 is ink (white), as in MNIST and Kaggle's CSV files. ``probabilities``: float32
``[N, 10]``, softmax over the digits 0 to 9. N is free. Scaling and reshaping are layers
of the model, so a client has no preprocessing to get wrong.

That is contract 1. Contract 2 differs in the classes: ``probabilities`` are ``[N, C]``, and
the manifest names the C classes, in their order.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.errors import PixelsError

CONTRACT_VERSION: Final = 1
NAMED_CLASSES: Final = 2
"""The contract of models whose classes are not the ten digits."""
INPUT_NAME: Final = "pixels"
OUTPUT_NAME: Final = "probabilities"
SIDE: Final = 28
PIXELS: Final = SIDE * SIDE
LABELS: Final = 10
DIGITS: Final = tuple(str(digit) for digit in range(LABELS))
CLASSES: Final = range(2, 257)
"""How many classes a model may have: a label is a uint8."""
ONE_IMAGE: Final = ((PIXELS,), (SIDE, SIDE))

Pixels = NDArray[np.uint8]
Labels = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


def as_pixels(images: object) -> Pixels:
    """Return `images` as C-contiguous uint8 ``[N, 784]``, or say why they are not.

    Accepts uint8 arrays of shape ``[784]``, ``[28, 28]``, ``[N, 784]`` and
    ``[N, 28, 28]``, and arrays of other integer types whose values are all in 0..255.

    Raises:
        PixelsError: Another shape, fractional values, or values outside 0..255.
    """
    try:
        array = np.asarray(images)
    except (ValueError, TypeError) as error:
        raise PixelsError(f"pixels are not an array: {error}") from error
    check(array)
    array = array.reshape(-1, PIXELS)
    if array.dtype != np.uint8:
        if array.size and (array.min() < 0 or array.max() > 255):
            raise PixelsError(
                f"pixels range from {array.min()} to {array.max()}; expected 0 to 255"
            )
        array = array.astype(np.uint8)
    return np.ascontiguousarray(array)


def check(array: NDArray[Any]) -> None:
    """Check shape and dtype as `as_pixels` does, without a look at the values.

    Raises:
        PixelsError: Another shape, or values that are not integers.
    """
    if array.shape not in ONE_IMAGE and array.shape[1:] not in ONE_IMAGE:
        raise PixelsError(
            f"pixels have shape {list(array.shape)}; expected [N, 784] or [N, 28, 28]"
        )
    if array.dtype.kind not in "iu":
        raise PixelsError(
            f"pixels have dtype {array.dtype}; expected uint8 from 0 to 255 "
            "(for values from 0 to 1, multiply by 255 and round)"
        )


def default_names(classes: int) -> tuple[str, ...]:
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
