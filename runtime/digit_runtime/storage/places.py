"""Whether two paths are one place."""

import os
from pathlib import Path


def same_file(one: Path, other: Path) -> bool:
    """Return whether writing to `one` would change `other`, be it through a link.

    Devices and pipes, such as /dev/null, can be written by many.
    """
    try:
        if os.path.samefile(one, other):
            return one.is_file() or one.is_dir()
    except OSError:  # One of them is not there yet.
        pass
    # Upper and lower case are one on Windows.
    left, right = (os.path.normcase(os.path.realpath(path)) for path in (one, other))
    return left == right and not (one.exists() and not one.is_file())
