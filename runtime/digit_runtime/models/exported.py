"""Which models have exported files, and the command that makes those that are missing."""

import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from digit_runtime.errors import DigitError, ModelNotFoundError
from digit_runtime.formats.precisions import NAMES as PRECISIONS
from digit_runtime.models.manifest import Manifest

if TYPE_CHECKING:
    from digit_runtime.models.folder import FoundFile


def export_command(directory: Path, format: str | None = None) -> str:
    """Return the command that exports the model of that directory, as a shell takes it.

    Args:
        directory: The model's.
        format: Only to this format; None for all.
    """
    words = ["digit-export", "--model", directory.name, "--artifacts", str(directory.parent)]
    return shlex.join([*words, *(["--format", format] if format else [])])


def not_exported(
    directory: Path, format: str | None = None, precision: str | None = None
) -> str | None:
    """Say what to do about a model whose manifest lists no such files; None of any other.

    Of a damaged manifest, who reads it says what is wrong.
    """
    try:
        if Manifest.read(directory).select(format, precision):
            return None
    except DigitError:
        return None
    asked = _asked(format, precision)
    what = f"has no {asked} file" if asked else "is not exported yet"
    return f"{directory}: {what}: {export_command(directory, format)}"


def exported(
    directories: Iterable[Path],
    tell: Callable[[str], None],
    format: str | None = None,
    precision: str | None = None,
) -> list[Path]:
    """Return those of the models that have such files; call `tell` with a line about each other.

    Raises:
        ModelNotFoundError: None has.
    """
    lines = {one: not_exported(one, format, precision) for one in directories}
    missing = [line for line in lines.values() if line]
    if len(missing) == len(lines):
        raise ModelNotFoundError("; ".join(missing))
    for line in missing:
        tell(line)
    return [directory for directory, line in lines.items() if not line]


def no_such_file(
    directory: Path, format: str | None, precision: str | None, present: "Sequence[FoundFile]"
) -> ModelNotFoundError:
    """Return the error about a model without a file of that format and precision.

    Args:
        directory: The model's.
        format: None means any.
        precision: None means any.
        present: The files that there are.
    """
    have = ", ".join(f"{file.format} {file.precision}" for file in present) or "none"
    asked = _asked(format, precision) or "exported"
    remedy = f"To write it: {export_command(directory, format)}"
    if precision not in (None, *PRECISIONS):
        remedy = f"There is no precision {precision!r}: there are {', '.join(PRECISIONS)}"
    return ModelNotFoundError(f"{directory}: has no {asked} file; present: {have}. {remedy}")


def _asked(format: str | None, precision: str | None) -> str:
    return " ".join(filter(None, (format, precision)))
