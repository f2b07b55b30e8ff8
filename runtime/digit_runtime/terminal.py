"""What is shown on a terminal: tables, and progress on stderr."""

import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

T = TypeVar("T")

SECONDS_BETWEEN_LINES: Final = 10.0
_SECONDS_BETWEEN_DRAWINGS: Final = 0.1
_BAR: Final = 36
# Control characters, the two line breaks of Unicode, and what turns the direction of writing.
_MOVES: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@contextmanager
def progress(label: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show progress on stderr: a bar on a terminal, a line every ten seconds elsewhere.

    Yields a function to call with the number of steps just done. Work that ends within
    ten seconds prints nothing where there is no terminal.
    """
    label = one_line(label)
    terminal = sys.stderr.isatty()
    pause = _SECONDS_BETWEEN_DRAWINGS if terminal else SECONDS_BETWEEN_LINES
    done, drawn, last = 0, -1, 0.0 if terminal else time.monotonic()

    def draw() -> None:
        nonlocal drawn
        drawn = done
        share = f" of {total:,} ({done / total:.0%})" if total else ""
        bar = f"  [{'#' * (_BAR * done // total):-<{_BAR}}]" if terminal and total else ""
        print(
            f"{chr(13) * terminal}{label}: {done:,}{share}{bar}",
            end="" if terminal else "\n",
            file=sys.stderr,
            flush=True,
        )

    def advance(steps: int) -> None:
        nonlocal done, last
        done += steps
        if (now := time.monotonic()) - last >= pause:
            last = now
            draw()

    try:
        yield advance
    finally:
        if terminal and done:
            if drawn != done:
                draw()
            print(file=sys.stderr)


def track(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield `items`, showing progress as `progress` does."""
    with progress(label, total) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def native_stderr_silenced() -> Iterator[None]:
    """Discard what C++ libraries print to the process's stderr inside.

    LiteRT announces its delegate there and has no setting against it. For commands, and for
    the moment of that announcement: it swallows the lines of other threads, too.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # It is shut.
        yield
        return
    try:
        with open(os.devnull, "wb") as null:
            os.dup2(null.fileno(), 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def end_without_output() -> None:
    """End the program if its standard output is shut (``>&-``): nobody would get its answer."""
    if sys.stdout is None:
        sys.exit("Error: standard output: is closed; send it to a file, or to /dev/null")


def terminal_width() -> int | None:
    """Return the characters in a line of standard output; None if that is no terminal."""
    import shutil

    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def one_line(text: str) -> str:
    r"""Return a text, and the names in it, without what would end the line or move the cursor.

    That is written as Python does: ``\n``, ``\x1b``.
    """
    return _MOVES.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def plural(number: int, noun: str) -> str:
    """Return a number of things, such as "1 digit" or "2,000 digits"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def percent(share: float, decimals: int = 2) -> str:
    """Return a share in percent, such as "99.96%"; what is below 1 is never called 100 %."""
    most = 1 - 10.0 ** -(decimals + 2)
    return f"{min(share, most) if share < 1 else share:.{decimals}%}"


def duration(seconds: float) -> str:
    """Return a time in its two largest units, such as "44 min 24 s" or "1 h 12 min"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    first = next((index for index, (count, _) in enumerate(parts) if count), 2)
    return " ".join(f"{count:,} {unit}" for count, unit in parts[first : first + 2])


def table(header: list[str], rows: list[list[str]], left: int = 1) -> str:
    """Return a plain text table: the first `left` columns left-aligned, the others right.

    Cells of the header may have two lines, others one; see `one_line`.
    """
    rows = [list(map(one_line, row)) for row in rows]
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
