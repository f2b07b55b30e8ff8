"""Read protobuf's wire format, as far as ONNX files need it, from bytes that may be hostile.

https://protobuf.dev/programming-guides/encoding/. A message is split into its fields and
no further; whoever knows the schema asks for a field by number, as the type that it has.
So nothing recurses by what the bytes say, and nothing is allocated beyond their own size.
"""

import struct
from collections.abc import Iterator
from typing import Final

from digit_runtime.errors import ModelFileError

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5
_LONGEST_VARINT: Final = 10


class Message:
    """The fields of one message; an absent field reads as zero or empty, as in proto3.

    Raises:
        ModelFileError: Truncated, or not protobuf; the accessors raise it for a field that
            has another type than asked for.
    """

    def __init__(self, data: memoryview) -> None:
        self._fields: dict[int, list[int | memoryview]] = {}
        position = 0
        while position < len(data):
            key, position = _varint(data, position)
            value, position = _value(data, position, key & 7)
            self._fields.setdefault(key >> 3, []).append(value)

    def integer(self, number: int) -> int:
        """Return an int32, int64 or enum field."""
        values = self.integers(number)
        return values[-1] if values else 0

    def integers(self, number: int) -> list[int]:
        """Return a repeated field of these, packed or not."""
        found: list[int] = []
        for value in self._fields.get(number, ()):
            found.extend([value] if isinstance(value, int) else _varints(value))
        return [value - (1 << 64) if value >> 63 else value for value in found]

    def floats(self, number: int) -> list[float]:
        """Return a repeated float field, packed or not; a single one is a list of one."""
        found: list[float] = []
        for value in self._fields.get(number, ()):
            if isinstance(value, int) or len(value) % 4:
                raise ModelFileError(f"field {number} does not hold floats")
            found.extend(struct.unpack(f"<{len(value) // 4}f", value))
        return found

    def data(self, number: int) -> memoryview:
        """Return a bytes field, without copying."""
        values = self._lengths(number)
        return values[-1] if values else memoryview(b"")

    def text(self, number: int) -> str:
        """Return a string field."""
        return _decoded(self.data(number))

    def texts(self, number: int) -> list[str]:
        """Return a repeated string field."""
        return [_decoded(value) for value in self._lengths(number)]

    def message(self, number: int) -> "Message":
        """Return a field that is a message itself."""
        return Message(self.data(number))

    def messages(self, number: int) -> Iterator["Message"]:
        """Yield the messages of a repeated field."""
        return map(Message, self._lengths(number))

    def has(self, number: int) -> bool:
        """Return whether the field is there."""
        return number in self._fields

    def _lengths(self, number: int) -> list[memoryview]:
        values = []
        for value in self._fields.get(number, ()):
            if isinstance(value, int):
                raise ModelFileError(f"field {number} is a number; expected bytes")
            values.append(value)
        return values


def _value(data: memoryview, position: int, kind: int) -> tuple[int | memoryview, int]:
    if kind == _VARINT:
        return _varint(data, position)
    if kind == _BYTES:
        length, position = _varint(data, position)
    elif kind in (_FIXED32, _FIXED64):
        length = 4 if kind == _FIXED32 else 8
    else:
        raise ModelFileError(f"byte {position} starts a field of unknown kind {kind}")
    end = position + length
    if end > len(data):
        raise ModelFileError("ends within a field")
    return data[position:end], end


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    result = 0
    for index, byte in enumerate(data[position : position + _LONGEST_VARINT]):
        result |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if result >> 64:
                break
            return result, position + index + 1
    raise ModelFileError(f"byte {position} starts a number that does not end")


def _varints(data: memoryview) -> Iterator[int]:
    position = 0
    while position < len(data):
        value, position = _varint(data, position)
        yield value


def _decoded(value: memoryview) -> str:
    try:
        text = str(value, "utf-8")
    except UnicodeDecodeError as error:
        raise ModelFileError("holds a name that is not UTF-8") from error
    # Such names end up in messages, where a line break or an escape code does harm.
    if not text.isprintable():
        raise ModelFileError(f"holds a name with unprintable characters: {text[:50]!r}")
    return text
