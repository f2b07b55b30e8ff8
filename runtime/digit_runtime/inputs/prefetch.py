"""Prepare the next items in a thread while the caller works on the current one."""

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

T = TypeVar("T")

_AHEAD: Final = 2
_SECONDS: Final = 0.1


@contextmanager
def prefetch(items: Iterable[T]) -> Iterator[Iterator[T]]:
    """Yield an iterator over `items`, computed up to two ahead by another thread, from now on.

    An exception of `items` is raised by it, after the items before it. When the context
    is left, the thread stops.
    """
    ready: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(_AHEAD)
    stopped = threading.Event()

    def put(more: bool, value: T | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                return ready.put((more, value), timeout=_SECONDS)
            except queue.Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put(True, item)
                if stopped.is_set():
                    return
            put(False, None)
        except BaseException as error:
            put(False, error)

    def taken() -> Iterator[T]:
        while True:
            more, value = ready.get()
            if not more:
                if isinstance(value, BaseException):
                    raise value
                return
            yield value  # type: ignore[misc]

    # A daemon, so that a reader blocked on a silent pipe cannot hold up the exit.
    threading.Thread(target=work, name="prefetch", daemon=True).start()
    try:
        yield taken()
    finally:
        stopped.set()
