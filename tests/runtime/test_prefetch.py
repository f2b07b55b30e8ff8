import threading
import time
from collections.abc import Iterator

import pytest
from digit_runtime.prefetch import prefetch


def test_order_and_content_are_kept() -> None:
    assert list(prefetch(range(100))) == list(range(100))


def test_an_error_comes_after_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("row 2")

    items = prefetch(broken())
    assert next(items) == 1
    with pytest.raises(ValueError, match="row 2"):
        next(items)


def test_the_thread_ends_when_the_caller_stops_early() -> None:
    items = prefetch(iter(int, 1))
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 10
    while any(thread.name == "prefetch" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
