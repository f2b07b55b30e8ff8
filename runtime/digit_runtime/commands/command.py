"""What all commands share on a terminal: one-line errors, exit codes, progress."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

import click

from digit_runtime.errors import DigitError

T = TypeVar("T")


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
