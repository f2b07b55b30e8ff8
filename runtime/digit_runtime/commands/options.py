"""The options that several commands share, so that they mean the same in each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from digit_runtime.engines.table import engine_names
from digit_runtime.formats.precisions import NAMES as PRECISIONS
from digit_runtime.formats.table import format_names

F = TypeVar("F", bound=Callable[..., Any])


def artifacts(command: F) -> F:
    """Add --artifacts."""
    return click.option(
        "--artifacts",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of models.  [default: $DIGIT_ARTIFACTS, or the models installed with "
        "digit-runtime]",
    )(command)


def model(command: F) -> F:
    """Add --model."""
    return click.option(
        "--model",
        default="cnn",
        show_default=True,
        help="A name under --artifacts, or the path (./mlp, not mlp) of a model directory or "
        "a .onnx or .tflite file.",
    )(command)


def format_and_precision(command: F) -> F:
    """Add --format and --precision."""
    command = click.option(
        "--precision",
        help=f"{', '.join(PRECISIONS)}, or another that the manifest has.  "
        "[default: int8, or the smallest there]",
    )(command)
    return click.option(
        "--format",
        "format_",
        type=click.Choice(format_names()),
        help="[default: the one that is faster here]",
    )(command)


def engine(command: F) -> F:
    """Add --engine."""
    return click.option(
        "--engine",
        type=click.Choice(["auto", *engine_names()]),
        default="auto",
        show_default=True,
        help="auto: the fastest of those installed, measured once and remembered.",
    )(command)


def orientation(command: F) -> F:
    """Add --invert and --transpose."""
    command = click.option(
        "--transpose", is_flag=True, help="Exchange rows and columns of every image first."
    )(command)
    return click.option(
        "--invert", is_flag=True, help="Invert the colours first: the input is dark on bright."
    )(command)


def as_json(command: F) -> F:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(
        command
    )


def result_style(command: F) -> F:
    """Add --json, --csv and --markdown."""
    for style, text in (
        ("markdown", "Print a Markdown table."),
        ("csv", "Print CSV."),
        ("json", "Print JSON, for programs."),
    ):
        command = click.option(f"--{style}", "style", flag_value=style, help=text)(command)
    return command
