"""Which pictures the arguments of a command name: files, folders, patterns."""

import glob
from collections.abc import Iterable
from pathlib import Path

from digit_runtime.errors import DigitError
from digit_runtime.inputs.sniff import image_files
from digit_runtime.reading.answers import Answer


def pictures_of(names: Iterable[str]) -> list[str | Answer]:
    """Return the files that are meant, in order; the answer for what names none is its error.

    A folder gives the pictures directly in it. Patterns are for shells that leave them alone,
    as those of Windows do.
    """
    found: list[str | Answer] = []
    for name in names:
        path = Path(name)
        try:
            if name == "-" or path.is_file():
                found.append(name)
            elif path.is_dir():
                found.extend(str(file) for file in image_files(path))
            elif glob.has_magic(name) and (matches := sorted(glob.glob(name))):
                found.extend(matches)
            else:
                found.append(Answer(name, error="no such file"))
        except DigitError as error:
            found.append(Answer(name, error=str(error).removeprefix(f"{path}: ")))
    return found
