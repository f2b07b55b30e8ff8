"""Run the application until it is told to stop."""

import os
import socket
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import ip_address
from typing import Final

import uvicorn

from digit_runtime.serve.app import create_app
from digit_runtime.serve.errors import ServerStartError
from digit_runtime.serve.limits import Limits
from digit_runtime.serve.loaded_models import Lanes
from digit_runtime.serve.protocol import patient_for

_BACKLOG: Final = 1024


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach that address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
    except OSError as error:
        raise ServerStartError(
            f"cannot listen at {host}, port {port}: {error.strerror or error}; choose others "
            "with --host and --port"
        ) from error


def serve(
    listener: socket.socket,
    lanes: Lanes,
    limits: Limits,
    token: str | None,
    started: Callable[[], None],
) -> None:
    """Answer requests until SIGINT or SIGTERM; what was accepted then is answered first."""
    loopback = is_loopback(listener.getsockname()[0])
    config = uvicorn.Config(
        create_app(lanes, limits, token, loopback),
        http=patient_for(limits.seconds),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=limits.connections,
        timeout_keep_alive=int(limits.seconds),
        timeout_graceful_shutdown=limits.stopping_seconds,
    )
    server = uvicorn.Server(config)
    started()
    server.run(sockets=[listener])
