"""Kaggle's CSV files, cut between lines; a bad line is set aside and the others are read.

Lines of the plain form go through `inputs.csv_parser`. All else goes to `PixelCsv`, so what
is a digit, and what is said of what is not, is the same as in digit-predict, except that a
label column is ignored whatever it holds.
"""

import codecs
import gzip
import io
import re
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from digit_runtime.batch.parts import BadRow, Part, Rows, opened
from digit_runtime.batch.sources import Source
from digit_runtime.contract import PIXELS, Pixels
from digit_runtime.errors import PixelsError
from digit_runtime.inputs.csv_blocks import GZIP_MAGIC, LONGEST_LINE
from digit_runtime.inputs.csv_parser import parse
from digit_runtime.inputs.kaggle_csv import PixelCsv

_EXPECTED: Final = "a CSV of digits"
_BLOCK: Final = 1 << 20
# A row has 784 cells of at least one digit, each followed by a comma or the line's end.
_SHORTEST_ROW: Final = 2 * PIXELS
# As many as `digit_runtime.inputs.csv_parser` is fastest with.
_LINES: Final = 64
_HEADER: Final = ",".join(f"pixel{index}" for index in range(PIXELS)).encode()
_ROW_MESSAGE: Final = re.compile(r"row 1(?:, column (\w+):)? (.*)")


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
            body, labels = _layout(stream.read(LONGEST_LINE), name)
            start = max(part.start, body)
            stream.seek(start)
            counter = LineCounter()
            done, held = part.before, list[BadRow]()
            length = sys.maxsize if zipped else part.stop - start
            for block in _blocks(stream, length, counter, name):
                rows = _parse(block, labels, done)
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


def _layout(head: bytes, name: str) -> tuple[int, int]:
    """Return where the first row of a file starts, and how many columns of labels it has.

    Args:
        head: The file's first bytes, at least its first line.
        name: Of the file.

    Raises:
        PixelsError: This is not a CSV of digits.
    """
    first = head[: head.find(b"\n") + 1] or head
    zeros = b",".join([b"0"] * (first.count(b",") + 1))
    with _file(b"".join([first.rstrip(b"\r\n"), b"\n", zeros, b"\n"] * bool(first))) as path:
        try:
            with PixelCsv(path) as csv:
                try:
                    rows = sum(len(pixels) for pixels, _ in csv)
                except PixelsError:  # The first line is a row, a bad one.
                    rows = 2
        except PixelsError as error:
            raise PixelsError(str(error).replace(str(path), name)) from error
    mark = codecs.BOM_UTF8
    return len(first if rows == 1 else mark * first.startswith(mark)), int(csv.has_labels)


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


def _parse(block: bytes, labels: int, before: int) -> Rows:
    lines = block.split(b"\n")[:-1]
    good = np.ones(len(lines), bool)
    pixels: list[Pixels] = []
    bad: list[BadRow] = []
    for first in range(0, len(lines), _LINES):
        some = lines[first : first + _LINES]
        values = parse(b"\n".join(some) + b"\n", PIXELS + labels)
        if values is not None:
            pixels.append(values[:, labels:])
            continue
        for index, outcome in enumerate(_carefully(some, labels), start=first):
            if isinstance(outcome, BadRow):
                good[index] = False
                bad.append(outcome._replace(row=before + index + 1))
            else:
                pixels.append(outcome)
    whole = np.concatenate(pixels) if pixels else np.empty((0, PIXELS), np.uint8)
    return Rows(np.flatnonzero(good) + before + 1, np.ascontiguousarray(whole), bad)


def _carefully(lines: list[bytes], labels: int) -> list[Pixels | BadRow]:
    """Return uint8 ``[1, 784]`` for each line, or why not."""
    if labels:
        lines = [line if not line.strip() else b"0," + line.partition(b",")[2] for line in lines]
    together = _pixels(lines, labels)
    if not isinstance(together, BadRow) and len(together) == len(lines):
        return list(together[:, None])
    return [_pixels([line], labels) for line in lines]


def _pixels(lines: list[bytes], labels: int) -> Pixels | BadRow:
    """Return what `PixelCsv` makes of these lines, or what it says of a single one."""
    if not lines[-1].strip():
        return BadRow(0, "", "is blank; remove that line")
    with _file(b"\n".join([b"label," * labels + _HEADER, *lines])) as path:
        try:
            with PixelCsv(path) as csv:
                return np.concatenate([pixels for pixels, _ in csv])
        except PixelsError as error:
            reason = str(error).removeprefix(f"{path}: ")
            found = _ROW_MESSAGE.fullmatch(reason)
            return BadRow(0, found[1] or "", found[2]) if found else BadRow(0, "", reason)


@contextmanager
def _file(content: bytes) -> Iterator[Path]:
    with TemporaryDirectory(prefix="digit-batch-") as folder:
        path = Path(folder, "lines.csv")
        path.write_bytes(content)
        yield path
