"""The program that outlives a run: it says why the run ended, and ends what the run had started.

It is run as a script, by the standard library alone. Its standard input ends with the process
that it watches, however that ends; see `last_words`.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

MARK: Final = "DIGIT_BATCH_RUN"
"""In the environment of all processes that a run starts; its value is one run's."""

_LOOK_S: Final = 1.0
_PAUSE_S: Final = 0.1
# A process that was being started when the run died may show itself only now.
_QUIET_S: Final = 2.0
_LIMIT_S: Final = 30.0


class Process(NamedTuple):
    """A process, which its start tells from a later one with its number."""

    number: int
    parent: int
    start: str
    marked: bool


class Run:
    """The processes of a run: those with its mark, and what they have started.

    Ray's agents give themselves a title, which is written over their environment. So they have
    to be known before, or by their parent, which is dead when they have to be ended.
    """

    def __init__(self, mark: str) -> None:
        self._mark = mark.encode()
        self._known: dict[int, str] = {}

    def look(self) -> list[int]:
        """Return the processes of the run that are alive."""
        found = list(_processes(self._mark))
        alive = {
            one.number: one.start
            for one in found
            if one.marked or self._known.get(one.number) == one.start
        }
        size = -1
        while size != len(alive):
            size = len(alive)
            alive |= {one.number: one.start for one in found if one.parent in alive}
        self._known = alive
        return list(alive)

    def end(self, quiet_s: float) -> None:
        """Kill what is alive of the run, until nothing of it has appeared for `quiet_s`."""
        begin = last = time.monotonic()
        while True:
            for process in self.look():
                last = time.monotonic()
                with suppress(OSError):  # It has just ended.
                    os.kill(process, signal.SIGKILL)
            now = time.monotonic()
            if now - last >= quiet_s or now - begin >= _LIMIT_S:
                return
            time.sleep(_PAUSE_S)


def _processes(mark: bytes) -> Iterator[Process]:
    """Yield all processes of this user but this one."""
    if Path("/proc/self/environ").exists():
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # It has just ended, or is another user's.
                marked = mark in (folder / "environ").read_bytes()
                # Its name, which comes before, may hold anything.
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                yield Process(int(folder.name), int(fields[1]), fields[19], marked)
    elif sys.platform == "darwin":
        columns = "pid=,ppid=,lstart=,command="
        listed = subprocess.run(["ps", "-xEww", "-o", columns], capture_output=True)
        for line in listed.stdout.splitlines():
            number, parent, *start = line.split(None, 7)[:7]
            # This one was told the mark.
            if int(number) != os.getpid():
                yield Process(int(number), int(parent), str(start), mark in line)


def main() -> None:
    """Wait for the end of the process that is watched."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run = Run(sys.argv[1]) if sys.argv[1:] else None
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(sys.stdin.read()))
    reader.start()
    while reader.is_alive():
        reader.join(_LOOK_S if run else None)
        if run and reader.is_alive():
            run.look()
    words = "".join(read).rpartition("\0")[2]
    sys.stderr.write(words)
    sys.stderr.flush()
    if run:
        # After a regular end Ray has ended all, unless the machine is very busy.
        run.end(_QUIET_S if words else 0.0)


if __name__ == "__main__":
    main()
