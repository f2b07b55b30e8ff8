"""Read flatbuffers, as far as TFLite files need them, from bytes that may be hostile.

https://flatbuffers.dev/internals/. A table is looked into field by field, by whoever knows
the schema; nothing recurses by what the bytes say, and nothing is allocated beyond their
own size.
"""

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from digit_runtime.errors import ModelFileError


class Table:
    """One table; an absent field reads as zero or empty.

    Raises:
        ModelFileError: By the accessors: an offset leads out of the bytes.
    """

    def __init__(self, data: memoryview, position: int) -> None:
        self._data = data
        self._position = position
        self._fields = position - self._number("<i", position)
        self._size = self._number("<H", self._fields)

    @classmethod
    def root(cls, data: memoryview) -> "Table":
        """Return the table that the bytes begin with."""
        return cls(data, struct.unpack_from("<I", data)[0])

    def integer(self, field: int, kind: str = "<i") -> int:
        """Return a number; `kind` is its `struct` format."""
        place = self._place(field)
        return self._number(kind, place) if place else 0

    def table(self, field: int) -> "Table | None":
        """Return a table, if there is one."""
        place = self._place(field)
        return Table(self._data, self._follow(place)) if place else None

    def tables(self, field: int) -> Iterator["Table"]:
        """Yield the tables of a vector."""
        start, length = self._vector(field, 4)
        for place in range(start, start + 4 * length, 4):
            yield Table(self._data, self._follow(place))

    def numbers(self, field: int) -> NDArray[np.int32]:
        """Return a vector of int32."""
        start, length = self._vector(field, 4)
        return np.frombuffer(self._data, "<i4", length, start) if length else np.empty(0, "<i4")

    def data(self, field: int) -> memoryview:
        """Return a vector of bytes, without copying."""
        start, length = self._vector(field, 1)
        return self._data[start : start + length]

    def text(self, field: int) -> str:
        """Return a string."""
        try:
            return bytes(self.data(field)).decode()
        except UnicodeDecodeError as error:
            raise ModelFileError("holds text that is not UTF-8") from error

    def _place(self, field: int) -> int:
        entry = 4 + 2 * field
        if entry + 2 > self._size:
            return 0
        offset = self._number("<H", self._fields + entry)
        return self._position + offset if offset else 0

    def _vector(self, field: int, width: int) -> tuple[int, int]:
        place = self._place(field)
        if not place:
            return 0, 0
        start = self._follow(place)
        length = self._number("<I", start)
        if start + 4 + width * length > len(self._data):
            raise ModelFileError("ends within a list")
        return start + 4, length

    def _follow(self, place: int) -> int:
        return place + self._number("<I", place)

    def _number(self, kind: str, place: int) -> int:
        if not 0 <= place <= len(self._data) - struct.calcsize(kind):
            raise ModelFileError("ends within a number")
        number: int = struct.unpack_from(kind, self._data, place)[0]
        return number
