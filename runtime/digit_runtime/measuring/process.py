"""The caller's end of a process that measures; `worker` is the other one.

A process of its own, since what loads and crashes there must not cost the caller memory or
take it along. It is told what to do in lines of JSON, and answers each with one.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from digit_runtime.errors import EngineError
from digit_runtime.measuring.meter import Job

# -P, lest a numpy.py in the current folder be imported.
ENGINE_PROGRAM: Final = (sys.executable, "-P", "-m", "digit_runtime.measuring.worker")
# The libraries that numpy multiplies matrices with take their threads from here alone.
_BLAS_THREADS: Final = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def can_start() -> bool:
    """Tell whether a Python can be started; not by a program that embeds one or is frozen."""
    known = Path(sys.executable or "").name.lower().startswith(("python", "pypy"))
    return known and not getattr(sys, "frozen", False)


class Process:
    """A started process; the first answer, that it is ready, must be read with `answer`.

    A context manager: on leaving, whatever the process is doing, it is ended.

    Args:
        job: What it measures.
        program: The command line of a program that calls `worker.serve`.
        limit_s: Seconds that an answer may take; then the process is ended, and has failed.

    Raises:
        OSError: No process can be started.
    """

    def __init__(
        self, job: Job, program: Sequence[str] = ENGINE_PROGRAM, limit_s: float | None = None
    ) -> None:
        self._name = f"{job.file} on {job.engine}"
        self._limit_s = limit_s
        self._late = False
        # A file, since a pipe that nobody reads would stop a talkative engine.
        self._stderr = tempfile.TemporaryFile()
        env = os.environ | dict.fromkeys(_BLAS_THREADS, str(job.threads))
        if program[0] == sys.executable:
            # This program may have found its packages in a way of its own.
            env["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        self._process = subprocess.Popen(
            program,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            encoding="utf-8",
            **_own_group(),
        )
        self._send(asdict(job))

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # It holds nothing that must be saved, and may be in the midst of a long run.
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._stderr):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr]

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """Let the process do one thing, and wait for its answer; see `measure.Meter`.

        Raises:
            EngineError: It failed; carries its reason.
        """
        self._send({"do": do, **arguments})
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Wait for what the process has to say next; see `ask`."""
        assert self._process.stdout is not None
        timer = threading.Timer(self._limit_s or 0, self._end)
        timer.daemon = True
        if self._limit_s is not None:
            timer.start()
        line = self._process.stdout.readline()
        timer.cancel()
        answer: dict[str, Any] = json.loads(line) if line else {"error": self._last_words()}
        if "error" in answer:
            raise EngineError(f"{self._name}: {answer['error']}")
        return answer

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # It has ended, and `answer` says why.

    def _end(self) -> None:
        self._late = True
        self._process.kill()

    def _last_words(self) -> str:
        status = self._process.wait()
        if self._late:
            return f"gives no answer within {self._limit_s:g} s"
        if status < 0:
            return f"crashes (signal {-status})"
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"its process ended with status {status}"


def _own_group() -> dict[str, Any]:
    # Ctrl-C is for the command alone: it ends the processes when it has what they measured.
    if sys.platform == "win32":
        # Without a console of its own, a program would open one.
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"process_group": 0}
