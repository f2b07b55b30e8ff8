"""The one interface that every exported file has, whatever its format.

``pixels``: uint8 ``[N, 784]``, a 28x28 image row by row, 0 is background (black) and
255 is ink (white), as in MNIST and Kaggle's CSV files. ``probabilities``: float32
``[N, 10]``, softmax over the digits 0 to 9. N is free. Scaling and reshaping are layers
of the model, so a client has no preprocessing to get wrong.

That is contract 1. Contract 2 differs in the classes: ``probabilities`` are ``[N, C]``, and
the manifest names the C classes, in their order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath
from typing import Any, Final, Protocol

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
_LABELS: Final = ("label", "class")
CLASSES: Final = range(2, 257)
"""How many classes a model may have: a label is a uint8."""
ONE_IMAGE: Final = ((PIXELS,), (SIDE, SIDE), (SIDE, SIDE, 1), (1, SIDE, SIDE))
"""The shapes that one image may have; the last two are those of other tools' channels."""


class _Array(Protocol):
    """What numpy makes an array of: an array, a tensor, a DataFrame."""

    def __array__(self) -> NDArray[Any]: ...


Images = (
    _Array
    | Sequence[_Array]
    | Sequence[int]
    | Sequence[Sequence[int]]
    | Sequence[Sequence[Sequence[int]]]
)
"""What `as_pixels` takes: numpy's ArrayLike would take a string."""

Pixels = NDArray[np.uint8]
Labels = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


def as_pixels(images: Images) -> Pixels:
    """Return `images` as C-contiguous uint8 ``[N, 784]``, or say why they are not.

    Accepts uint8 arrays of shape ``[784]``, ``[28, 28]``, ``[N, 784]``, ``[N, 28, 28]``,
    ``[N, 28, 28, 1]`` and ``[N, 1, 28, 28]``, and arrays of other integer types whose
    values are all in 0..255. Of a DataFrame (pandas, polars) or Arrow table, the names of its
    columns say which pixel is which (see `columns_of`), and a label is left out.

    Raises:
        PixelsError: Another shape, fractional values, or values outside 0..255.
    """
    if isinstance(images, str | bytes | PurePath):
        raise PixelsError(
            f"pixels are {str(images)[:40]!r}, not an array; read a file with "
            "digit_runtime.read_pixels first"
        )
    try:
        # An Arrow table's columns are their values.
        names = getattr(images, "column_names", getattr(images, "columns", None))
        array = _in_order(np.asarray(images), names)
    except (ValueError, TypeError) as error:
        raise PixelsError(f"pixels are not an array: {error}") from error
    check_shape(array)
    array = array.reshape(-1, PIXELS)
    if array.dtype != np.uint8:
        if array.size and (array.min() < 0 or array.max() > 255):
            raise PixelsError(
                f"pixels range from {array.min()} to {array.max()}; expected 0 to 255"
            )
        array = array.astype(np.uint8)
    return np.ascontiguousarray(array)


def _in_order(array: NDArray[Any], names: Any) -> NDArray[Any]:
    """Return the pixels of a DataFrame's values in order, whose columns have `names`."""
    if names is None or array.ndim != 2 or array.shape[1] != len(names):
        return array
    pixels: NDArray[Any] = array[:, columns_of([str(name) for name in names]).pixels]
    return pixels


def check_shape(array: NDArray[Any]) -> None:
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
            f"pixels have dtype {array.dtype}; expected uint8 from 0 to 255{_advice(array)}"
        )


@dataclass(frozen=True)
class Columns:
    """Where in a table of digits which column is.

    Attributes:
        pixels: The position of each pixel, int ``[784]``.
        label: That of the labels, or None.
    """

    pixels: NDArray[np.intp]
    label: int | None


def columns_of(names: Sequence[str]) -> Columns:
    """Find the columns of a table by their names, whatever their order.

    Pixels are called as on Kaggle, as in a table without names, as in Fashion-MNIST and
    OpenML's MNIST (pixel1 to pixel784), or by row and column (1x1 to 28x28).

    Raises:
        PixelsError: A column is missing, there twice, or none of a table of digits.
    """
    known = [name.strip().strip("\"'").strip().lower() for name in names]
    place = {name: index for index, name in enumerate(known)}
    labels = [name for name in _LABELS if name in place]
    schemes = _schemes()
    scheme = max(schemes, key=lambda scheme: len(place.keys() & set(scheme)))
    strange = place.keys() - set(scheme) - set(labels[:1])
    missing = [name for name in scheme if name not in place]
    columns = f"{len(known)} column{'s' * (len(known) != 1)}"
    if len(missing) > PIXELS // 2:
        raise PixelsError(
            f"has {columns}; expected {PIXELS} (pixel0 to pixel{PIXELS - 1}), or {PIXELS + 1} "
            "with label"
        )
    if strange:
        index = min(place[name] for name in strange)
        remedy = _remedy(known[index], index, len(known))
        raise PixelsError(
            f"column {index + 1} is {names[index][:20]!r}{remedy}", column=names[index]
        )
    if missing:
        raise PixelsError(f"has {columns}, but no {missing[0]}", column=missing[0])
    if len(place) < len(known):
        index = next(i for i, name in enumerate(known) if place[name] != i)
        raise PixelsError(f"has two columns {names[index][:20]!r}", column=names[index])
    pixels = np.array([place[name] for name in scheme], np.intp)
    return Columns(pixels, place[labels[0]] if labels else None)


def _remedy(name: str, index: int, columns: int) -> str:
    if not name and index == columns - 1:
        return ": the line ends with a comma; take it away at the end of every line"
    if not name or name in ("index", "unnamed: 0"):
        return "; leave out the index (in pandas: to_csv(index=False))"
    return (
        f"; leave it out: a digit has pixel0 to pixel{PIXELS - 1}, in any order, and may have label"
    )


@lru_cache(maxsize=1)
def _schemes() -> tuple[list[str], ...]:
    from_0, from_1 = range(PIXELS), range(1, PIXELS + 1)
    sides = range(1, SIDE + 1)
    return (
        [f"pixel{index}" for index in from_0],
        [f"{index}" for index in from_0],
        [f"pixel{index}" for index in from_1],
        [f"{row}x{column}" for row in sides for column in sides],
    )


def _advice(array: NDArray[Any]) -> str:
    if array.dtype.kind != "f" or not array.size:
        return ""
    low, high = float(array.min()), float(array.max())
    if 0 <= low and high <= 1:
        return " (for values from 0 to 1, multiply by 255 and round)"
    if 0 <= low and high <= 255:
        return " (for values from 0 to 255: numpy.rint(pixels).astype(numpy.uint8))"
    return f" (these range from {low:g} to {high:g})"


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
