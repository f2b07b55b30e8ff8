"""The files that a part's scoring writes: its results, and its bad rows if there are any."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from digit_runtime.batch.parts import BadRow
from digit_runtime.contract import Probabilities
from digit_runtime.models.classifier import most_probable

SCHEMA: Final = pa.schema(
    {
        "source": pa.string(),
        "row": pa.int64(),
        "label": pa.uint8(),
        "confidence": pa.float32(),
        "id": pa.string(),
    }
)
# Of a picture, whose rows are marks; what tables have comes first, so that all can be read alike.
MARKS: Final = pa.schema(
    [
        *SCHEMA,
        *(pa.field(name, pa.int32()) for name in ("page", "line", "position")),
        *(pa.field(name, pa.int32()) for name in ("x", "y", "width", "height")),
        pa.field("unsure", pa.bool_()),
    ]
)
ERRORS_HEADER: Final = b"source,row,column,reason\n"
_WRITERS: Final = {"parquet": pyarrow.parquet.ParquetWriter, "csv": pyarrow.csv.CSVWriter}
# A row group of the results; they take 13 bytes a row in memory.
_GROUP_ROWS: Final = 1 << 16


def error_lines(source: str, bad: Iterable[BadRow]) -> bytes:
    """Return lines of the errors file. Row 0 stands for the whole file, and is left empty."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerows([source, one.row or "", one.column, one.reason] for one in bad)
    # A file's name need not be valid text; its bytes go out as they came.
    return text.getvalue().encode(errors="surrogateescape")


class Results:
    """Writes results and bad rows, and counts both.

    Args:
        source: Name of the file that they come from.
        stream: Gets the results.
        output_format: "parquet" or "csv".
        open_errors: Opens the file for bad rows; called when there is one.
        schema: `SCHEMA`, or `MARKS` for tables that are ready.
    """

    def __init__(
        self,
        source: str,
        stream: Any,
        output_format: str,
        open_errors: Callable[[], AbstractContextManager[Any]],
        schema: pa.Schema = SCHEMA,
    ) -> None:
        self.rows = 0
        self.errors = 0
        self._source = source
        self._open_errors = open_errors
        self._errors: Any = None
        self._waiting: list[tuple[NDArray[np.int64], Probabilities]] = []
        self._ids: list[str | None] = []
        self._stack = ExitStack()
        self._writer = self._stack.enter_context(_WRITERS[output_format](stream, schema))

    def __enter__(self) -> "Results":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            with self._stack:
                self._write()
        else:  # What was written of the bad rows is not published then.
            self._stack.__exit__(kind, error, trace)

    def add(
        self,
        numbers: NDArray[np.int64],
        probabilities: Probabilities,
        ids: Sequence[str | None] | None = None,
    ) -> None:
        """Take results: row numbers ``[n]``, float32 ``[n, 10]``, and n ids if there are any."""
        self._waiting.append((numbers, probabilities))
        self._ids += ids or [None] * len(numbers)
        self.rows += len(numbers)
        if sum(len(waiting) for waiting, _ in self._waiting) >= _GROUP_ROWS:
            self._write()

    def add_table(self, table: pa.Table) -> None:
        """Take results that have the schema already."""
        self._writer.write_table(table)
        self.rows += table.num_rows

    def add_bad(self, bad: list[BadRow]) -> None:
        """Take rows that have no result."""
        if bad and not self._errors:
            self._errors = self._stack.enter_context(self._open_errors())
        if bad:
            self._errors.write(error_lines(self._source, bad))
            self.errors += len(bad)

    def _write(self) -> None:
        if not self._waiting:
            return
        numbers, probabilities = map(np.concatenate, zip(*self._waiting, strict=True))
        self._waiting = []
        columns = [
            pa.array([self._source] * len(numbers), pa.string()),
            pa.array(numbers),
            pa.array(most_probable(probabilities, int(numbers[0]) - 1)),
            pa.array(probabilities.max(axis=1)),
            pa.array(self._ids, pa.string()),
        ]
        self._ids = []
        self._writer.write_table(pa.table(columns, schema=SCHEMA))
