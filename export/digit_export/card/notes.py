"""What the card's tables have no column for."""

from collections.abc import Iterator, Sequence
from typing import Final

from digit_runtime.models.manifest import ModelFile
from digit_runtime.terminal import percent

from digit_export.parity.parity import ALONE

SEEN: Final = """ It was trained on these very rows: the figures say what it
remembers, not how often it is right on digits that it has not seen."""


def notes(files: Sequence[ModelFile]) -> Iterator[str]:
    """Yield what the table has no column for, each a paragraph."""
    for file in files:
        if file.tolerance:
            limits = ", ".join(f"{name} {value:g}" for name, value in file.tolerance.items())
            yield (
                f"\n`{file.path}` passed only because `--tolerance` moved the limits ({limits}); "
                "it is used\nwhere no other file is there, or where it is asked for.\n"
            )
        if singly := file.parity.get(ALONE):
            yield (
                f"\nAn answer of `{file.path}` depends on the images that are asked for with "
                f"it.\nOne image at a time its agreement is {percent(singly.agreement, 3)} on "
                f"{singly.rows:,} validation rows, its difference {singly.max_difference:.1e}.\n"
            )
