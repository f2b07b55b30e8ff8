"""A file of this machine, mapped into memory, whose pages are given back while it is read."""

import mmap
from pathlib import Path
from typing import Any, Final, Self

import pyarrow as pa

# Giving back costs a fault for each page that is still needed: rarely enough not to be felt.
_SLICES: Final = 10


class Mapped:
    """A file for Arrow, which copies nothing of what it reads from memory.

    What the system has read of a mapped file counts as the process's own memory, and would
    grow to the size of the file.
    """

    def __init__(self, path: str) -> None:
        """Map the file.

        Raises:
            OSError: It cannot be read.
            ValueError: It is empty.
        """
        with Path(path).open("rb") as stream:
            self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        self._slices = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # Not closed: Arrow may still hold parts of it. It is unmapped with the last of them.
        del self._map

    def stream(self) -> Any:
        """Return what `pyarrow` reads."""
        return pa.BufferReader(pa.py_buffer(self._map))

    def slice_done(self) -> None:
        """Give memory back, every few calls; what is needed again comes from the system."""
        self._slices += 1
        # Windows has no such call; there it takes the memory of its own accord.
        if self._slices % _SLICES == 0 and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)
