"""Digits in Parquet: a column for each pixel, named as in a CSV, or one column `pixels`."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.contract import DIGITS, PIXELS, Labels, Pixels, columns_of, expected, indices
from digit_runtime.errors import PackageNotInstalledError, PixelsError, explained
from digit_runtime.inputs.kaggle_csv import Batch

_EXPECTED: Final = "Parquet"
_ONE_COLUMN: Final = "pixels"
_LABEL: Final = "label"


class ParquetDigits:
    """A Parquet file, open for reading; iterate over it for its batches, as of a `PixelCsv`.

    Columns are found by name, as in a CSV's header; or each row has a column ``pixels`` of
    784 bytes or whole numbers, beside which there may be a ``label``.

    Raises:
        PackageNotInstalledError: pyarrow is missing.
        InputNotFoundError, InputReadError: No such file, or one that cannot be read.
        PixelsError: Other columns, or a row that is no digit.
    """

    def __init__(self, path: Path, batch_rows: int, names: tuple[str, ...] | None = DIGITS) -> None:
        try:
            import pyarrow.parquet as pq
        except ImportError as error:
            raise PackageNotInstalledError(
                f'{path}: Parquet needs pyarrow: pip install "digit-runtime[parquet]"'
            ) from error
        self._name = str(path)
        self._rows = batch_rows
        self._names = names
        self._cells: dict[int, list[str]] = {}
        with ExitStack() as stack:
            with explained(self._name, _EXPECTED):
                stream = stack.enter_context(path.open("rb"))
                self._file = pq.ParquetFile(stream)
                columns = list(self._file.schema_arrow.names)
            self._label, self._pixels = self._find(columns)
            self.has_labels = self._label is not None
            self._stack = stack.pop_all()

    def __enter__(self) -> "ParquetDigits":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches; a file without a single row is an error."""
        done = 0
        columns = [*self._pixels, *([self._label] if self._label else [])]
        with explained(self._name, _EXPECTED):
            for batch in self._file.iter_batches(self._rows, columns=columns):
                yield self._batch(batch, done)
                done += len(batch)
        if not done:
            raise PixelsError(f"{self._name}: has no rows")

    def labels(self, before: int, names: tuple[str, ...]) -> Labels | None:
        """Return the labels of the batch after `before` rows, as those of a `PixelCsv`."""
        cells = self._cells.pop(before, None)
        return None if cells is None else self._indices(cells, names, before)

    def _find(self, columns: list[str]) -> tuple[str | None, list[str]]:
        if _ONE_COLUMN in columns:
            return (_LABEL if _LABEL in columns else None), [_ONE_COLUMN]
        try:
            found = columns_of(columns)
        except PixelsError as error:
            raise PixelsError(f"{self._name}: {error}", column=error.column) from error
        label = None if found.label is None else columns[found.label]
        return label, [columns[index] for index in found.pixels.tolist()]

    def _batch(self, batch: Any, before: int) -> Batch:
        if self._pixels == [_ONE_COLUMN]:
            pixels = self._nested(batch.column(_ONE_COLUMN), before)
        else:
            parts = [self._numbers(batch.column(c), c, before) for c in self._pixels]
            pixels = np.column_stack(parts)
        if self._label is None:
            return pixels, None
        cells = [str(cell) for cell in batch.column(self._label).to_pylist()]
        if self._names is None:
            self._cells[before] = cells
            return pixels, None
        return pixels, self._indices(cells, self._names, before)

    def _numbers(self, column: Any, name: str, before: int) -> Pixels:
        values = column.to_numpy(zero_copy_only=False)
        with np.errstate(invalid="ignore"):
            good = (values >= 0) & (values <= 255) if values.dtype.kind in "iuf" else None
        if good is None:
            raise PixelsError(
                f"{self._name}: column {name} holds {column.type}; expected whole numbers from 0 "
                "to 255",
                column=name,
            )
        if values.dtype.kind == "f":
            good &= values == np.floor(values)
        if not good.all():
            row = int(np.argmin(good))
            what = "an empty cell" if values[row] != values[row] else f"{values[row]:g}"
            reason = f"{what} is not a whole number from 0 to 255"
            raise PixelsError.in_row(self._name, before + row + 1, reason, name)
        result: Pixels = values.astype(np.uint8)
        return result

    def _nested(self, column: Any, before: int) -> Pixels:
        rows: list[NDArray[np.uint8]] = []
        for row, value in enumerate(column.to_pylist(), start=before + 1):
            if value is None or len(value) != PIXELS:
                size = "nothing" if value is None else f"{len(value)} values"
                raise PixelsError.in_row(
                    self._name, row, f"has {size}; expected {PIXELS}", _ONE_COLUMN
                )
            try:
                rows.append(np.array(list(value), np.uint8))
            except (ValueError, TypeError, OverflowError) as error:
                reason = "has a value that is not a whole number from 0 to 255"
                raise PixelsError.in_row(self._name, row, reason, _ONE_COLUMN) from error
        return np.stack(rows)

    def _indices(self, cells: list[str], names: tuple[str, ...], before: int) -> Labels:
        known = indices(names)
        for row, cell in enumerate(cells, start=before + 1):
            if cell not in known:
                reason = f"{cell[:20]!r} is not {expected(names)}"
                raise PixelsError.in_row(self._name, row, reason, self._label)
        return np.array([known[cell] for cell in cells], np.uint8)
