"""Open what a CSV may come in: a path, bytes or a stream; plain, gzip, zip or UTF-16."""

import codecs
import gzip
import io
import re
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, cast

from digit_runtime.errors import DigitError, InputNotFoundError, InputReadError, PixelsError
from digit_runtime.inputs.sniff import ZIP, check_named, kind_of
from digit_runtime.inputs.streams import STDIN, raw_stdin

Source = str | Path | bytes | BinaryIO
"""A path (``-`` is standard input), a file's content, or a stream of bytes."""

GZIP_MAGIC: Final = b"\x1f\x8b"
# Its Label column is made up.
_SAMPLE: Final = "sample_submission.csv"
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]+:/{1,2}[^/]", re.IGNORECASE)
_EXCEL: Final = "[Content_Types].xml"


def name_of(source: Source) -> str:
    """Return what messages call a source."""
    if isinstance(source, str | Path):
        return STDIN if str(source) == "-" else str(source)
    if isinstance(source, bytes):
        return "the bytes"
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "the stream"


def open_source(
    source: Source, name: str, prefer: str, stack: ExitStack
) -> tuple[BinaryIO, list[str]]:
    """Return the text of a CSV as a stream of bytes that can be peeked into, and notes on it.

    Args:
        source: What to open.
        name: For messages.
        prefer: Which file of an archive to take, if it has several.
        stack: Closes what was opened; a stream that was given is left open.

    Raises:
        InputNotFoundError: There is no such file.
        InputReadError: It cannot be read.
        PixelsError: It is an archive without a CSV, or with several.
    """
    notes: list[str] = []
    raw = _peekable(source, name, stack)
    head = _peek(raw, name)
    if kind_of(head) == ZIP:
        raw, member = _member(raw, source, name, prefer, stack)
        notes.append(f"reading {member} of {name}")
    elif head.startswith(GZIP_MAGIC):
        raw = stack.enter_context(io.BufferedReader(cast(Any, gzip.GzipFile(fileobj=raw))))
    if _peek(raw, name)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raw = stack.enter_context(io.BufferedReader(_Utf16(raw)))
        notes.append(f"{name} is UTF-16 text; it is read as such")
    return cast(BinaryIO, raw), notes


def csv_members(archive: zipfile.ZipFile) -> list[str]:
    """Return the CSV files in an archive that hold digits or may."""
    found = [
        member
        for member in archive.namelist()
        if member.lower().endswith(".csv") and not member.startswith("__MACOSX/")
    ]
    others = [member for member in found if PurePosixPath(member).name != _SAMPLE]
    return others or found


def _peek(raw: "io.BufferedReader[Any]", name: str) -> bytes:
    try:
        return raw.peek(4)[:4]
    # What gzip, zipfile and a caller's stream raise has many types.
    except Exception as error:
        raise InputReadError(f"{name}: cannot be read: {error}") from error


def _peekable(source: Source, name: str, stack: ExitStack) -> "io.BufferedReader[Any]":
    check_named(source)
    try:
        if isinstance(source, bytes):
            return io.BufferedReader(cast(Any, io.BytesIO(source)))
        if not isinstance(source, str | Path):
            reader: io.BufferedReader[Any] = io.BufferedReader(_Stream(source))
        elif str(source) == "-":
            reader = io.BufferedReader(cast(Any, raw_stdin()))
        else:
            return stack.enter_context(_file_of(Path(source)).open("rb"))
        stack.callback(reader.detach)
        return reader
    except DigitError:
        raise
    except FileNotFoundError as error:
        if _ADDRESS.match(name):
            raise InputNotFoundError(
                f"{name}: is an address, and only files are read; download it first: "
                "curl -LO with that address"
            ) from error
        raise InputNotFoundError(f"{name}: no such file") from error
    except OSError as error:
        raise InputReadError(f"{name}: cannot be read: {error.strerror or error}") from error


def _file_of(path: Path) -> Path:
    """Return the archive of ``archive.zip/member.csv``, else the path itself."""
    inside = path.parent.suffix.lower() == ".zip" and path.parent.is_file()
    return path.parent if inside else path


def _member(
    raw: "io.BufferedReader[Any]", source: Source, name: str, prefer: str, stack: ExitStack
) -> "tuple[io.BufferedReader[Any], str]":
    if not raw.seekable():
        raise PixelsError(f"{name}: is a zip archive, which cannot be read there; use unzip -p")
    try:
        archive = stack.enter_context(zipfile.ZipFile(raw))
        members = csv_members(archive)
        inside = isinstance(source, str | Path) and _file_of(Path(source)) != Path(source)
        wanted = Path(cast(str, source)).name if inside else prefer
        chosen = [member for member in members if PurePosixPath(member).name == wanted]
        if not inside and len(members) == 1:
            chosen = members
        if len(chosen) != 1:
            raise PixelsError(f"{name}: {_no_choice(archive.namelist(), members, name, inside)}")
        opened = archive.open(chosen[0])
        return stack.enter_context(io.BufferedReader(cast(Any, opened))), chosen[0]
    except PixelsError:
        raise
    # On damaged or encrypted archives zipfile raises much besides BadZipFile.
    except Exception as error:
        raise InputReadError(f"{name}: cannot be read: {error}") from error


def _no_choice(names: Sequence[str], members: Sequence[str], name: str, inside: bool) -> str:
    if inside:
        return f"no such file in that archive; it has {', '.join(members[:8]) or 'no CSV'}"
    if members:
        listed = ", ".join(members[:8])
        return f"is an archive of {listed}; say which: {name}/{PurePosixPath(members[0]).name}"
    if _EXCEL in names:
        return "is an Excel workbook; save it as CSV (File, Save as, CSV UTF-8)"
    return "is a zip archive without a CSV (digit_runtime.read_pixels reads .npz files)"


class _Stream(io.RawIOBase):
    """What is read from a stream of which nothing is known but ``read(size)``."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(getattr(self._stream, "seekable", lambda: False)())

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def readinto(self, buffer: Any, /) -> int:
        data = self._stream.read(len(buffer))
        if not isinstance(data, bytes):
            raise OSError("the stream gives text; open it in binary mode")
        buffer[: len(data)] = data
        return len(data)


class _Utf16(io.RawIOBase):
    """The same text as UTF-8."""

    def __init__(self, raw: "io.BufferedReader[Any]") -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._rest:
            data = self._raw.read(1 << 16)
            self._rest = self._decoder.decode(data, final=not data).encode()
            if not data:
                break
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)
