"""Which pictures the arguments of a command name: files, folders, patterns."""

import glob
from collections.abc import Iterable
from pathlib import Path

from digit_runtime.errors import DigitError, InputNotFoundError
from digit_runtime.inputs.sniff import image_files


def pictures_of(names: Iterable[str]) -> list[str | DigitError]:
    """Return the files that are meant, in order; an error for what names none.

    A folder gives the pictures directly in it. Patterns are for shells that leave them alone,
    as those of Windows do.
    """
    found: list[str | DigitError] = []
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
                found.append(InputNotFoundError(f"{name}: no such file"))
        except DigitError as error:
            found.append(error)
    return found
