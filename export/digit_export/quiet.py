"""Keep converters from talking over the command's own output."""

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout


@contextmanager
def quiet() -> Iterator[None]:
    """Discard what is printed, warned or logged inside, by C++ libraries too.

    TensorFlow's and LiteRT's native code writes to the process's file descriptors 1 and
    2, past Python's streams, so those are redirected as well.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    try:
        with open(os.devnull, "w", encoding="utf-8") as null:
            os.dup2(null.fileno(), 1)
            os.dup2(null.fileno(), 2)
            with redirect_stdout(null), redirect_stderr(null), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
    finally:
        for descriptor, copy in enumerate(saved, start=1):
            os.dup2(copy, descriptor)
            os.close(copy)
