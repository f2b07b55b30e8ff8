"""What is said and done should the process end without Python.

It may be killed, and Ray's C++ side may call _exit(1).
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from digit_runtime.batch import watcher


@contextmanager
def last_words(text: str, mark: str | None = None) -> Iterator[Callable[[str], None]]:
    """Have another process print `text` on stderr if this one ends inside, unknown to Python.

    Yields a function that replaces the text. After a regular end, or an exception, nothing
    is printed.

    Args:
        text: One line.
        mark: Then what is left of the processes that began with this as `watcher.MARK` in their
            environment, and of those that they started, is ended at any end.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", watcher.__file__, *([mark] if mark else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        errors="replace",
        # What ends a whole group of processes, such as a terminal that is closed, spares it.
        start_new_session=True,
    )

    def say(text: str) -> None:
        assert process.stdin
        # Whoever ended the watcher has done without its words.
        with suppress(BrokenPipeError):
            process.stdin.write("\0" + text)
            process.stdin.flush()

    try:
        say(text)
        yield say
    finally:
        say("")
        process.communicate()
