"""The digits that a model finds hardest: those whose true class got the least probability."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from digit_runtime.contract import SIDE, Labels, Pixels, Probabilities
from digit_runtime.errors import PackageNotInstalledError
from digit_runtime.storage.atomic import writing

CSV_NAME: Final = "hardest.csv"
PICTURE_NAME: Final = "hardest.png"
LISTED: Final = 100
_DRAWN: Final = 30
_COLUMNS: Final = 10
_SCALE: Final = 3
_CAPTION: Final = 26


class _Row(NamedTuple):
    given: float
    number: int
    file: str
    label: int
    predicted: int
    certainty: float
    pixels: bytes


class Hardest:
    """Keeps the hardest of all rows that it sees.

    Args:
        names: Of the classes.

    Raises:
        PackageNotInstalledError: Pillow, which draws them, is missing.
    """

    def __init__(self, names: Sequence[str]) -> None:
        try:
            import PIL.Image
        except ImportError as error:
            raise PackageNotInstalledError(
                'the hardest digits are drawn by Pillow: pip install "digit-runtime[image]"'
            ) from error
        self._image = PIL.Image
        self._names = names
        self._rows: list[_Row] = []

    def see(
        self, pixels: Pixels, probabilities: Probabilities, labels: Labels, file: str, before: int
    ) -> None:
        """Look at the next labelled rows, which are those after row `before` of `file`."""
        given = probabilities[np.arange(len(labels)), labels]
        for row in np.argsort(given, kind="stable")[:LISTED].tolist():
            predicted = int(probabilities[row].argmax())
            shares = float(given[row]), float(probabilities[row, predicted])
            self._rows.append(
                _Row(
                    shares[0],
                    before + row + 1,
                    file,
                    int(labels[row]),
                    predicted,
                    shares[1],
                    pixels[row].tobytes(),
                )
            )
        self._rows = sorted(self._rows, key=lambda row: row.given)[:LISTED]

    def write(self, folder: Path) -> list[Path]:
        """Write a CSV of these rows and a picture of the first of them; returns the paths.

        Raises:
            OutputError: A file cannot be written.
        """
        text = io.StringIO(newline="")
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["file", "row", "label", "predicted", "p_label", "p_predicted"])
        for row in self._rows:
            names = self._names[row.label], self._names[row.predicted]
            table.writerow(
                [row.file, row.number, *names, f"{row.given:.4f}", f"{row.certainty:.4f}"]
            )
        paths = [folder / CSV_NAME, folder / PICTURE_NAME]
        with writing(paths[0]) as stream:
            stream.write(text.getvalue().encode(errors="surrogateescape"))
        with writing(paths[1]) as stream:
            self._draw().save(stream, "PNG")
        return paths

    def _draw(self) -> "PIL.Image.Image":  # type: ignore[name-defined]  # noqa: F821
        from PIL import ImageDraw

        shown = self._rows[:_DRAWN]
        side = SIDE * _SCALE
        lines = -(-len(shown) // _COLUMNS)
        width, height = min(len(shown), _COLUMNS) * (side + 6) + 6, lines * (side + _CAPTION) + 6
        sheet = self._image.new("RGB", (width, height), "white")
        pen = ImageDraw.Draw(sheet)
        for index, row in enumerate(shown):
            line, column = divmod(index, _COLUMNS)
            x, y = 6 + column * (side + 6), 6 + line * (side + _CAPTION)
            digit = self._image.frombytes("L", (SIDE, SIDE), row.pixels)
            sheet.paste(digit.resize((side, side), self._image.Resampling.NEAREST), (x, y))
            label, predicted = (self._names[c] for c in (row.label, row.predicted))
            wrong = row.label != row.predicted
            pen.text((x, y + side), f"row {row.number}", "black")
            pen.text(
                (x, y + side + 11),
                f"{label} read as {predicted}",
                "firebrick" if wrong else "black",
            )
        return sheet
