"""Read a file of lines, plain or gzip, in blocks of whole lines: `-` is standard input."""

import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from digit_runtime.errors import InputNotFoundError, InputReadError

# A row of 785 cells needs about 3 kB; more than this without a line end is not a CSV.
LONGEST_LINE: Final = 1 << 16
GZIP_MAGIC: Final = b"\x1f\x8b"


class Blocks:
    """A file of lines, open for reading in blocks.

    Raises:
        InputNotFoundError: There is no such file.
        InputReadError: It cannot be read, or is damaged gzip; now or further on.
    """

    def __init__(self, path: str | Path, name: str) -> None:
        self._name = name
        with ExitStack() as stack:
            self._stream = _open(path, name, stack)
            self._stack = stack.pop_all()

    def __enter__(self) -> "Blocks":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def line(self) -> bytes:
        """Return the next line, with its end if it has one; empty after the last."""
        return self._checked(self._stream.readline, LONGEST_LINE)

    def read(self, size: int) -> Iterator[bytes]:
        """Yield the rest in whole lines, each time `size` bytes and what ends their last line."""
        while block := self._checked(self._stream.read, size):
            yield block if block.endswith(b"\n") else block + self.line()

    def _checked(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            return read(size)
        except (OSError, EOFError, zlib.error) as error:
            raise InputReadError(f"{self._name}: cannot be read: {error}") from error


def _open(path: str | Path, name: str, stack: ExitStack) -> BinaryIO:
    raw: io.BufferedReader[Any]
    try:
        if str(path) == "-":
            raw = io.BufferedReader(_raw_stdin())
            stack.callback(raw.detach)
        else:
            raw = stack.enter_context(Path(path).open("rb"))
        zipped = raw.peek(2)[:2] == GZIP_MAGIC
    except FileNotFoundError as error:
        raise InputNotFoundError(f"{name}: no such file") from error
    except OSError as error:
        raise InputReadError(f"{name}: cannot be read: {error.strerror or error}") from error
    return cast(BinaryIO, stack.enter_context(gzip.GzipFile(fileobj=raw)) if zipped else raw)


def _raw_stdin() -> io.RawIOBase:
    # Not sys.stdin.buffer: an interrupted command may end while a thread still waits in a
    # read, and Python aborts if it cannot lock that object to close it.
    try:
        return io.FileIO(sys.stdin.fileno(), closefd=False)
    except io.UnsupportedOperation:  # Someone has put an object in its place.
        return cast(io.RawIOBase, sys.stdin.buffer)
