"""What all commands share: one-line errors, exit codes, --version, and streams that may be shut."""

import errno
import io
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TextIO, TypeVar

import click

from digit_runtime.errors import DigitError, first_line
from digit_runtime.terminal import end_without_output, one_line

T = TypeVar("T")


class _Named:
    """Adds -h and --version to a command, and makes up for shut streams."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        settings = attributes.setdefault("context_settings", {}) or {}
        settings.setdefault("help_option_names", ["-h", "--help"])
        attributes["context_settings"] = settings
        super().__init__(*args, **attributes)
        callback = attributes.get("callback")
        self.params: list[click.Parameter]
        for param in self.params:
            if isinstance(param.type, click.Path):
                param.type = _NamedPath(param.type)
        self.params.append(_version_option(callback.__module__ if callback else __name__))

    def main(self, *args: Any, **options: Any) -> Any:
        """Run as a program."""
        _fill_shut_streams()
        end_without_output()
        # A name need not be text, nor have all systems the letters of all languages.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        return super().main(*args, **options)  # type: ignore[misc]

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Parse the arguments."""
        with _errors_on_one_line():
            return super().make_context(*args, **options)  # type: ignore[misc,no-any-return]


class _NamedPath(click.Path):
    """A path as `kind` takes it; but an empty one would be the current folder."""

    def __init__(self, kind: click.Path) -> None:
        vars(self).update(vars(kind))

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        """Return the path, as `click.Path` does."""
        if value == "":
            self.fail("'': no such file", param, ctx)
        return super().convert(value, param, ctx)


class DigitCommand(_Named, click.Command):
    """A command whose failures are one line on stderr and exit status 1.

    An interrupt (Ctrl-C, or SIGTERM from a service manager) unwinds like an exception, so
    that half-written files are removed, and exits with 130 or 143 as a shell expects.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, turning `DigitError` into click's own one-line failure."""
        try:
            with _errors_on_one_line(), _signals_as_exceptions():
                return super().invoke(ctx)
        except DigitError as error:
            raise click.ClickException(one_line(str(error))) from error
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(130)
        except EOFError as error:
            # Click takes it for the end of what is typed, of which no command reads any.
            reason = first_line(error)
            raise click.ClickException(f"a file ends too early: {one_line(reason)}") from error
        except OSError as error:
            # Click ends a program silently that nobody listens to any more.
            silent = error.errno == errno.EPIPE and (_unread(sys.stdout) or _unread(sys.stderr))
            # Of all files but the standard streams, a DigitError tells.
            if silent or error.filename is not None or error.errno is None:
                raise
            if isinstance(error, ConnectionError):
                raise click.ClickException(
                    f"the connection to another process broke: {error.strerror}; try again"
                ) from error
            _discard_output()
            raise click.ClickException(
                f"standard output: cannot be written: {error.strerror}"
            ) from error


class DigitGroup(_Named, click.Group):
    """A command of commands, with the same options as each of them."""


def say(line: str, err: bool = False) -> None:
    """Print a line, whatever names are in it; see `one_line`."""
    click.echo(one_line(line), err=err)


def _version_option(module: str) -> click.Option:
    distribution = "digit-runtime" if module.startswith("digit_runtime") else "digit-toolkit"

    def show(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            from importlib.metadata import version

            click.echo(f"{ctx.command_path} {version(distribution)}")
            ctx.exit()

    return click.Option(
        ["--version"],
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=show,
        help="Show the version and exit.",
    )


def _fill_shut_streams() -> None:
    """Put something in place of standard streams that were shut (``2>&-``).

    Else the next file that is opened would get their number, and with it what C++
    libraries print. Of standard input it is known that it is shut: it stays None.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")


def _unread(stream: TextIO) -> bool:
    """Return whether a standard stream is a pipe whose reader has gone."""
    if not hasattr(select, "poll"):  # Windows cannot tell; a pipe that broke is mostly this one.
        return True
    poll = select.poll()
    try:
        poll.register(stream, 0)
    except (OSError, ValueError):  # It is no file of the system.
        return False
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _discard_output() -> None:
    """Let what could not be written go, or the interpreter tries once more as it ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


@contextmanager
def _errors_on_one_line() -> Iterator[None]:
    try:
        yield
    except click.ClickException as error:
        error.message = one_line(error.message)  # type: ignore[misc]
        raise


@contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    def stop(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {signal.SIGTERM: signal.signal(signal.SIGTERM, stop)}
    # `entry` has let an interrupt end the program while modules were imported. One that is
    # ignored, as in the background, stays so.
    if signal.getsignal(signal.SIGINT) == signal.SIG_DFL:
        previous[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for signum, handler in previous.items():
            signal.signal(signum, handler)
