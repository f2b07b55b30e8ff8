"""The names of a model's classes, as `digit-export --class-names` takes them."""

from pathlib import Path

import click
from digit_runtime.contract import CLASSES, is_class_name

_ANSWERS = "imageid,label"
_OLD_NAME = ", --labels"


class Option(click.Option):
    """The option, without the name that it once had, which is that of labels elsewhere."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return its names and its help."""
        record = super().get_help_record(ctx)
        return record and (record[0].replace(_OLD_NAME, ""), record[1])


def parse(context: click.Context, option: click.Parameter, text: str | None) -> tuple[str, ...]:
    """Return the names in `text`, or in the file it names, one on each line; for click.

    Raises:
        click.BadParameter: They cannot name classes.
    """
    if text is None:
        return ()
    names = [name.strip() for name in text.split(",")]
    if len(names) == 1:
        names = _read(Path(text))
    for name in names:
        if not is_class_name(name):
            raise click.BadParameter(f"{name!r:.40} cannot name a class: no comma or quote")
        if names.count(name) > 1:
            raise click.BadParameter(f"{name!r:.40} names two classes")
    if len(names) not in CLASSES:
        raise click.BadParameter(f"{len(names)} names; expected {CLASSES[0]} to {CLASSES[-1]}")
    return tuple(names)


def _read(path: Path) -> list[str]:
    if not path.is_file():
        raise click.BadParameter(f"{path}: no such file, and no names with commas between")
    try:
        lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path}: cannot be read as text: {error}") from error
    # What --labels is in digit-predict.
    if lines and lines[0].lower() == _ANSWERS:
        raise click.BadParameter(f"{path}: holds the labels of rows; give it as --test-labels")
    return [line.strip() for line in lines]
