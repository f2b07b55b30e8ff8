"""Addresses: local paths and anything that pyarrow or fsspec opens, such as s3:// and gs://."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import fsspec
import pyarrow as pa
from pyarrow.fs import (
    FileSelector,
    FileSystem,
    FileType,
    FSSpecHandler,
    LocalFileSystem,
    PyFileSystem,
)

from digit_runtime.batch.errors import OutputInUseError
from digit_runtime.errors import DigitError, InputReadError, OutputError
from digit_runtime.storage.owning import ABANDONED_S, owned

PARTS: Final = "_parts"
ERRORS: Final = "_errors"
_UNFINISHED: Final = "_unfinished"
# A worker that was killed is gone within a second.
_PAUSES_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)


def locate(address: str) -> tuple[FileSystem, str]:
    """Return the filesystem of an address, and the path that it has there.

    Raises:
        InputReadError: No such kind of filesystem, or a package for it is missing.
    """
    if "://" not in address:
        return LocalFileSystem(), Path(os.path.abspath(address)).as_posix()
    return _remote(address)


@lru_cache
def _remote(address: str) -> tuple[FileSystem, str]:
    try:
        try:
            found: tuple[FileSystem, str] = FileSystem.from_uri(address)
        except pa.ArrowInvalid:  # Not one of pyarrow's own.
            other, path = fsspec.core.url_to_fs(address)
            found = PyFileSystem(FSSpecHandler(other)), path
    except (OSError, ValueError, ImportError) as error:
        reason = " ".join(str(error).split())
        raise InputReadError(f"{shown(address, '')}: cannot be opened: {reason}") from error
    return found


def shown(address: str, path: str) -> str:
    """Return how to call the file at `path` on the filesystem of `address`, keys left out."""
    if "://" not in address:
        return path or address
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    path = path or host + parts.path
    return f"{parts.scheme}://{path if path.startswith(host) else host + path}"


class Folder:
    """The folder of a run's results.

    Names that begin with ``_`` are ignored by what reads a folder of Parquet or CSV files.

    Args:
        address: Of the folder.
        run: Tells the temporary files of one run from those of others.
    """

    def __init__(self, address: str, run: str) -> None:
        self.name = shown(address, locate(address)[1])
        self._fs, self._path = locate(address)
        self._temporary = f"{self._path}/{_UNFINISHED}/{run}"

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Hold the folder against other runs, and remove what killed ones left in it.

        Where nothing can be locked, as on a remote store, a run is taken for killed when
        it has begun no file for a day.

        Raises:
            OutputInUseError: Another run is writing there.
            OutputError: It cannot be made.
        """
        alone = None
        with ExitStack() as stack:
            if isinstance(self._fs, LocalFileSystem):
                with self._explained(self.name):
                    self._fs.create_dir(self._path, recursive=True)
                    alone = stack.enter_context(owned(Path(self._path)))
            if alone is False:
                raise OutputInUseError(
                    f"{self.name}: another digit-batch is writing there; wait for it, or name a "
                    "new folder"
                )
            self._sweep(everything=bool(alone))
            yield

    def create(self) -> None:
        """Make the folder and those inside it.

        Raises:
            OutputError: It cannot be made.
        """
        with self._explained(self.name):
            for inner in (f"{self._path}/{PARTS}", f"{self._path}/{ERRORS}", self._temporary):
                self._fs.create_dir(inner, recursive=True)

    def clean(self) -> None:
        """Remove what this run's workers had begun and not published.

        A worker that is ended with the run may write until it is, so it is tried again.
        """
        for pause in _PAUSES_S:
            with suppress(OSError):
                self._fs.delete_dir(self._temporary)
            with suppress(OSError):  # Of a store that is gone, the first error is the one to tell.
                if self._fs.get_file_info(self._temporary).type == FileType.NotFound:
                    break
            time.sleep(pause)
        with suppress(OSError):  # It was never made.
            left = FileSelector(f"{self._path}/{_UNFINISHED}", allow_not_found=True)
            if not self._fs.get_file_info(left):
                self._fs.delete_dir(f"{self._path}/{_UNFINISHED}")

    def _sweep(self, everything: bool) -> None:
        runs = FileSelector(f"{self._path}/{_UNFINISHED}", allow_not_found=True)
        with suppress(OSError):  # What another removes at the same time is gone, too.
            for run in self._fs.get_file_info(runs):
                inside = self._fs.get_file_info(FileSelector(run.path, recursive=True))
                last = max((info.mtime_ns or 0 for info in [run, *inside]), default=0) / 1e9
                if everything or time.time() - last > ABANDONED_S:
                    self._fs.delete_dir(run.path)

    @contextmanager
    def writing(self, name: str) -> Iterator[Any]:
        """Yield a binary stream whose bytes become the file `name`, whole or not at all.

        Written elsewhere and moved: not every store renames atomically, but on all of
        them a file appears under its name only when it is complete.

        Raises:
            OutputError: It cannot be written.
        """
        temporary = f"{self._temporary}/{uuid4().hex}"
        with self._explained(f"{self.name}/{name}"):
            with self._fs.open_output_stream(temporary) as stream:
                yield stream
            self._fs.move(temporary, f"{self._path}/{name}")

    @contextmanager
    def attempt(self, name: str) -> Iterator[int]:
        """Mark that `name` is being made; yields how many of its makers were killed."""
        prefix = f"{name}.attempt-"
        mark = f"{self._temporary}/{prefix}{uuid4().hex}"
        with self._explained(self.name):
            names = self._fs.get_file_info(FileSelector(self._temporary, allow_not_found=True))
            killed = sum(info.base_name.startswith(prefix) for info in names)
            with self._fs.open_output_stream(mark):
                pass
        try:
            yield killed
        finally:
            self._fs.delete_file(mark)

    def read(self, name: str) -> bytes:
        """Return the bytes of the file `name`."""
        with self._fs.open_input_stream(f"{self._path}/{name}") as stream:
            content: bytes = stream.read()
        return content

    def sizes(self) -> dict[str, int]:
        """Return the files directly in the folder with their sizes."""
        selector = FileSelector(self._path, allow_not_found=True)
        with self._explained(self.name):
            infos = self._fs.get_file_info(selector)
        return {info.base_name: info.size for info in infos if info.type == FileType.File}

    def remove(self, name: str) -> None:
        """Remove the file `name`, if it is there."""
        path = f"{self._path}/{name}"
        with self._explained(f"{self.name}/{name}"):
            if self._fs.get_file_info(path).type != FileType.NotFound:
                self._fs.delete_file(path)

    @contextmanager
    def _explained(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if isinstance(error, DigitError):  # About an input, say.
                raise
            reason = error.strerror or " ".join(str(error).split())
            raise OutputError(f"{name}: cannot be written: {reason}") from error
