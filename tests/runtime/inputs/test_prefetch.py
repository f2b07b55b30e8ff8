import threading
import time
from collections.abc import Iterator

import pytest
from digit_runtime.inputs.prefetch import prefetch


def test_order_and_content_are_kept() -> None:
    with prefetch(range(100)) as items:
        assert list(items) == list(range(100))


def test_work_begins_at_once() -> None:
    begun = threading.Event()
    with prefetch(begun.set() for _ in range(1)):
        assert begun.wait(10)


def test_an_error_comes_after_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("row 2")

    with prefetch(broken()) as items:
        assert next(items) == 1
        with pytest.raises(ValueError, match="row 2"):
            next(items)


def test_the_thread_ends_when_the_caller_stops_early() -> None:
    with prefetch(iter(int, 1)) as items:
        assert next(items) == 0
    deadline = time.monotonic() + 10
    while any(thread.name == "prefetch" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
