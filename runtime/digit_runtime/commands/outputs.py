"""No command writes over what it reads, nor twice into one file."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from digit_runtime.storage.places import same_file


def refuse_overwriting(
    outputs: Mapping[str, Path | Sequence[Path] | None], inputs: Iterable[Path | str | None]
) -> None:
    """Check what a command is about to write, before anything is read.

    Args:
        outputs: What each option writes, such as ``{"-o": path}``: a file, or all the files
            that go into the folder it names; None if it is not given.
        inputs: The files that the command reads; None and ``-`` are passed over.

    Raises:
        click.UsageError: One of the outputs is an input or another output, be it through
            a link; names both and the option that would do.
    """
    read = [Path(source) for source in inputs if source and str(source) != "-"]
    before: list[tuple[str, Path]] = []
    for option, given in outputs.items():
        kind = "file" if isinstance(given, Path) else "folder"
        paths = [given] if isinstance(given, Path) else given or ()
        named = [(option, path) for path in paths if str(path) != "-"]
        for _, path in named:
            for source in read:
                if same_file(path, source):
                    raise click.UsageError(
                        f"{option} {path} would write over {source}, which is read; name another "
                        f"{kind} with {option}"
                    )
            for other, one in before:
                if same_file(one, path):
                    raise click.UsageError(
                        f"{other} and {option} both name {one}; name another {kind} with {option}"
                    )
        before += named


def is_unnamed() -> bool:
    """Return whether the command that runs was given no -o, and so writes to its default."""
    source = click.get_current_context().get_parameter_source("output")
    return source == ParameterSource.DEFAULT


def replaced(output: Path) -> str | None:
    """Return the note about a file that is there already and that nobody named, if it is so."""
    if not is_unnamed() or not output.exists():
        return None
    return f"note: {output} was there before and is replaced; -o names another file"
