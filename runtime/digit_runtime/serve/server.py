"""Run the application until it is told to stop, in this process or in several."""

import logging
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import HANDLED_SIGNALS
from uvicorn.supervisors import Multiprocess

from digit_runtime.serve.app import create_app
from digit_runtime.serve.errors import ServerStartError
from digit_runtime.serve.limits import Limits
from digit_runtime.serve.loaded_models import LoadedModels, Wanted
from digit_runtime.serve.metrics import SHARED_FOLDER
from digit_runtime.serve.protocol import BoundedProtocol

_BACKLOG: Final = 1024
_WORKER_SECONDS: Final = 120


@dataclass(frozen=True)
class Settings:
    """What is served, and to whom; each process makes its application of them.

    `hosts` are the names that the server answers to, None being any.
    """

    wanted: Wanted
    artifacts: Path | None = None
    threads: int | None = None
    token: str | None = None
    hosts: frozenset[str] | None = None
    access_log: bool = False
    workers: int = 1
    limits: Limits = BoundedProtocol.limits

    def load(self) -> LoadedModels:
        """Load the model that answers first.

        Raises:
            DigitError: That fails.
        """
        return LoadedModels(self.wanted, self.artifacts, self.threads, self.limits)

    def application(self, models: LoadedModels | None = None) -> ASGIApp:
        """Return the application, of `models` if they are loaded already."""
        _log(self.access_log)
        return create_app(models or self.load(), self.limits, self.token, self.hosts)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket bound to that address; port 0 takes any that is free.

    Raises:
        ServerStartError: It is taken, or not this machine's.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Only of sockets that are called TCP by name does asyncio turn Nagle's algorithm
        # off, which would delay every answer by 40 ms.
        listener = socket.socket(family, kind, socket.IPPROTO_TCP)
        with ExitStack() as stack:
            stack.enter_context(listener)
            if os.name == "posix":  # On Windows it would let two servers share a port.
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
            stack.pop_all()
        return listener
    except (OSError, UnicodeError) as error:  # No name of a host is made of just any letters.
        reason = getattr(error, "strerror", None) or error
        raise ServerStartError(
            f"cannot listen at {host}, port {port}: {reason}; choose others with --host and --port"
        ) from error


def serve(
    listener: socket.socket, settings: Settings, models: LoadedModels, started: Callable[[], None]
) -> None:
    """Answer requests until SIGINT or SIGTERM; what was accepted then is answered first.

    Their handlers are left as those of the server, which has nothing more to stop.
    """
    _allow_open_files(2 * settings.limits.connections)
    if settings.workers == 1:
        server = uvicorn.Server(_config(settings, settings.application(models)))
        _stop_on_signals(server)
        started()
        server.run(sockets=[listener])
        return
    # The processes have models of their own.
    models.close()
    config = _config(settings, partial(_application_of_worker, settings))
    with _shared_metrics():
        processes = Multiprocess(config, sockets=[listener])
        started()
        processes.run()


def _stop_on_signals(server: uvicorn.Server) -> None:
    """Stop also on a signal that comes before uvicorn listens to them.

    It raises them again once it has stopped, and then they are not to end the program: that a
    server stops when it is told to is no failure.
    """

    def stop(signum: int, frame: FrameType | None) -> None:
        server.should_exit = True

    for signum in HANDLED_SIGNALS:
        signal.signal(signum, stop)


def _application_of_worker(settings: Settings) -> ASGIApp:
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_after, args=[parent], daemon=True).start()
    return settings.application()


def _end_after(parent: multiprocessing.process.BaseProcess) -> None:
    """End this process when its parent was killed; it would hold the address for ever."""
    parent.join()
    shutil.rmtree(os.environ[SHARED_FOLDER], ignore_errors=True)
    os.kill(os.getpid(), signal.SIGTERM)


def _config(settings: Settings, app: ASGIApp | Callable[[], ASGIApp]) -> uvicorn.Config:
    limits = settings.limits
    return uvicorn.Config(
        app,
        factory=settings.workers > 1,
        workers=settings.workers,
        http=BoundedProtocol,
        ws="none",
        log_config=None,
        access_log=settings.access_log,
        server_header=False,
        timeout_keep_alive=int(limits.seconds),
        timeout_graceful_shutdown=limits.stopping_seconds,
        # A process that still imports, on a slow or busy device, is not one that hangs.
        timeout_worker_healthcheck=_WORKER_SECONDS,
    )


def _log(accesses: bool) -> None:
    """Let uvicorn say on stderr what went wrong, and where wanted who asked for what."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    logger = logging.getLogger("uvicorn.access")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [handler] if accesses else []


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """Let the counters of all processes lie in one folder, as Prometheus's client has it."""
    with tempfile.TemporaryDirectory(prefix="digit-serve-") as folder:
        os.environ[SHARED_FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[SHARED_FOLDER]


def _allow_open_files(count: int) -> None:
    """Raise what the system allows, as far as it can be; a connection is an open file."""
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
