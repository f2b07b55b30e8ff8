"""Prepare the next items in threads while the caller works on the current one."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Generic, TypeVar

T = TypeVar("T")

# So many that reading goes on while an engine starts.
_AHEAD: Final = 6


@contextmanager
def prefetch(tasks: Iterable[Callable[[], T]], threads: int = 1) -> Iterator[Iterator[T]]:
    """Yield an iterator over what `tasks` return, computed ahead by other threads, from now on.

    The tasks are taken one after another, done by `threads` threads, and their results
    handed out in the same order, each thread six ahead at most. An exception of a task, or
    of taking one, is raised in its place. When the context is left, the threads stop.
    """
    work = _Work(iter(tasks), _AHEAD * threads)
    # Daemons, so that a reader blocked on a silent pipe cannot hold up the exit.
    for _ in range(threads):
        threading.Thread(target=work.run, name="prefetch", daemon=True).start()
    try:
        yield work.results()
    finally:
        work.stop()


class _Work(Generic[T]):
    """Tasks and their results, by their number."""

    def __init__(self, tasks: Iterator[Callable[[], T]], ahead: int) -> None:
        self._tasks = tasks
        self._ahead = ahead
        self._taking = threading.Lock()
        self._changed = threading.Condition()
        self._done: dict[int, T | BaseException] = {}
        self._taken = 0
        self._handed_out = 0
        self._end: int | None = None

    def run(self) -> None:
        """Do tasks until there are none."""
        while True:
            with self._taking:
                with self._changed:
                    self._changed.wait_for(self._may_take)
                    if self._end is not None:
                        return
                    number = self._taken
                    self._taken += 1
                task: Callable[[], T] | None = None
                error: BaseException | None = None
                try:
                    task = next(self._tasks)
                except StopIteration:
                    self._set_end(number)
                    return
                except BaseException as raised:
                    error = raised
            result: T | BaseException
            try:
                result = error if task is None else task()  # type: ignore[assignment]
            except BaseException as raised:
                result = raised
            with self._changed:
                self._done[number] = result
                if isinstance(result, BaseException):
                    self._end = min(number + 1, self._end or number + 1)
                self._changed.notify_all()

    def results(self) -> Iterator[T]:
        """Yield the results in order."""
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._handed_out in self._done or self._handed_out == self._end
                )
                if self._handed_out not in self._done:
                    return
                result = self._done.pop(self._handed_out)
                self._handed_out += 1
                self._changed.notify_all()
            if isinstance(result, BaseException):
                raise result
            yield result

    def stop(self) -> None:
        """Let the threads end after what they are doing."""
        with self._changed:
            self._end = self._end or 0
            self._changed.notify_all()

    def _may_take(self) -> bool:
        return self._end is not None or self._taken < self._handed_out + self._ahead

    def _set_end(self, number: int) -> None:
        with self._changed:
            self._end = number if self._end is None else min(number, self._end)
            self._changed.notify_all()
