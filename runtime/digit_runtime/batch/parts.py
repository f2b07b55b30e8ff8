"""The unit of work: a part of a file, with the same name and bounds in every run."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digit_runtime.batch.places import locate
from digit_runtime.batch.sources import Source
from digit_runtime.contract import Pixels
from digit_runtime.errors import explained

BATCH_ROWS: Final = 1024
# Columns that name a row, in lower case; the first that there is travels to the results.
IDS: Final = ("id", "image_id", "imageid")


@dataclass(frozen=True)
class Part:
    """Consecutive rows of a file.

    Attributes:
        source: The file.
        index: From 0, within the file.
        start: Where it starts, in the unit of the format: bytes, rows or row groups.
        stop: Where it ends.
        before: Rows of the file that are before it.
        rows: How many it has; None where that takes reading it.
    """

    source: Source
    index: int
    start: int
    stop: int
    before: int
    rows: int | None

    @property
    def name(self) -> str:
        """Names its results: readable, and different for every part of every source."""
        stem = re.sub(r"[^\w-]+", "-", PurePosixPath(self.source.path).name.split(".")[0])
        digest = hashlib.sha256(self.source.name.encode()).hexdigest()[:16]
        return f"{stem[:40].strip('_-') or 'digits'}-{digest}-{self.index:06}"


class BadRow(NamedTuple):
    """Why a row cannot be scored. `row` counts from 1; `column` may be empty."""

    row: int
    column: str
    reason: str


@dataclass(frozen=True)
class Rows:
    """Some rows of a part: uint8 ``[n, 784]``, their numbers int64 ``[n]``, and the bad ones.

    `ids` has the n texts of the file's column of that name, None if it has no such column.
    """

    numbers: NDArray[np.int64]
    pixels: Pixels
    bad: list[BadRow] = field(default_factory=list)
    ids: Sequence[str | None] | None = None


@contextmanager
def opened(source: Source, expected: str) -> Iterator[Any]:
    """Yield the file, open at random; what goes wrong inside is a `DigitError` that names it."""
    with explained(source.name, expected):
        fs, _ = locate(source.address)
        with fs.open_input_file(source.path) as stream:
            yield stream


def checked(values: NDArray[Any], before: int) -> Rows:
    """Return the rows whose values are pixels, and the others as bad; integers ``[n, 784]``."""
    numbers = np.arange(before + 1, before + 1 + len(values))
    if values.dtype == np.uint8:
        return Rows(numbers, np.ascontiguousarray(values))
    wrong = (values < 0) | (values > 255)
    bad_rows = wrong.any(axis=1)
    bad = [
        BadRow(
            int(numbers[row]),
            f"pixel{column}",
            f"{values[row, column]} is not a whole number from 0 to 255",
        )
        for row, column in zip(
            np.flatnonzero(bad_rows), wrong[bad_rows].argmax(axis=1), strict=True
        )
    ]
    good = ~bad_rows
    return Rows(numbers[good], values[good].astype(np.uint8), bad)
