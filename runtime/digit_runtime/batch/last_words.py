"""What is said should the process end without Python: Ray's C++ side may call _exit(1)."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

# Its standard input ends with the process that is watched, however that ends.
_WATCHER: Final = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.stderr.write(sys.stdin.read().rpartition("\\0")[2])
"""


@contextmanager
def last_words(text: str) -> Iterator[Callable[[str], None]]:
    """Have another process print `text` on stderr if this one ends inside, unknown to Python.

    Yields a function that replaces the text. After a regular end, or an exception, nothing
    is printed.
    """
    watcher = subprocess.Popen(
        [sys.executable, "-I", "-c", _WATCHER],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        errors="replace",
    )

    def say(text: str) -> None:
        assert watcher.stdin
        # Whoever ended the watcher has done without its words.
        with suppress(BrokenPipeError):
            watcher.stdin.write("\0" + text)
            watcher.stdin.flush()

    try:
        say(text)
        yield say
    finally:
        say("")
        watcher.communicate()
