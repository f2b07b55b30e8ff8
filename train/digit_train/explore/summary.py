"""Look at a CSV of digits as the notebook does with pandas, bad files included.

Missing values, values that are no pixel and labels that are no digit are counted, not
refused: this is where one comes to see what is wrong with a file.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from digit_runtime.contract import LABELS, PIXELS
from digit_runtime.errors import InputNotFoundError, InputReadError, PixelsError
from numpy.typing import NDArray

_PIXEL_NAMES: Final = [f"pixel{index}" for index in range(PIXELS)]


@dataclass(frozen=True)
class Digits:
    """The cells of a CSV as numbers, NaN where one is missing.

    Attributes:
        pixels: float32 ``[N, 784]``, N at least 1.
        labels: float32 ``[N]``, or None where the file has no label column.
    """

    pixels: NDArray[np.float32]
    labels: NDArray[np.float32] | None

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
    """Read a CSV with the header ``[label,]pixel0,...,pixel783``, gzipped if named .gz.

    Raises:
        InputNotFoundError: There is no such file.
        InputReadError: It cannot be read.
        PixelsError: Another header, no rows, a row that is too long, or a cell that is not
            a number; says which.
    """
    try:
        with warnings.catch_warnings():
            # pandas only warns when every row has a cell more than the header.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(path, index_col=False, low_memory=False)
    except FileNotFoundError as error:
        raise InputNotFoundError(f"{path}: no such file") from error
    except pd.errors.EmptyDataError as error:
        raise PixelsError(f"{path}: is empty") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise PixelsError(f"{path}: is not a CSV of digits: {reason}") from error
    except (OSError, EOFError) as error:
        raise InputReadError(f"{path}: cannot be read: {error}") from error
    _check_header(path, list(frame.columns))
    if frame.empty:
        raise PixelsError(f"{path}: has a header but no rows")
    values = _numbers(path, frame)
    if len(frame.columns) == PIXELS:
        return Digits(values, None)
    return Digits(values[:, 1:], values[:, 0])


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


def _check_header(path: Path, names: list[Any]) -> None:
    if names in (_PIXEL_NAMES, ["label", *_PIXEL_NAMES]):
        return
    if len(names) not in (PIXELS, PIXELS + 1):
        raise PixelsError(
            f"{path}: line 1 has {len(names)} columns; expected {PIXELS} (pixel0 to pixel783), "
            f"or {PIXELS + 1} with label first"
        )
    wanted = _PIXEL_NAMES if len(names) == PIXELS else ["label", *_PIXEL_NAMES]
    column = next(index for index, name in enumerate(names) if name != wanted[index])
    raise PixelsError(
        f"{path}: line 1, column {column + 1} is {str(names[column])[:20]!r}; "
        f"the header must have {wanted[column]!r} there"
    )


def _numbers(path: Path, frame: pd.DataFrame) -> NDArray[np.float32]:
    for name in frame.columns[[kind.kind not in "iuf" for kind in frame.dtypes]]:
        text = frame[name].astype("string")
        numbers = pd.to_numeric(text, errors="coerce")
        wrong = np.flatnonzero(numbers.isna() & text.notna())
        if wrong.size:
            row = int(wrong[0])
            raise PixelsError(
                f"{path}: row {row + 1}, column {name}: {text.iloc[row][:20]!r} is not a number"
            )
        frame[name] = numbers.astype("float64")
    # What float32 cannot hold becomes infinite, which is as little a pixel as it was.
    with np.errstate(over="ignore"):
        values: NDArray[np.float32] = frame.to_numpy(dtype=np.float32)
    return values


def _first_place(missing: NDArray[np.bool_]) -> str:
    row, column = np.unravel_index(int(missing.argmax()), missing.shape)
    names = _PIXEL_NAMES if missing.shape[1] == PIXELS else ["label", *_PIXEL_NAMES]
    return f"row {row + 1}, column {names[int(column)]}"
