"""Read a file of lines in blocks of whole lines."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

from digit_runtime.errors import InputReadError
from digit_runtime.inputs.csv_source import Source, open_source

# A row of 785 cells needs about 3 kB; more than this without a line end is not a CSV.
LONGEST_LINE: Final = 1 << 16


class Blocks:
    """A file of lines, open for reading in blocks; see `csv_source.open_source`.

    Attributes:
        notes: What to tell about the file, such as that it is UTF-16.

    Raises:
        InputNotFoundError: There is no such file.
        InputReadError: It cannot be read, or is damaged; now or further on.
        PixelsError: It is an archive in which there is not one CSV to take.
    """

    def __init__(self, source: Source, name: str, prefer: str = "test.csv") -> None:
        self._name = name
        with ExitStack() as stack:
            self._stream, self.notes = open_source(source, name, prefer, stack)
            self._stack = stack.pop_all()
        self._first = b""
        self._hash: Any = None

    def __enter__(self) -> "Blocks":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def line(self) -> bytes:
        """Return the next line, with its end if it has one; empty after the last."""
        line = self._checked(self._stream.readline, LONGEST_LINE)
        self._first = self._first or line
        return line

    def hash_all(self) -> None:
        """Keep the hash of all that is read; to be called after the first line."""
        self._hash = hashlib.sha256(self._first)

    def sha256(self) -> str | None:
        """Return the hash of what was read so far, if `hash_all` was called."""
        return self._hash.hexdigest() if self._hash else None

    def read(self, size: int) -> Iterator[bytes]:
        """Yield the rest in whole lines, each time `size` bytes and what ends their last line.

        Blank lines at the end of the file are left out.
        """
        blank = b""
        while block := self._checked(self._stream.read, size):
            if not block.endswith(b"\n"):
                block += self.line()
            ink = len(block.rstrip())
            if not ink:
                # Enough to show that a blank line is here, should more follow.
                blank = blank or block
                continue
            # With the line's end where that is all that follows: then nothing is copied.
            yield blank + block[: ink + 1]
            blank = block[ink:].partition(b"\n")[2]

    def _checked(self, read: Callable[[int], bytes], size: int) -> bytes:
        try:
            data = read(size)
        # What gzip, zipfile and a caller's stream raise has many types.
        except Exception as error:
            raise InputReadError(f"{self._name}: cannot be read: {error}") from error
        if self._hash:
            self._hash.update(data)
        return data
