"""What outlives a run knows its processes even after they wrote over their environment."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from digit_runtime.batch.last_words import last_words
from digit_runtime.batch.watcher import MARK

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="needs Linux's /proc"
)
# The parent, which has the mark, starts a child without it, and ends when it is told to.
PARENT = """
import subprocess, sys
sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
child = subprocess.Popen(sleep, env={}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
sys.stdin.read()
"""


@contextmanager
def family(mark: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Yield a process with a mark, and the number of its child, which hides it."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        env={**os.environ, MARK: mark},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout
    child = int(parent.stdout.readline())
    try:
        yield parent, child
    finally:
        parent.kill()
        parent.communicate()
        if lives(child):
            os.kill(child, signal.SIGKILL)


def lives(process: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


def test_orphans_of_a_run_are_ended_and_nothing_else() -> None:
    mark = uuid4().hex
    with family(mark) as (parent, child), family(uuid4().hex) as (other, its_child):
        with last_words("never said", mark):
            time.sleep(2.5)
            parent.kill()
            parent.communicate()
            assert lives(child)
        deadline = time.monotonic() + 10
        while lives(child):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert other.poll() is None
        assert lives(its_child)


def test_without_a_mark_nothing_is_ended() -> None:
    with family(uuid4().hex) as (parent, child):
        with last_words("never said"):
            pass
        assert parent.poll() is None
        assert lives(child)
