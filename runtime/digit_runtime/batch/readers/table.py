"""The file formats that digit-batch reads, by the suffix that promises one."""

from collections.abc import Callable, Generator
from typing import Protocol

from digit_runtime.batch.parts import Part, Rows
from digit_runtime.batch.readers import csv, npy, parquet, pictures
from digit_runtime.batch.sources import Source


class Format(Protocol):
    """A module that knows one file format."""

    def plan(self, source: Source, rows: int) -> list[Part]:
        """Cut a file into parts of about that many rows, none of them read.

        Raises:
            PixelsError: The file is damaged or not of this format.
            InputReadError: It cannot be read.
        """
        ...

    def read(self, part: Part) -> Generator[Rows, None, int]:
        """Read a part, some rows at a time; returns how many it has, counted without parsing.

        Raises:
            PixelsError, InputReadError: As `plan`.
        """
        ...


def plan_of(source: Source) -> Callable[[Source, int], list[Part]]:
    """Return what cuts a file, of rows or of pictures, into parts; see `Format.plan`."""
    return pictures.plan if pictures.is_picture(source) else format_of(source).plan


def format_of(source: Source) -> Format:
    """Return the format that a file's name promises; all that is not known is a CSV."""
    if source.suffix == ".npy":
        return npy
    return parquet if source.suffix in (".parquet", ".pq") else csv
