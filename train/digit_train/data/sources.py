"""What every source of data shares: one kind of failure, and child processes that end."""

import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from digit_runtime.errors import DigitError, OutputError

_LONGEST_REASON: Final = 200


class SourceError(DigitError, RuntimeError):
    """A source cannot give the data; the message says why, without naming the source."""


def make_room(folder: Path, names: Iterable[str]) -> None:
    """Make a folder for files of these names, before anything is downloaded.

    Raises:
        OutputError: It cannot be made, or a folder has the name of a file.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made a folder: {error.strerror}") from error
    for name in names:
        if (folder / name).is_dir():
            raise OutputError(f"{folder / name}: is a folder in a file's place; remove it")


def run_child(command: Sequence[str], limit_s: float) -> None:
    """Run a command without showing its output, for `limit_s` seconds at most.

    Raises:
        SourceError: It cannot start, fails (the reason is the last line it printed), or
            does not end in time.
    """
    # A file, not a pipe: a grandchild that outlives the limit would hold a pipe open, and
    # reading it to its end would hang.
    with tempfile.TemporaryFile() as log:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SourceError(f"not done within {limit_s:.0f} s") from error
        except OSError as error:
            raise SourceError(f"{command[0]} cannot start: {error.strerror}") from error
        if done.returncode:
            log.seek(0)
            lines = log.read().decode(errors="replace").split("\n")
            reason = next((line.strip() for line in reversed(lines) if line.strip()), "")
            reason = reason.removeprefix("Exception: ").removeprefix("ERROR: ")[:_LONGEST_REASON]
            raise SourceError(reason or f"exit status {done.returncode}")
