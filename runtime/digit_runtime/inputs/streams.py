"""What can be read only once: pipes, devices and standard input, held in memory."""

import io
import sys
from pathlib import Path
from typing import Final, cast

from digit_runtime.errors import InputReadError, PixelsError, explained

STDIN: Final = "standard input"
_MOST_BYTES: Final = 256 * 1024**2


def read_once(path: Path, name: str) -> Path | bytes:
    """Return `path`, or the content of what has no second reading, such as a named pipe.

    Raises:
        InputNotFoundError, InputReadError: No such file, or one that cannot be read.
        PixelsError: It gives more than 256 MB.
    """
    if path.is_file():
        return path
    with explained(name, "a file"), path.open("rb") as stream:
        return _content(stream, name)


def read_stdin() -> bytes:
    """Return all of standard input.

    Raises:
        InputReadError: It is shut, or cannot be read.
        PixelsError: It gives more than 256 MB.
    """
    with explained(STDIN, "a file"):
        return _content(raw_stdin(), STDIN)


def raw_stdin() -> io.RawIOBase:
    """Return standard input.

    It is not sys.stdin.buffer: an interrupted command may end while a thread still waits in a
    read, and Python aborts if it cannot lock that object to close it.

    Raises:
        InputReadError: It is shut.
    """
    if sys.stdin is None:
        raise InputReadError(f"{STDIN}: is closed; nothing can be read from it")
    try:
        return io.FileIO(sys.stdin.fileno(), closefd=False)
    except io.UnsupportedOperation:  # Someone has put an object in its place.
        return cast(io.RawIOBase, sys.stdin.buffer)


def _content(stream: io.RawIOBase | io.BufferedReader, name: str) -> bytes:
    content = bytearray()
    while part := stream.read(1 << 20):
        content += part
        if len(content) > _MOST_BYTES:  # As /dev/zero does, without an end.
            raise PixelsError(f"{name}: gives more than {_MOST_BYTES // 1024**2} MB; save it first")
    return bytes(content)
