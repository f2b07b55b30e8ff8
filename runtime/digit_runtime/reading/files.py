"""Which pictures the arguments of a command name: files, folders, patterns."""

import glob
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from digit_runtime.errors import DigitError, PixelsError
from digit_runtime.inputs.sniff import image_files
from digit_runtime.reading.answers import Answer


def pictures_of(names: Iterable[str]) -> list[str | Answer]:
    """Return the files that are meant, in order; the answer for what names none is its error.

    A folder gives the pictures directly in it. Patterns are for shells that leave them alone,
    as those of Windows do; ``**`` is any folder. What they match is files, and folders only
    where there is no file.
    """
    found: list[str | Answer] = []
    for name in names:
        path = Path(name)
        try:
            if not name:
                found.append(Answer("''", error="no such file"))
            elif name == "-" or (path.exists() and not path.is_dir()):
                found.append(name)
            elif path.is_dir():
                found.extend(str(file) for file in image_files(path))
            elif glob.has_magic(name) and (matches := _matches(name)):
                found.extend(matches)
            else:
                found.append(Answer(name, error="no such file"))
        except DigitError as error:
            found.append(Answer(name, error=str(error).removeprefix(f"{path}: ")))
    return found


def _matches(pattern: str) -> list[str]:
    matches = sorted(glob.glob(pattern, recursive=True))
    if files := [match for match in matches if not os.path.isdir(match)]:
        return files
    found: list[str] = []
    for folder in matches:
        with suppress(PixelsError):  # It has no pictures, which nobody said it had.
            found.extend(str(file) for file in image_files(Path(folder)))
    return found
