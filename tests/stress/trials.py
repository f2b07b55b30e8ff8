"""What a trial is, and what all of them need: commands, in processes that can be killed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final
from uuid import uuid4

ROOT: Final = Path(__file__).parents[2]
ARTIFACTS: Final = ROOT / "artifacts"
PROGRAMS: Final[Mapping[str, str]] = {
    "digit-batch": "digit_runtime.commands.batch:batch",
    "digit-compare": "digit_runtime.commands.compare:compare",
    "digit-export": "digit_export.commands.export:export",
    "digit-info": "digit_runtime.commands.info:info",
    "digit-predict": "digit_runtime.commands.predict:predict",
    "digit-serve": "digit_runtime.commands.serve:serve",
    "digit-train": "digit_train.commands.train:train",
    "digit-verify": "digit_runtime.commands.verify:verify",
}
_MARK: Final = "DIGIT_STRESS_MARK"
# A machine that is busy needs that long to end what has lost its parent.
_PATIENCE_S: Final = 20


@dataclass(frozen=True)
class Trial:
    """Something that must hold, and how to try it once.

    Attributes:
        name: What is done.
        promise: What must hold all the same.
        times: How often it is tried, unless told otherwise.
        attempt: Tries it in an empty folder, raises AssertionError if it does not hold, and
            returns how many tries that were.
    """

    name: str
    promise: str
    times: int
    attempt: Callable[[Random, Path], int]


_started: list[subprocess.Popen[str]] = []


def end_all() -> None:
    """Kill what a try has started and, since it failed, not ended."""
    while _started:
        with _started.pop() as process:
            process.kill()


class Command:
    """A command in a process of its own, in a folder."""

    def __init__(self, folder: Path, program: str, *arguments: object) -> None:
        module, function = PROGRAMS[program].split(":")
        self._mark = uuid4().hex
        self.start = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"from {module} import {function} as run; run()"]
            + [str(argument) for argument in arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                _MARK: self._mark,
                "DIGIT_CACHE": str(folder / "cache"),
                "RAY_AUTH_MODE": "disabled",
            },
        )

        _started.append(self.process)

    def finish(self) -> tuple[int, str, str]:
        """Wait for it; returns status, stdout and stderr, which hold no traceback."""
        output, errors = self.process.communicate()
        assert "Traceback" not in errors, errors
        return self.process.returncode, output, errors

    def kill(self) -> None:
        """End it as kill -9 does, and see to it that what it had started ends by itself."""
        self.process.kill()
        self.process.communicate()
        deadline = time.monotonic() + _PATIENCE_S
        while left := self.left_behind():
            assert time.monotonic() < deadline, f"still running: {left}"
            time.sleep(0.1)

    def left_behind(self) -> list[str]:
        """Return the commands of the processes that it started and that still run."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_text().replace("\0", " ")[:100])
            except OSError:  # It has just ended, or is another user's.
                continue
        return found


def run(folder: Path, program: str, *arguments: object) -> str:
    """Run a command, which must succeed; returns its stdout."""
    status, output, errors = Command(folder, program, *arguments).finish()
    assert status == 0, output + errors
    return output


_seconds: dict[str, float] = {}


def killed(random: Random, folder: Path, program: str, *arguments: object) -> None:
    """Kill a command at a random moment of the time that a whole run takes.

    The first run of each program goes to its end, which tells that time.
    """
    command = Command(folder, program, *arguments)
    if program not in _seconds:
        status, output, errors = command.finish()
        assert status == 0, output + errors
        _seconds[program] = time.monotonic() - command.start
        return
    time.sleep(random.uniform(0, _seconds[program]))
    command.kill()


def leftovers(folder: Path) -> list[str]:
    """Return what only an unfinished command may have in a folder."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.name.endswith(".part") or path.name == "_unfinished"
    ]
