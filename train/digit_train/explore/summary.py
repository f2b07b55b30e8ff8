"""Look at a CSV of digits as the notebook does with pandas, bad files included.

Missing values, values that are no pixel and labels that are no digit are counted, not
refused: this is where one comes to see what is wrong with a file.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from digit_runtime.contract import LABELS, PIXELS
from digit_runtime.errors import PixelsError
from digit_runtime.inputs.csv_layout import Layout
from digit_runtime.inputs.csv_rows import BadLine, bare, cells_of, read_rows
from digit_runtime.inputs.kaggle_csv import PixelCsv
from numpy.typing import NDArray

Array = NDArray[np.float32]

_MISSING: Final = (b"", b"na", b"n/a", b"nan", b"null", b"none")
_PIXEL_NAMES: Final = [f"pixel{index}" for index in range(PIXELS)]


@dataclass(frozen=True)
class Digits:
    """The cells of a CSV as numbers, NaN where one is missing.

    Attributes:
        pixels: float32 ``[N, 784]``, N at least 1.
        labels: float32 ``[N]``, or None where the file has no label column.
        notes: What to tell about the file.
    """

    pixels: NDArray[np.float32]
    labels: NDArray[np.float32] | None
    notes: tuple[str, ...] = ()

    def head(self, rows: int = 5) -> list[list[str]]:
        """Return the first rows as the notebook shows them: a header, and cells as text."""
        shown = [*range(4), *range(PIXELS - 4, PIXELS)]
        names = ["row", "label", *(_PIXEL_NAMES[index] for index in shown), "pixels > 0"]
        table = [names]
        for row in range(min(rows, len(self.pixels))):
            label = "-" if self.labels is None else f"{self.labels[row]:g}"
            cells = [f"{value:g}" for value in self.pixels[row, shown].tolist()]
            ink = f"{np.count_nonzero(self.pixels[row] > 0)}"
            table.append([f"{row + 1}", label, *cells, ink])
        for line in table:
            line.insert(6, "...")
        return table

    def of_class(self, digit: int) -> NDArray[np.float32]:
        """Return the rows with that label, float32 ``[n, 784]``; n may be 0."""
        if self.labels is None:
            raise ValueError("there are no labels")
        rows: NDArray[np.float32] = self.pixels[self.labels == digit]
        return rows


@dataclass(frozen=True)
class Summary:
    """What there is to say about a file in numbers; rows count from 1, as ImageId does."""

    file: str
    rows: int
    columns: int
    missing: int
    """Empty cells."""
    first_missing: str | None
    """Row and column of the first of them."""
    minimum: float | None
    """Of the finite pixels; None if there are none."""
    maximum: float | None
    not_pixels: int
    """Pixel cells that are not missing and not a whole number from 0 to 255."""
    counts: tuple[int, ...] | None
    """Rows per class from 0 to 9; None without a label column."""
    not_digits: int
    """Labels that are not missing and not a digit from 0 to 9."""


def read(path: Path) -> Digits:
    """Read a CSV as `PixelCsv` does, but with whatever numbers its cells hold.

    Raises:
        InputNotFoundError: There is no such file.
        InputReadError: It cannot be read.
        PixelsError: Not a CSV of digits, no rows, a row that is blank or too long, or a
            cell that is not a number; says which.
    """
    pixels: list[Array] = []
    labels: list[float] = []
    with PixelCsv(path, names=None, prefer="train.csv") as csv:
        for block, before in csv.blocks():
            rows = read_rows(block, csv.layout, before, csv.name)
            part = np.full((len(rows.numbers) + len(rows.bad), PIXELS), np.nan, np.float32)
            part[rows.numbers - before - 1] = rows.pixels
            cells = dict(zip(rows.numbers.tolist(), rows.labels or [], strict=False))
            for bad in rows.bad:
                row = bad.error.row or 0
                cells[row], part[row - before - 1] = _numbers(bad, csv.layout, csv.name)
            pixels.append(part)
            labels += [_label(cells[row], row, csv.name) for row in sorted(cells)]
        notes = tuple(csv.notes)
    whole = np.concatenate(pixels)
    return Digits(whole, np.array(labels, np.float32) if csv.has_labels else None, notes)


def summarise(path: Path, digits: Digits) -> Summary:
    """Count what is in the file, and what should not be."""
    pixels, labels = digits.pixels, digits.labels
    cells = pixels if labels is None else np.column_stack([labels, pixels])
    missing = np.isnan(cells)
    finite = pixels[np.isfinite(pixels)]
    is_pixel = (pixels >= 0) & (pixels <= 255) & (pixels == np.floor(pixels))
    counts, not_digits = None, 0
    if labels is not None:
        counts = tuple(int((labels == digit).sum()) for digit in range(LABELS))
        not_digits = int((~np.isnan(labels)).sum()) - sum(counts)
    return Summary(
        file=str(path),
        rows=len(cells),
        columns=cells.shape[1],
        missing=int(missing.sum()),
        first_missing=_first_place(missing) if missing.any() else None,
        minimum=float(finite.min()) if finite.size else None,
        maximum=float(finite.max()) if finite.size else None,
        not_pixels=int((~is_pixel & ~np.isnan(pixels)).sum()),
        counts=counts,
        not_digits=not_digits,
    )


def _numbers(bad: BadLine, layout: Layout, name: str) -> tuple[bytes, Array]:
    """Return the label cell of a line that is no digit, and its numbers, NaN where missing."""
    label, cells = cells_of(bad.line, layout)
    if not bad.line.strip() or len(cells) > PIXELS:
        raise bad.error
    names = [column for index, column in enumerate(layout.names) if index != layout.label]
    values = np.full(PIXELS, np.nan)
    for index, cell in enumerate(cells):
        text = bare(cell if layout.separator == b"," else cell.replace(b",", b"."))
        values[index] = _number(text, bad.error.row or 0, names[index], name)
    with np.errstate(over="ignore"):
        # What float32 cannot hold becomes infinite, which is as little a pixel as it was.
        numbers: Array = values.astype(np.float32)
    return label, numbers if layout.order is None else numbers[layout.order]


def _label(cell: bytes, row: int, name: str) -> float:
    return _number(bare(cell), row, "label", name)


def _number(text: bytes, row: int, column: str, name: str) -> float:
    if text.lower() in _MISSING:
        return np.nan
    try:
        if b"_" in text:  # Python's own spelling.
            raise ValueError
        return float(text)
    except ValueError as error:
        shown = text[:20].decode(errors="replace")
        raise PixelsError.in_row(name, row, f"{shown!r} is not a number", column) from error


def _first_place(missing: NDArray[np.bool_]) -> str:
    row, column = np.unravel_index(int(missing.argmax()), missing.shape)
    names = _PIXEL_NAMES if missing.shape[1] == PIXELS else ["label", *_PIXEL_NAMES]
    return f"row {row + 1}, column {names[int(column)]}"
