"""What the first line of a CSV says about all the others: what separates, and the columns."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.contract import PIXELS, columns_of
from digit_runtime.errors import PixelsError
from digit_runtime.inputs.sniff import NPY, PARQUET, ZIP, is_image, kind_of

_SEPARATORS: Final = (b",", b";", b"\t")


@dataclass(frozen=True)
class Layout:
    """How to read the lines of a CSV of digits.

    Attributes:
        names: Of the columns, for messages; those of the file if it has a header.
        header: Whether the first line is one.
        separator: Of the cells.
        label: The column with the labels, counted from 0, or None.
        order: Where each pixel is among the columns of pixels, int ``[784]``; None if they
            are in order.
    """

    names: tuple[str, ...]
    header: bool
    separator: bytes = b","
    label: int | None = None
    order: NDArray[np.intp] | None = None


def read_layout(first: bytes, name: str) -> Layout:
    """Return the layout of the file whose first line is `first`.

    Raises:
        PixelsError: It is not a CSV of digits; says why, and names the column.
    """
    text = first.rstrip(b"\r\n").decode("utf-8", errors="replace")
    if not text:
        raise PixelsError(f"{name}: {'line 1 is blank' if first else 'is empty'}")
    if not text.replace("\t", "").isprintable() or "\ufffd" in text:
        what = kind_of(first)
        hint = "; digit-predict and digit_runtime.read_pixels read it from a file, not from a pipe"
        raise PixelsError(
            f"{name}: is {what or 'not text'}; expected a CSV of digits"
            + hint * (is_image(what) or what in (NPY, PARQUET, ZIP))
        )
    separator = separator_of(first)
    cells = text.split(separator.decode())
    try:
        columns = columns_of(cells)
    except PixelsError as error:
        if not _is_number(cells[0]):
            raise PixelsError(
                f"{name}: line 1{' ' if error.column is None else ', '}{error}",
                reason=error.reason,
                column=error.column,
            ) from error
        return _without_header(cells, separator, name)
    pixels = columns.pixels
    if columns.label is not None:
        pixels = pixels - (pixels > columns.label)
    ordered = bool((pixels == np.arange(PIXELS)).all())
    names = tuple(cell.strip().strip('"') for cell in cells)
    return Layout(names, True, separator, columns.label, None if ordered else pixels)


def separator_of(first: bytes) -> bytes:
    """Return what separates the cells of a file whose first line is `first`."""
    return max(_SEPARATORS, key=first.count)


def _without_header(cells: list[str], separator: bytes, name: str) -> Layout:
    label = len(cells) == PIXELS + 1
    if not cells[-1].strip() and len(cells) > PIXELS:
        raise PixelsError(
            f"{name}: line 1 ends with {separator.decode()!r}, which makes an empty column; take "
            "it away at the end of every line"
        )
    if len(cells) not in (PIXELS, PIXELS + 1):
        raise PixelsError(
            f"{name}: line 1 has {len(cells)} column{'s' * (len(cells) != 1)}; expected {PIXELS} "
            f"(pixel0 to pixel{PIXELS - 1}), or {PIXELS + 1} with label first"
        )
    names = ("label",) * label + tuple(f"pixel{index}" for index in range(PIXELS))
    return Layout(names, False, separator, 0 if label else None)


def _is_number(text: str) -> bool:
    try:
        float(text.strip().strip('"').replace(",", "."))
    except ValueError:
        return False
    return True
