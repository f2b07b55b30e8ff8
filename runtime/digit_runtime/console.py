"""What all commands share on a terminal: one-line errors, exit codes, progress."""

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, TypeVar

import click

from digit_runtime.errors import DigitError

T = TypeVar("T")

_SECONDS_BETWEEN_LINES: Final = 10.0


class DigitCommand(click.Command):
    """A command whose failures are one line on stderr and exit status 1.

    An interrupt (Ctrl-C, or SIGTERM from a service manager) unwinds like an exception, so
    that half-written files are removed, and exits with 130 or 143 as a shell expects.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, turning `DigitError` into click's own one-line failure."""
        try:
            with _terminate_as_exception():
                return super().invoke(ctx)
        except DigitError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(130)


@contextmanager
def _terminate_as_exception() -> Iterator[None]:
    def stop(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show progress on stderr: a bar on a terminal, a line every ten seconds elsewhere.

    Yields a function to call with the number of steps just done. Work that ends within
    ten seconds prints nothing where there is no terminal.
    """
    terminal = sys.stderr.isatty()
    if terminal and total is not None:
        with click.progressbar(length=total, label=label, file=sys.stderr) as bar:
            yield bar.update
        return
    done = 0
    last = time.monotonic()

    def advance(steps: int) -> None:
        nonlocal done, last
        done += steps
        now = time.monotonic()
        if terminal:
            click.echo(f"\r{label}: {done:,}", err=True, nl=False)
        elif now - last >= _SECONDS_BETWEEN_LINES:
            last = now
            share = f" of {total:,} ({done / total:.0%})" if total else ""
            click.echo(f"{label}: {done:,}{share}", err=True)

    try:
        yield advance
    finally:
        if terminal and done:
            click.echo(err=True)


def track(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield `items`, showing progress as `progress` does."""
    with progress(label, total) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def native_stderr_silenced() -> Iterator[None]:
    """Discard what C++ libraries print to the process's stderr inside.

    LiteRT announces its delegate there and has no setting against it. For commands only:
    in a library it would swallow the lines of other threads.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def terminal_width() -> int | None:
    """Return the characters in a line of standard output; None if that is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table(header: list[str], rows: list[list[str]], left: int = 1) -> str:
    """Return a plain text table: the first `left` columns left-aligned, the others right.

    Cells of the header may have two lines.
    """
    names = [["", *name.split("\n")][-2:] for name in header]
    upper, lower = ([name[line] for name in names] for line in (0, 1))
    widths = [max(map(len, column)) for column in zip(upper, lower, *rows, strict=True)]

    def line(cells: list[str]) -> str:
        aligned = [
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(aligned).rstrip()

    heads = [line(upper)] * any(upper) + [line(lower)]
    return "\n".join([*heads, "  ".join("-" * width for width in widths), *map(line, rows)])
