"""Who owns a file: the process that holds the system's lock on it, which no killed one does."""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Final

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows.
    fcntl = None

# Where nothing can be locked, a file that nobody changes for that long has no owner.
ABANDONED_S: Final = 24 * 3600
_TAKEN: Final = (errno.EWOULDBLOCK, errno.EACCES)


def claim(descriptor: int) -> bool | None:
    """Lock an open file or folder for as long as it is open in this process.

    The system releases it when the process dies, however that happens.

    Returns:
        False if another open file has it; None if the system, or the share, has no locks.
    """
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in _TAKEN else None
    return True


def remove_abandoned(path: Path) -> None:
    """Remove a file if nobody owns it, which could only be through `claim`."""
    with suppress(OSError):  # It has just gone, or it is not ours.
        with path.open("r+b") as stream:
            free = claim(stream.fileno())
            # Another may have removed it since it was opened, and its owner made it anew; not while
            # it is locked.
            if free and os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                path.unlink()
            age = time.time() - os.fstat(stream.fileno()).st_mtime
        if free is None and age > ABANDONED_S:
            path.unlink()


@contextmanager
def owned(folder: Path) -> Iterator[bool | None]:
    """Claim a folder, which must exist; yields what `claim` returns."""
    if fcntl is None:  # Windows cannot open a folder.
        yield None
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield claim(descriptor)
    finally:
        os.close(descriptor)
