"""No command writes over what it reads, nor twice into one file."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from digit_runtime.storage.places import same_file


def refuse_overwriting(
    outputs: Mapping[str, Path | None], inputs: Iterable[Path | str | None]
) -> None:
    """Check what a command is about to write, before anything is read.

    Args:
        outputs: The file of each option, such as ``{"-o": path}``; None if it is not given.
        inputs: The files that the command reads; None and ``-`` are passed over.

    Raises:
        click.UsageError: One of the outputs is an input or another output, be it through
            a link; names both and the option that would do.
    """
    named = {option: path for option, path in outputs.items() if path and str(path) != "-"}
    for option, path in named.items():
        for source in inputs:
            if source and str(source) != "-" and same_file(path, Path(source)):
                raise click.UsageError(
                    f"{option} {path} would write over {source}, which is read; name another "
                    f"file with {option}"
                )
    options = list(named)
    for index, option in enumerate(options):
        for other in options[index + 1 :]:
            if same_file(named[option], named[other]):
                raise click.UsageError(
                    f"{option} and {other} both name {named[option]}; name another file with "
                    f"{other}"
                )
