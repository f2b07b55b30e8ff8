"""The processes that measure: one for each candidate, each told when it is its turn."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from types import TracebackType
from typing import Any, Final

from digit_runtime.errors import EngineError
from digit_runtime.measuring.meter import Job

ENGINE_PROGRAM: Final = (sys.executable, "-m", "digit_runtime.measuring.meter")
# The libraries that numpy multiplies matrices with take their threads from here alone.
_BLAS_THREADS: Final = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


class Worker:
    """A started process; the first answer, that it is ready, must be read with `answer`.

    A context manager: on leaving, whatever the process is doing, it is ended.
    """

    def __init__(self, job: Job, program: Sequence[str] = ENGINE_PROGRAM) -> None:
        self._name = f"{job.file} on {job.engine}"
        # A file, since a pipe that nobody reads would stop a talkative engine.
        self._stderr = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            program,
            env=os.environ | dict.fromkeys(_BLAS_THREADS, str(job.threads)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            encoding="utf-8",
            **_own_group(),
        )
        self._send(asdict(job))

    def __enter__(self) -> "Worker":
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
        line = self._process.stdout.readline()
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

    def _last_words(self) -> str:
        status = self._process.wait()
        self._stderr.seek(0)
        lines = self._stderr.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"its process ended with status {status}"


def _own_group() -> dict[str, Any]:
    # Ctrl-C is for the command alone: it ends the processes when it has what they measured.
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0}
