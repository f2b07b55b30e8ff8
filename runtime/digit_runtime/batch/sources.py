"""What there is to score: the files that the inputs name, each once, and what is passed over."""

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType, LocalFileSystem

from digit_runtime.batch.places import locate, shown
from digit_runtime.batch.walk import (
    HIDDEN,
    IS_HIDDEN,
    NO_SUFFIX,
    NOT_UNICODE,
    SUFFIXES,
    WANTED,
    PassedOver,
    local_files,
    printable,
)
from digit_runtime.errors import InputNotFoundError, InputReadError, explained


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


@dataclass(frozen=True)
class Found:
    """What the inputs name, and what they hold besides."""

    sources: Sequence[Source]
    passed_over: Sequence[PassedOver]


def find(inputs: Iterable[str], output: str) -> Found:
    """Return the files that `inputs` name, each once: files, folders, or patterns of both.

    Of a folder, all files below it with one of `SUFFIXES`, save what begins with ``_`` or
    ``.`` and what lies in `output`. Symbolic links are followed; a file that several ways
    lead to goes by a name without a link.

    Raises:
        InputNotFoundError: One of the inputs names nothing.
        InputReadError: A place cannot be listed.
    """
    own = locate(output)[1]
    sources: dict[str, Source] = {}
    passed: dict[str, PassedOver] = {}
    first: dict[str, str] = {}
    for given in inputs:
        named = False
        if printable(given) != given:
            raise InputReadError(f"{printable(given)}: {NOT_UNICODE}")
        with explained(shown(given, ""), "a folder of digits"):
            for one in _named(given, own):
                if isinstance(one, PassedOver):
                    passed[one.name] = one
                    continue
                named = True
                real = one.name if "://" in one.name else os.path.realpath(one.path)
                name = first.setdefault(real, one.name)
                if name == one.name:
                    sources[name] = one
                else:
                    passed[one.name] = PassedOver(one.name, f"is {name} once more")
        if not named:
            raise InputNotFoundError(
                f"{shown(given, '')}: no such file, and no folder or pattern of files with the "
                f"suffix {WANTED}"
            )
    return Found(list(sources.values()), sorted(passed.values(), key=lambda one: one.name))


def _named(address: str, own: str) -> Iterator[Source | PassedOver]:
    fs, path = locate(address)
    infos = fs.get_file_info([path])
    # A file may have a name that looks like a pattern.
    if infos[0].type == FileType.NotFound and glob.has_magic(path):
        infos = fs.get_file_info(sorted(ArrowFSWrapper(fs).glob(path)))
    for info in infos:
        if info.type == FileType.File and not info.path.startswith(f"{own}/"):
            yield _source(address, info)
        elif info.type == FileType.Directory:
            below = local_files if isinstance(fs, LocalFileSystem) else _remote_files
            for one in below(fs, info.path, own):
                if isinstance(one, PassedOver):
                    yield PassedOver(shown(address, one.name), one.reason)
                else:
                    yield _source(address, one)


def _remote_files(fs: FileSystem, folder: str, own: str) -> Iterator[FileInfo | PassedOver]:
    infos = fs.get_file_info(FileSelector(folder, recursive=True))
    for info in sorted(infos, key=lambda info: str(info.path)):
        if info.type != FileType.File or info.path.startswith(f"{own}/"):
            continue
        steps = info.path[len(folder) :].strip("/").split("/")
        hidden = next((n for n, step in enumerate(steps) if step.startswith(HIDDEN)), None)
        if hidden is not None:
            below = "/" * (hidden < len(steps) - 1)
            name = "/".join([folder.rstrip("/"), *steps[: hidden + 1]]) + below
            yield PassedOver(name, IS_HIDDEN)
        elif not info.path.lower().endswith(SUFFIXES):
            yield PassedOver(info.path, NO_SUFFIX)
        else:
            yield info


def _source(address: str, info: FileInfo) -> Source:
    return Source(
        name=shown(address, info.path),
        address=address,
        path=info.path,
        size=info.size,
        modified=str(info.mtime_ns),
    )
