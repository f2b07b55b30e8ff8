"""Parquet: columns pixel0 to pixel783, or one column `pixels`; cut at its row groups."""

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pyarrow.fs import LocalFileSystem

from digit_runtime.batch.mapped import Mapped
from digit_runtime.batch.parts import BATCH_ROWS, IDS, BadRow, Part, Rows, checked, opened
from digit_runtime.batch.places import locate
from digit_runtime.batch.sources import Source
from digit_runtime.contract import PIXELS
from digit_runtime.errors import PixelsError, explained

_EXPECTED: Final = "Parquet"
_COLUMNS: Final = [f"pixel{index}" for index in range(PIXELS)]
_ONE_COLUMN: Final = ["pixels"]
# Of each column of a remote file, read at a time: a row group may be the whole file.
_BUFFER: Final = 1 << 16


def plan(source: Source, rows: int) -> list[Part]:
    """Put row groups together up to `rows`; a larger group is a part; see `parts.Format`."""
    with opened(source, _EXPECTED) as stream:
        file = pq.ParquetFile(stream)
        _columns(file.schema_arrow, source.name)
        groups = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
    parts: list[Part] = []
    before = start = count = 0
    for group, size in enumerate([*groups, rows + 1]):
        if count and count + size > rows:
            parts.append(Part(source, len(parts), start, group, before, count))
            before, start, count = before + count, group, 0
        count += size
    if not parts:
        raise PixelsError(f"{source.name}: has no rows")
    return parts


def read(part: Part) -> Generator[Rows, None, int]:
    """Read the row groups from start to stop; see `parts.Format`."""
    with _streamed(part.source) as (file, slice_done):
        columns = _columns(file.schema_arrow, part.source.name)
        named = _ids(file.schema_arrow)
        before = part.before
        for batch in file.iter_batches(
            BATCH_ROWS, range(part.start, part.stop), [*columns, *named], use_threads=False
        ):
            rows = (_nested if columns == _ONE_COLUMN else _wide)(batch, before)
            for name in named:
                ids = batch.column(name).take(pa.array(rows.numbers - before - 1))
                rows = replace(rows, ids=ids.cast(pa.string()).to_pylist())
            yield rows
            slice_done()
            before += len(batch)
    return before - part.before


@contextmanager
def _streamed(source: Source) -> Iterator[tuple[pq.ParquetFile, Callable[[], None]]]:
    """Yield the file, and what to call after each slice, so that memory does not grow.

    Arrow's own buffer of a column grows to all of its bytes where its pages have less than
    16 kB, and those of 20,000 pixels have. A file that is mapped needs none.
    """
    if isinstance(locate(source.address)[0], LocalFileSystem):
        with explained(source.name, _EXPECTED), Mapped(source.path) as mapped:
            yield pq.ParquetFile(mapped.stream(), pre_buffer=False), mapped.slice_done
        return
    with opened(source, _EXPECTED) as stream:
        yield pq.ParquetFile(stream, pre_buffer=False, buffer_size=_BUFFER), lambda: None


def _ids(schema: pa.Schema) -> list[str]:
    """Return the column that names the rows, if there is one that can be text."""
    for wanted in IDS:
        for column in schema:
            if column.name.lower() == wanted and not pa.types.is_nested(column.type):
                return [column.name]
    return []


def _columns(schema: pa.Schema, name: str) -> list[str]:
    names = set(schema.names)
    if names.issuperset(_COLUMNS):
        for column in _COLUMNS:
            if not pa.types.is_integer(schema.field(column).type):
                raise PixelsError(
                    f"{name}: column {column} holds {schema.field(column).type}; expected whole "
                    "numbers from 0 to 255"
                )
        return _COLUMNS
    if not names.issuperset(_ONE_COLUMN):
        raise PixelsError(
            f"{name}: has neither the columns pixel0 to pixel783 nor a column pixels "
            "(784 bytes or whole numbers in each row)"
        )
    kind = schema.field("pixels").type
    values = kind.value_type if _is_list(kind) else pa.uint8() if _is_binary(kind) else kind
    if not pa.types.is_integer(values) or pa.types.is_integer(kind):
        raise PixelsError(
            f"{name}: column pixels holds {kind}; expected 784 bytes or whole numbers in each row"
        )
    return _ONE_COLUMN


def _wide(batch: pa.RecordBatch, before: int) -> Rows:
    numbers = np.arange(before + 1, before + 1 + len(batch))
    columns = [batch.column(name) for name in _COLUMNS]
    values = np.column_stack([pc.fill_null(c, 0).to_numpy(zero_copy_only=False) for c in columns])
    empty: dict[int, BadRow] = {}
    for name, column in zip(_COLUMNS, columns, strict=True):
        if column.null_count:
            for row in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist():
                empty.setdefault(row, BadRow(int(numbers[row]), name, "an empty cell"))
    return _without(checked(values, before), list(empty.values()))


def _nested(batch: pa.RecordBatch, before: int) -> Rows:
    numbers = np.arange(before + 1, before + 1 + len(batch))
    column = batch.column("pixels")
    if _is_list(column.type):
        column = column.cast(pa.large_list(column.type.value_type))
        sizes = pc.list_value_length(column)
    else:
        column = column.cast(pa.large_binary())
        sizes = pc.binary_length(column)
    lengths = pc.fill_null(sizes, -1).to_numpy(zero_copy_only=False)
    whole = lengths == PIXELS
    bad = [
        BadRow(int(numbers[row]), "pixels", _wrong_length(int(lengths[row])))
        for row in np.flatnonzero(~whole)
    ]
    kept = column.filter(pa.array(whole))
    values, holes = _table(kept)
    rows = checked(values, 0)
    where = numbers[whole]
    bad += [BadRow(int(where[row]), "pixels", "has an empty value") for row in holes]
    bad += [b._replace(row=int(where[b.row - 1])) for b in rows.bad]
    return _without(Rows(where[rows.numbers - 1], rows.pixels), bad)


def _table(kept: Any) -> tuple[NDArray[Any], list[int]]:
    """Return the values of whole rows, ``[n, 784]``, and the rows that have holes in them."""
    if pa.types.is_large_binary(kept.type):
        return np.frombuffer(b"".join(kept.to_pylist()), np.uint8).reshape(-1, PIXELS), []
    flat = kept.flatten()
    nulls = flat.is_null().to_numpy(zero_copy_only=False).reshape(-1, PIXELS)
    values = pc.fill_null(flat, 0).to_numpy(zero_copy_only=False)
    return values.reshape(-1, PIXELS), np.flatnonzero(nulls.any(axis=1)).tolist()


def _without(rows: Rows, bad: list[BadRow]) -> Rows:
    """Take out the `bad` rows too; a row is bad once, whatever is wrong with it."""
    all_bad = {b.row: b for b in [*rows.bad, *bad]}
    keep = ~np.isin(rows.numbers, list(all_bad))
    return Rows(rows.numbers[keep], rows.pixels[keep], [all_bad[row] for row in sorted(all_bad)])


def _wrong_length(length: int) -> str:
    return "an empty cell" if length < 0 else f"has {length} values; expected {PIXELS}"


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_binary(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )
