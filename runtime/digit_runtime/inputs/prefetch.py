"""Prepare the next items in a thread while the caller works on the current one."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar

T = TypeVar("T")

# So many that reading goes on while an engine starts.
_AHEAD: Final = 6


@contextmanager
def prefetch(tasks: Iterable[Callable[[], T]]) -> Iterator[Iterator[T]]:
    """Yield an iterator over what `tasks` return, computed ahead by another thread, from now on.

    The tasks are taken and done one after another, six ahead at most. An exception of a
    task, or of taking one, is raised in its place. When the context is left, the thread stops.

    One thread, since two that call numpy wait for one another more than they gain.
    """
    work = _Work(tasks)
    # A daemon, so that a reader blocked on a silent pipe cannot hold up the exit.
    threading.Thread(target=work.run, name="prefetch", daemon=True).start()
    try:
        yield work.results()
    finally:
        work.stop()


class _Work(Generic[T]):
    """Tasks, and their results in order: what returns each, or raises its error; None ends them."""

    def __init__(self, tasks: Iterable[Callable[[], T]]) -> None:
        self._tasks = tasks
        self._results: SimpleQueue[Callable[[], T] | None] = SimpleQueue()
        self._room = threading.Semaphore(_AHEAD)
        self._stopped = False

    def run(self) -> None:
        """Do tasks until there are none, or one fails."""
        try:
            for task in self._tasks:
                self._room.acquire()
                if self._stopped:
                    return
                self._results.put(partial(_returned, task()))
            self._results.put(None)
        except BaseException as error:
            self._results.put(partial(_raised, error))

    def results(self) -> Iterator[T]:
        """Yield the results in order."""
        while result := self._results.get():
            yield result()
            self._room.release()

    def stop(self) -> None:
        """Let the thread end after what it is doing."""
        self._stopped = True
        self._room.release()


def _returned(result: T) -> T:
    return result


def _raised(error: BaseException) -> Any:
    raise error
