"""The options that several commands of the toolkit share, so that they look the same in each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def data(default: str, text: str) -> Callable[[F], F]:
    """Add --data, a file."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path),
        default=Path(default),
        show_default=True,
        help=text,
    )


def seed(text: str | None = None, largest: int | None = None) -> Callable[[F], F]:
    """Add --seed."""
    return click.option(
        "--seed", type=click.IntRange(0, largest), default=0, show_default=True, help=text
    )


def artifacts(command: F) -> F:
    """Add --artifacts, a folder."""
    return click.option(
        "--artifacts",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("artifacts"),
        show_default=True,
        help="Folder of models.",
    )(command)


def out(default: str | None, text: str) -> Callable[[F], F]:
    """Add --out, a folder."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        default=None if default is None else Path(default),
        show_default=default is not None,
        help=text,
    )
