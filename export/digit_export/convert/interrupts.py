"""An interrupt ends a conversion, wherever it comes.

Converters are C++ that calls back into Python, for calibration rows above all, and back
again. An interrupt that Python raises down there is taken for the end of the rows, or for
an error of a layer, and what comes out was calibrated on fewer rows than it says.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def heeded() -> Iterator[None]:
    """Raise again, at the end, what the handler of a signal raised inside and was lost."""
    # Only the main thread gets signals, or may say who does.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    seen: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        seen.append(number)
        _call(handlers[signal.Signals(number)], number, frame)

    for number, handler in handlers.items():
        if callable(handler):
            signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if callable(handler):
                signal.signal(number, handler)
        if seen:
            _call(handlers[signal.Signals(seen[0])], seen[0], None)


def _call(handler: Any, number: int, frame: FrameType | None) -> None:
    handler(number, frame)
