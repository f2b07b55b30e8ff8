"""The names of a model's classes, as `digit-export --class-names` takes them."""

from pathlib import Path

import click
from digit_runtime.class_names import is_class_name
from digit_runtime.contract import CLASSES

_ANSWERS = "imageid,label"


class ClassNames(click.ParamType[tuple[str, ...]]):
    """Names with commas between them, or the path of a text file with one on each line."""

    name = "names"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names; fails if they cannot name classes."""
        text = str(value)
        names = [name.strip() for name in text.split(",")]
        if len(names) == 1:
            names = self._read(Path(text), param, ctx)
        for name in names:
            if not is_class_name(name):
                self.fail(f"{name!r:.40} cannot name a class: no comma or quote", param, ctx)
            if names.count(name) > 1:
                self.fail(f"{name!r:.40} names two classes", param, ctx)
        if len(names) not in CLASSES:
            self.fail(f"{len(names)} names; expected {CLASSES[0]} to {CLASSES[-1]}", param, ctx)
        return tuple(names)

    def _read(
        self, path: Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        if not path.is_file():
            self.fail(f"{path}: no such file, and no names with commas between", param, ctx)
        try:
            lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            self.fail(f"{path}: cannot be read as text: {error}", param, ctx)
        # What --labels is in digit-predict.
        if lines and lines[0].lower() == _ANSWERS:
            self.fail(f"{path}: holds the labels of rows; give it as --test-labels", param, ctx)
        return [line.strip() for line in lines]
