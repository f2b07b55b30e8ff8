"""Ray: start it here or find it elsewhere, and have its workers score the parts."""

import logging
import os
import pickle
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any, Final

# Ray reads them when it is imported: nothing is reported to its makers, and what its C++
# side has to say of actors that start and end is not for users.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
# Otherwise any call of Ray that comes late, after the end of a run, starts all of it again.
os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"

import pyarrow as pa
import ray
import ray.data

import digit_runtime
from digit_runtime.batch.errors import ClusterError
from digit_runtime.batch.job import Job, Outcome
from digit_runtime.batch.parts import Part
from digit_runtime.batch.scorer import Scorer
from digit_runtime.batch.watcher import MARK
from digit_runtime.terminal import native_stderr_silenced

# What passes through it is the model, and some hundred bytes for each part.
_OBJECT_STORE_BYTES: Final = 100 << 20
# A worker finds its next part waiting, and few parts wait behind a slow one.
_AHEAD: Final = 2


@contextmanager
def connected(address: str | None, cpus: int, mark: str | None = None) -> Iterator[int]:
    """Connect to the cluster at `address`, or start one in this machine; yields its CPUs.

    A program that is connected already stays so.

    Args:
        address: ``ray://host:port``, ``host:port`` or "auto"; None to start one.
        cpus: Of the one that is started.
        mark: Gets into the environment of all processes that are started; see `watcher.MARK`.

    Raises:
        ClusterError: That fails.
    """
    if ray.is_initialized():
        yield _cpus()
        return
    # Ray tells of workers' deaths there, at length.
    with open(os.devnull, "w") as null, redirect_stdout(null):
        try:
            _connect(address, cpus, mark)
            yield _cpus()
        finally:
            ray.shutdown()


def score_all(
    parts: Sequence[Part], job: Job, model: bytes, workers: int
) -> Generator[Outcome, None, None]:
    """Score the parts with that many workers; yields each outcome as it comes.

    A worker that dies is replaced, and the part that it was at is scored again.

    Raises:
        ClusterError: Workers cannot be started, or are lost.
    """
    try:
        if not ray.util.client.ray.is_connected():
            yield from _pipeline(parts, job, model, workers)
            return
        # Ray Data does not work over ray:// itself, but in a process of the cluster.
        remote = ray.remote(num_cpus=0)(_Remote).remote(parts, job, model, workers)
        while outcome := ray.get(remote.take.remote()):
            yield outcome
    except ray.exceptions.RayTaskError:  # A bug, which should show its traceback.
        raise
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise ClusterError(
            f"a worker failed: {reason}; what was scored is kept, the same command goes on"
        ) from error


class _Remote:
    """The pipeline, run from afar."""

    def __init__(self, *arguments: Any) -> None:
        self._outcomes = _pipeline(*arguments)

    def take(self) -> Outcome | None:
        """Return the next outcome, or None after the last."""
        return next(self._outcomes, None)


class Worker:
    """A `Scorer` in the shape that Ray Data asks for."""

    def __init__(self, job: Job, model: bytes) -> None:
        self._scorer = Scorer(job, model)

    def __call__(self, table: pa.Table) -> pa.Table:
        """Score the pickled parts of a table of one column ``item``; returns their outcomes."""
        outcomes = [self._scorer.score(pickle.loads(part)) for part in table["item"].to_pylist()]
        return pa.table({"item": [pickle.dumps(outcome) for outcome in outcomes]})


def _pipeline(parts: Sequence[Part], job: Job, model: bytes, workers: int) -> Iterator[Outcome]:
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    # A block is what a worker takes at a time: one part, so that none waits for another.
    items = [{"item": pickle.dumps(part)} for part in parts]
    outcomes = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        Worker,
        fn_constructor_args=(job, model),
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=_AHEAD),
        num_cpus=job.threads,
    )
    for row in outcomes.iter_rows():
        yield pickle.loads(row["item"])


def _cpus() -> int:
    return int(ray.cluster_resources().get("CPU", 0))


def _connect(address: str | None, cpus: int, mark: str | None) -> None:
    options: dict[str, Any] = {"logging_level": "error", "log_to_driver": False}
    if address:
        # The machines there need an engine and Ray; the code comes from here.
        package = os.path.dirname(str(digit_runtime.__file__))
        options |= {"address": address, "runtime_env": {"py_modules": [package]}}
    else:
        options |= {
            "address": "local",
            "num_cpus": cpus,
            "include_dashboard": False,
            "object_store_memory": _OBJECT_STORE_BYTES,
        }
    # Ray puts a handler of its own in the place of the command's.
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    if mark:
        os.environ[MARK] = mark
    try:
        with native_stderr_silenced():
            ray.init(**options)
    except Exception as error:  # Of a start that takes too long Ray raises no other.
        reason = str(error).strip().splitlines()[0]
        what = f"cannot be reached: {reason}" if address else f"cannot be started: {reason}"
        raise ClusterError(f"Ray{f' at {address}' if address else ''} {what}") from error
    finally:
        os.environ.pop(MARK, None)
        if main:
            signal.signal(signal.SIGTERM, handler)
