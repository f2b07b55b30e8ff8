"""The files below a folder of this machine, links followed, each folder looked at once."""

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from pyarrow.fs import FileInfo, FileSystem

from digit_runtime.inputs.sniff import IMAGE_SUFFIXES

TABLES: Final = (".csv", ".csv.gz", ".npy", ".parquet", ".pq")
PICTURES: Final = tuple(sorted(IMAGE_SUFFIXES))
SUFFIXES: Final = (*TABLES, *PICTURES)
WANTED: Final = f"{', '.join(TABLES)} or that of a picture"
HIDDEN: Final = ("_", ".")
IS_HIDDEN: Final = "its name begins with _ or ."
NOT_UNICODE: Final = "its name is not valid Unicode; rename it"
NO_SUFFIX: Final = f"its name does not end with {WANTED}"


@dataclass(frozen=True)
class PassedOver:
    """A file, or a folder with all that it holds, that lies in an input and is not scored."""

    name: str
    reason: str


def local_files(fs: FileSystem, folder: str, own: str) -> Iterator[FileInfo | PassedOver]:
    """Yield the files below `folder`, what no link leads to first, and what is passed over.

    Args:
        fs: The local filesystem.
        folder: To look into.
        own: Path of the results, which are not looked at.

    Raises:
        OSError: A folder cannot be listed.
    """
    waiting, linked = deque([folder]), list[str]()
    seen: dict[str, str] = {}
    while waiting:
        for place, folders, files in os.walk(waiting.popleft(), onerror=_refuse):
            folders.sort()
            here = Path(place).as_posix()
            if (real := os.path.realpath(place)) == os.path.realpath(own):
                folders.clear()
                continue
            if real in seen:
                yield PassedOver(f"{here}/", f"is {seen[real]}/ once more")
                folders.clear()
                continue
            seen[real] = here
            for name in list(folders):
                path = f"{here}/{name}"
                if name.startswith(HIDDEN):
                    yield PassedOver(printable(f"{path}/"), IS_HIDDEN)
                    folders.remove(name)
                elif os.path.islink(path):
                    waiting.append(path)
            for name in sorted(files):
                path = f"{here}/{name}"
                if reason := _obstacle(path, name):
                    yield PassedOver(printable(path), reason)
                elif os.path.islink(path):
                    linked.append(path)
                else:
                    yield fs.get_file_info(path)
    yield from fs.get_file_info(linked)


def _obstacle(path: str, name: str) -> str:
    if name.startswith(HIDDEN):
        return IS_HIDDEN
    if not name.lower().endswith(SUFFIXES):
        return NO_SUFFIX
    if not os.path.isfile(path):
        return "is no file, or a link to nothing"
    if printable(path) != path:
        return NOT_UNICODE
    return ""


def printable(path: str) -> str:
    """Return a path for messages; another text where it is not valid Unicode."""
    return path.encode(errors="replace").decode()


def _refuse(error: OSError) -> NoReturn:
    raise error
