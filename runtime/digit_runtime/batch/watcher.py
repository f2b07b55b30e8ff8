"""The program that outlives a run: it says why the run ended, and ends what the run had started.

It is run as a script, by the standard library alone. Its standard input ends with the process
that it watches, however that ends; see `last_words`.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

MARK: Final = "DIGIT_BATCH_RUN"
"""In the environment of all processes that a run starts; see `value_of`."""

# A process that gives itself a title writes it over some hundred bytes of its environment.
_TIMES: Final = 64

_PAUSE_S: Final = 0.1
# A process that was being started when the run died may show itself only now.
_QUIET_S: Final = 2.0
_LIMIT_S: Final = 30.0


def value_of(mark: str) -> str:
    """Return what `MARK` has to be, for processes to be known by the text `mark`."""
    return mark * _TIMES


def end_all(mark: str, quiet_s: float = 0.0) -> None:
    """Kill what has `mark` in its environment, until nothing of it has appeared for `quiet_s`."""
    start = last = time.monotonic()
    while True:
        for process in marked(mark):
            last = time.monotonic()
            with suppress(OSError):  # It has just ended.
                os.kill(process, signal.SIGKILL)
        now = time.monotonic()
        if now - last >= quiet_s or now - start >= _LIMIT_S:
            return
        time.sleep(_PAUSE_S)


def marked(mark: str) -> Iterator[int]:
    """Yield the processes of this user that began with `mark` in their environment."""
    wanted = mark.encode()
    if Path("/proc/self/environ").exists():
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # It has just ended, or is another user's.
                if wanted in (process / "environ").read_bytes():
                    yield int(process.name)
    elif sys.platform == "darwin":
        listed = subprocess.run(["ps", "-xEww", "-o", "pid=,command="], capture_output=True)
        for line in listed.stdout.splitlines():
            # This one was told the mark.
            if wanted in line and (process := int(line.split()[0])) != os.getpid():
                yield process


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    words = sys.stdin.read().rpartition("\0")[2]
    sys.stderr.write(words)
    sys.stderr.flush()
    # After a regular end there is nothing to say, and the run has ended all itself.
    if words and sys.argv[1:]:
        end_all(sys.argv[1], _QUIET_S)
