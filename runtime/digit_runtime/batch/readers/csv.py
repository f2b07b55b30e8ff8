"""Kaggle's CSV files, cut between lines; a bad line is set aside and the others are read.

What is a digit, and what is said of what is not, is the same as in digit-predict (see
`inputs.csv_rows`), except that a label column is ignored whatever it holds.
"""

import codecs
import csv
import gzip
import io
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from digit_runtime.batch.parts import IDS, BadRow, Part, Rows, opened
from digit_runtime.batch.sources import Source
from digit_runtime.contract import PIXELS
from digit_runtime.errors import PixelsError
from digit_runtime.inputs.csv_blocks import LONGEST_LINE
from digit_runtime.inputs.csv_layout import Layout, read_layout, separator_of
from digit_runtime.inputs.csv_rows import bare, read_rows
from digit_runtime.inputs.csv_source import GZIP_MAGIC

_EXPECTED: Final = "a CSV of digits"
BLOCK_BYTES: Final = 1 << 20
# A row has 784 cells of at least one digit, each followed by a comma or the line's end.
SHORTEST_ROW: Final = 2 * PIXELS


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
    if source.size <= rows * SHORTEST_ROW:
        return one
    with opened(source, _EXPECTED) as stream:
        head = stream.read(LONGEST_LINE)
        if head.startswith(GZIP_MAGIC):
            return one
        position = _Head.of(head, source.name).body
        stream.seek(position)
        counter, starts, lines = LineCounter(), [position], 0
        while data := stream.read(BLOCK_BYTES):
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
            head = _Head.of(stream.read(LONGEST_LINE), name)
            start = max(part.start, head.body)
            stream.seek(start)
            counter = LineCounter()
            done, held = part.before, list[BadRow]()
            length = sys.maxsize if zipped else part.stop - start
            for block in _blocks(stream, length, counter, name):
                block, ids = head.without_ids(block)
                rows = _rows(block, head.layout, done, name)
                first = done + 1
                done += block.count(b"\n")
                total = counter.lines if part.rows is None else part.rows
                # A blank line is a row only if a line that is not blank follows.
                held += rows.bad
                ready = [bad for bad in held if bad.row <= part.before + total]
                held = held[len(ready) :]
                if ids is not None:
                    rows = replace(rows, ids=[ids[n - first] for n in rows.numbers.tolist()])
                yield replace(rows, bad=ready)
    total = counter.lines if part.rows is None else part.rows
    if not total:
        raise PixelsError(f"{name}: has a header but no rows")
    return total


@dataclass(frozen=True)
class _Head:
    """What the first bytes of a file say of it.

    Attributes:
        body: Where the first row starts.
        layout: How to read its lines, without the column of ids.
        ids: That column, counted from 0, or None.
    """

    body: int
    layout: Layout
    ids: int | None

    @classmethod
    def of(cls, head: bytes, name: str) -> "_Head":
        """Raise PixelsError if this is not a CSV of digits."""
        mark = len(codecs.BOM_UTF8) * head.startswith(codecs.BOM_UTF8)
        whole = head[: head.find(b"\n") + 1] or head
        first = whole[mark:]
        separator = separator_of(first)
        cells = [bare(cell).decode(errors="replace").lower() for cell in first.split(separator)]
        ids = next((at for at, cell in enumerate(cells) if cell in IDS), None)
        if ids is not None:
            first = _cut(first, ids, separator)[1]
        layout = read_layout(first, name)
        return cls(len(whole) if layout.header else mark, layout, ids)

    def without_ids(self, block: bytes) -> tuple[bytes, list[str] | None]:
        """Return whole lines without their ids, and these."""
        if self.ids is None:
            return block, None
        lines = block.removesuffix(b"\n").split(b"\n")
        cut = [_cut(line, self.ids, self.layout.separator) for line in lines]
        texts = [bare(cell).decode(errors="replace") for cell, _ in cut]
        return b"".join(rest + b"\n" for _, rest in cut), texts


def _cut(line: bytes, at: int, separator: bytes) -> tuple[bytes, bytes]:
    """Return a cell of a line, and the line without it."""
    if at == 0 and not line.startswith(b'"'):
        cell, _, rest = line.partition(separator)
        return cell, rest
    cells = line.split(separator)
    if b'"' in line:  # A separator between quotes is none.
        text = line.decode(errors="surrogateescape")
        parsed = next(csv.reader([text], delimiter=separator.decode()), [])
        cells = [cell.encode(errors="surrogateescape") for cell in parsed]
    cell = cells.pop(at) if at < len(cells) else b""
    return cell, separator.join(cells)


def _blocks(stream: Any, length: int, counter: LineCounter, name: str) -> Iterator[bytes]:
    """Yield whole lines of the next `length` bytes, about a megabyte at a time."""
    rest = b""
    while data := stream.read(min(BLOCK_BYTES, length)):
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
