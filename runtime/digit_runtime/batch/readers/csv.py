"""Kaggle's CSV files, cut between lines; a bad line is set aside and the others are read.

What is a digit, and what is said of what is not, is the same as in digit-predict (see
`inputs.csv_rows`), except that a label column is ignored whatever it holds.
"""

import codecs
import gzip
import io
import sys
from collections.abc import Generator, Iterator
from typing import Any, Final

import numpy as np

from digit_runtime.batch.parts import BadRow, Part, Rows, opened
from digit_runtime.batch.sources import Source
from digit_runtime.contract import PIXELS
from digit_runtime.errors import PixelsError
from digit_runtime.inputs.csv_blocks import LONGEST_LINE
from digit_runtime.inputs.csv_layout import Layout, read_layout
from digit_runtime.inputs.csv_rows import read_rows
from digit_runtime.inputs.csv_source import GZIP_MAGIC

_EXPECTED: Final = "a CSV of digits"
_BLOCK: Final = 1 << 20
# A row has 784 cells of at least one digit, each followed by a comma or the line's end.
_SHORTEST_ROW: Final = 2 * PIXELS


class LineCounter:
    """Counts lines as their bytes pass, but for those blank at the end of the file."""

    def __init__(self) -> None:
        self.lines = 0
        self._ends = 0

    def see(self, data: bytes) -> None:
        """Take the next bytes."""
        if ink := len(data.rstrip()):
            self.lines = self._ends + data.count(b"\n", 0, ink) + 1
        self._ends += data.count(b"\n")


def plan(source: Source, rows: int) -> list[Part]:
    """Cut after every `rows` lines; see `parts.Format`.

    A file that may have more lines than that is read once to count them. A gzip file
    has no places to start from and is one part.
    """
    one = [Part(source, 0, 0, source.size, 0, None)]
    if source.size <= rows * _SHORTEST_ROW:
        return one
    with opened(source, _EXPECTED) as stream:
        head = stream.read(LONGEST_LINE)
        if head.startswith(GZIP_MAGIC):
            return one
        position, _ = _layout(head, source.name)
        stream.seek(position)
        counter, starts, lines = LineCounter(), [position], 0
        while data := stream.read(_BLOCK):
            counter.see(data)
            ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
            cuts = np.arange(rows - lines % rows - 1, len(ends), rows)
            starts += (position + ends[cuts] + 1).tolist()
            position, lines = position + len(data), lines + len(ends)
    total = counter.lines
    bounds = zip(starts, [*starts[1:], source.size], strict=True)
    parts = [
        Part(source, i, start, stop, i * rows, min(rows, total - i * rows))
        for i, (start, stop) in enumerate(bounds)
    ]
    return [part for part in parts if part.before < total] or one


def read(part: Part) -> Generator[Rows, None, int]:
    """Read the lines between start and stop; see `parts.Format`."""
    name = part.source.name
    with opened(part.source, _EXPECTED) as raw:
        zipped = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        raw.seek(0)
        with io.BufferedReader(gzip.GzipFile(fileobj=raw) if zipped else raw) as stream:
            body, layout = _layout(stream.read(LONGEST_LINE), name)
            start = max(part.start, body)
            stream.seek(start)
            counter = LineCounter()
            done, held = part.before, list[BadRow]()
            length = sys.maxsize if zipped else part.stop - start
            for block in _blocks(stream, length, counter, name):
                rows = _rows(block, layout, done, name)
                done += block.count(b"\n")
                total = counter.lines if part.rows is None else part.rows
                # A blank line is a row only if a line that is not blank follows.
                held += rows.bad
                ready = [bad for bad in held if bad.row <= part.before + total]
                held = held[len(ready) :]
                yield Rows(rows.numbers, rows.pixels, ready)
    total = counter.lines if part.rows is None else part.rows
    if not total:
        raise PixelsError(f"{name}: has a header but no rows")
    return total


def _layout(head: bytes, name: str) -> tuple[int, Layout]:
    """Return where the first row of a file starts, and how to read it, by its first bytes.

    Raises:
        PixelsError: This is not a CSV of digits.
    """
    mark = len(codecs.BOM_UTF8) * head.startswith(codecs.BOM_UTF8)
    first = head[: head.find(b"\n") + 1] or head
    layout = read_layout(first[mark:], name)
    return len(first) if layout.header else mark, layout


def _blocks(stream: Any, length: int, counter: LineCounter, name: str) -> Iterator[bytes]:
    """Yield whole lines of the next `length` bytes, about a megabyte at a time."""
    rest = b""
    while data := stream.read(min(_BLOCK, length)):
        counter.see(data)
        length -= len(data)
        data = rest + data
        cut = data.rfind(b"\n") + 1
        rest = data[cut:]
        if len(rest) > LONGEST_LINE:
            raise PixelsError(f"{name}: has a line that is much too long for a row of digits")
        if cut:
            yield data[:cut]
    if rest:
        yield rest + b"\n"


def _rows(block: bytes, layout: Layout, before: int, name: str) -> Rows:
    rows = read_rows(block, layout, before, name)
    errors = [bad.error for bad in rows.bad]
    bad = [BadRow(error.row or 0, error.column or "", error.reason) for error in errors]
    return Rows(rows.numbers, np.ascontiguousarray(rows.pixels), bad)
