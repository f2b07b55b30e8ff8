"""The names of a model's classes, as `digit-export --labels` takes them."""

from pathlib import Path

import click
from digit_runtime.contract import CLASSES
from digit_runtime.manifest import is_label


class LabelNames(click.ParamType[tuple[str, ...]]):
    """Names with commas between them, or the path of a text file with one on each line."""

    name = "names"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names; fails if they cannot be labels."""
        text = str(value)
        names = [name.strip() for name in text.split(",")]
        if len(names) == 1:
            names = self._read(Path(text), param, ctx)
        for name in names:
            if not is_label(name):
                self.fail(f"{name!r:.40}: is no label: plain text, no comma or quote", param, ctx)
            if names.count(name) > 1:
                self.fail(f"{name!r:.40}: names two classes", param, ctx)
        if len(names) not in CLASSES:
            self.fail(f"are {len(names)}; expected {CLASSES[0]} to {CLASSES[-1]}", param, ctx)
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
        return [line.strip() for line in lines]


def counted(classes: int) -> tuple[str, ...]:
    """Return the names of classes that have none: "0", "1" and so on."""
    return tuple(map(str, range(classes)))
