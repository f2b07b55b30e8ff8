"""What there is to score: the files that the inputs name."""

import glob
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType

from digit_runtime.batch.places import locate, shown
from digit_runtime.errors import InputNotFoundError, explained

SUFFIXES: Final = (".csv", ".csv.gz", ".npy", ".parquet", ".pq")


@dataclass(frozen=True)
class Source:
    """A file of digits, and the state that it was found in.

    Attributes:
        name: Absolute path or address, which tells it from all other files.
        address: Names its filesystem; see `places.locate`.
        path: On that filesystem.
        size: In bytes.
        modified: Time of the last change, as the filesystem gives it.
    """

    name: str
    address: str
    path: str
    size: int
    modified: str

    @property
    def suffix(self) -> str:
        """The last suffix, in lower case."""
        return PurePosixPath(self.path).suffix.lower()


def find(inputs: Iterable[str], output: str) -> list[Source]:
    """Return the files that `inputs` name, each once: files, folders, or patterns of both.

    Of a folder, all files below it with one of `SUFFIXES`, save what begins with ``_`` or
    ``.`` and what lies in `output`.

    Raises:
        InputNotFoundError: One of the inputs names nothing.
        InputReadError: A place cannot be listed.
    """
    own = locate(output)[1] + "/"
    sources: dict[str, Source] = {}
    for given in inputs:
        found = [source for source in _found(given) if not source.path.startswith(own)]
        if not found:
            raise InputNotFoundError(
                f"{shown(given, '')}: no such file, and no folder or pattern with "
                f"{', '.join(SUFFIXES)} files"
            )
        sources |= {source.name: source for source in found}
    return list(sources.values())


def _found(address: str) -> Iterator[Source]:
    with explained(shown(address, ""), "a folder of digits"):
        fs, path = locate(address)
        infos = fs.get_file_info([path])
        # A file may have a name that looks like a pattern.
        if infos[0].type == FileType.NotFound and glob.has_magic(path):
            infos = fs.get_file_info(sorted(ArrowFSWrapper(fs).glob(path)))
        for info in infos:
            if info.type == FileType.Directory:
                yield from (_source(address, inner) for inner in _below(fs, info.path))
            elif info.type == FileType.File:
                yield _source(address, info)


def _below(fs: FileSystem, folder: str) -> list[FileInfo]:
    inside = (
        info
        for info in fs.get_file_info(FileSelector(folder, recursive=True))
        if info.type == FileType.File and info.path.lower().endswith(SUFFIXES)
    )
    seen = (
        info
        for info in inside
        if not any(step.startswith(("_", ".")) for step in info.path[len(folder) :].split("/"))
    )
    return sorted(seen, key=lambda info: str(info.path))


def _source(address: str, info: FileInfo) -> Source:
    return Source(
        name=shown(address, info.path),
        address=address,
        path=info.path,
        size=info.size,
        modified=str(info.mtime_ns),
    )
