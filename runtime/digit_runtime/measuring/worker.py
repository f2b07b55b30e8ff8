"""A process that measures one model file with one engine; `process` is the caller's end.

``python -m digit_runtime.measuring.worker`` reads a `Job` as one line of JSON, answers with
the engine's version once the engine is imported, and then does one of `Meter`'s methods for
every further line, such as ``{"do": "latency", "runs": 50}``. It answers each with one line
and ends with its input. A fresh process is what makes load time and peak memory mean
something: nothing of another engine is loaded, cached or counted.

Whatever else can predict is measured the same way by a program that calls `serve`.
"""

import importlib.metadata
import json
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from digit_runtime.engines.table import engine_for
from digit_runtime.errors import DigitError
from digit_runtime.measuring.meter import Job, Meter, Predict, Subject
from digit_runtime.models.classifier import Classifier
from digit_runtime.models.folder import find


class EngineSubject:
    """A model file on one of the runtime's engines."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._file = find(job.file)
        engine = engine_for(self._file.format, job.engine)
        # Importing the engine is the process's cost, not the file's.
        engine.implementation()
        self.version = _version(engine.installed_package())

    def load(self, threads: int) -> Predict:
        """See `Subject`."""
        return Classifier(self._file, self._job.engine, threads).predict_proba


def serve(prepare: Callable[[Job], Subject]) -> int:
    """Answer standard input until it ends; a `DigitError` becomes ``{"error": ...}``, status 1."""
    # What engines print must not come between the answers.
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with channel:
        try:
            for answer in _answers(prepare):
                print(json.dumps(answer), file=channel, flush=True)
        except DigitError as error:
            print(json.dumps({"error": str(error)}), file=channel)
            return 1
    return 0


def _answers(prepare: Callable[[Job], Subject]) -> Iterator[dict[str, Any]]:
    job = Job(**json.loads(sys.stdin.readline()))
    subject = prepare(job)
    yield {"version": subject.version}
    meter = Meter(job, subject)
    for line in sys.stdin:
        arguments = json.loads(line)
        yield getattr(meter, arguments.pop("do"))(**arguments)


def _version(package: str | None) -> str:
    try:
        return importlib.metadata.version((package or "").replace("_", "-"))
    except importlib.metadata.PackageNotFoundError:  # A build under another name.
        return "unknown"


if __name__ == "__main__":
    sys.exit(serve(EngineSubject))
