"""Publish files whole or not at all: written beside, then renamed over the target."""

import errno
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from digit_runtime.errors import OutputError
from digit_runtime.storage.owning import claim, remove_abandoned

# About as long as it takes to remove a file.
_SWEEPING_S: Final = 0.001
_PART: Final = re.compile(r"\..+\.[0-9a-f]{8}\.part", re.DOTALL)

# What a write into an open file raises, with no file name in it. Windows lacks EDQUOT.
_DISK_ERRORS = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "EROFS")
    if hasattr(errno, name)
}


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a new path beside `target`; on success it becomes `target`.

    On any exception, an interrupt included, the new file is removed and `target` is left
    as it was. Two processes that write the same target never mix: the last to finish
    wins whole. The folder is made if it is missing. A symbolic link is followed, so
    that the link stays and its target is replaced. A process that is killed leaves its
    new file; the next that writes into the folder removes it.

    Raises:
        OutputError: The folder or file cannot be written.
    """
    target = Path(os.path.realpath(target))
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    with _explained(target, fresh, target, *target.parents):
        if target.is_dir():
            raise OutputError(f"{target}: is a folder; name a file")
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        with _own(fresh):
            try:
                yield fresh
                os.replace(fresh, target)
            finally:
                # After a successful rename there is nothing left to remove.
                fresh.unlink(missing_ok=True)


@contextmanager
def writing(target: Path) -> Iterator[BinaryIO]:
    """Yield a binary file whose bytes become `target` on success; see `replacing`.

    A device or pipe, such as /dev/null or /dev/stdout, is written in place.
    """
    if target.exists() and not target.is_file() and not target.is_dir():
        with _explained(target, target), target.open("wb") as stream:
            yield stream
        return
    with replacing(target) as fresh, fresh.open("wb") as stream:
        yield stream
        stream.flush()
        os.fsync(stream.fileno())


@contextmanager
def _own(fresh: Path) -> Iterator[None]:
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        # In this moment another process may take it for abandoned. It removes it then: whoever
        # has no lock removes nothing, lest it be what came in its place.
        while claim(descriptor) is False or not fresh.exists():
            os.close(descriptor)
            time.sleep(_SWEEPING_S)
            descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT, 0o666)
        if os.name == "nt":  # It renames no file that is open.
            os.close(descriptor)
            descriptor = -1
        yield
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left in a folder."""
    parts: list[str] = []
    with suppress(OSError), os.scandir(folder) as entries:  # It need not be readable.
        parts = [entry.path for entry in entries if _PART.fullmatch(entry.name)]
    for part in parts:
        remove_abandoned(Path(part))


@contextmanager
def _explained(target: Path, *ours: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # An error about another file, an input say, is not ours to explain.
        about_ours = (
            error.errno in _DISK_ERRORS if error.filename is None else Path(error.filename) in ours
        )
        if isinstance(error, OutputError) or not about_ours:
            raise
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error
