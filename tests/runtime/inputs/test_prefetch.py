import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from digit_runtime.inputs.prefetch import prefetch


def slowly(number: int) -> int:
    time.sleep(0.001 * (number % 3))
    return number


def test_order_and_content_are_kept() -> None:
    with prefetch(partial(slowly, number) for number in range(100)) as items:
        assert list(items) == list(range(100))


def test_work_begins_at_once() -> None:
    begun = threading.Event()
    with prefetch([begun.set]):
        assert begun.wait(10)


def test_an_error_comes_after_the_items_before_it() -> None:
    def fail() -> int:
        raise ValueError("row 2")

    def broken() -> Iterator[Callable[[], int]]:
        yield lambda: 1
        fail()

    for tasks in (broken, lambda: iter([lambda: 1, fail, lambda: 3])):
        with prefetch(tasks()) as items:
            assert next(items) == 1
            with pytest.raises(ValueError, match="row 2"):
                next(items)


def test_no_more_is_done_than_is_wanted_soon() -> None:
    done: list[int] = []
    with prefetch(partial(done.append, number) for number in range(100)) as items:
        next(items)
        time.sleep(0.2)
        assert len(done) <= 8


def test_the_thread_ends_when_the_caller_stops_early() -> None:
    with prefetch(iter(lambda: int, None)) as items:
        assert next(items) == 0
    deadline = time.monotonic() + 10
    while any(thread.name == "prefetch" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
