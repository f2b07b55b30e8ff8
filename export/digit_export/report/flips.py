"""flips.csv and flips.png: the rows whose answer changed, for people and for programs."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from digit_runtime.contract import SIDE, Pixels
from digit_runtime.storage.atomic import writing

from digit_export.parity.evidence import SHOWN, Flip, Splits, decode

FLIPS_CSV: Final = "flips.csv"
FLIPS_PICTURE: Final = "flips.png"

_COLUMNS: Final = [
    "file", "split", "ImageId", "label", "keras", "keras_confidence", "exported",
    "exported_confidence",
]  # fmt: skip
_PER_ROW: Final = 5


@dataclass(frozen=True)
class Flipped:
    """A row that at least one exported file answers otherwise than Keras."""

    split: str
    pixels: Pixels
    by_file: Mapping[str, Flip]
    """By the file's path."""

    @property
    def any(self) -> Flip:
        """One of the flips; ImageId, label and Keras's answer are the same in all."""
        return next(iter(self.by_file.values()))


def write(directory: Path, files: Mapping[str, Splits], names: Sequence[str]) -> None:
    """Write both files into a model's directory, if they are not there as they should be.

    Args:
        directory: Of the model.
        files: Its evidence, by path and split.
        names: Of the classes.

    Raises:
        OutputError: A file cannot be written.
    """
    table, picture = directory / FLIPS_CSV, directory / FLIPS_PICTURE
    content = as_csv(files, names).encode()
    if picture.is_file() and table.is_file() and table.read_bytes() == content:
        return
    # The table last: if it is there, so is the picture that belongs to it.
    _draw(shown(files), picture, names)
    with writing(table) as stream:
        stream.write(content)


def as_csv(files: Mapping[str, Splits], names: Sequence[str]) -> str:
    """Return one line per file and changed row.

    ImageId is the row's number from 1, in the test CSV for split "test", in the training
    CSV for "validation".
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for path, splits in files.items():
        for split, evidence in splits.items():
            for flip in evidence.flips:
                row = [path, split, flip.image_id, names[flip.label]]
                row += [names[flip.keras], f"{flip.keras_confidence:.4f}"]
                row += [names[flip.exported], f"{flip.exported_confidence:.4f}"]
                writer.writerow(row)
    return text.getvalue()


def shown(files: Mapping[str, Splits]) -> list[Flipped]:
    """Return the rows to show, the surest changes first, as many as `SHOWN`."""
    rows: dict[tuple[str, int], dict[str, Flip]] = {}
    pixels = {}
    for path, splits in files.items():
        for split, evidence in splits.items():
            for flip in evidence.flips:
                rows.setdefault((split, flip.image_id), {})[path] = flip
            for image_id, image in evidence.images.items():
                pixels[split, int(image_id)] = image
    found = [Flipped(key[0], decode(image), rows[key]) for key, image in pixels.items()]
    found.sort(key=lambda row: max(f.sureness for f in row.by_file.values()), reverse=True)
    return found[:SHOWN]


def _draw(rows: list[Flipped], path: Path, names: Sequence[str]) -> None:
    # Matplotlib takes a second to import, and most runs have nothing to draw.
    from matplotlib.figure import Figure

    lines = max(1, -(-len(rows) // _PER_ROW))
    figure = Figure(figsize=(8.5, 0.2 + 2.2 * lines))
    figure.set_layout_engine("constrained", h_pad=0.1)
    for axes in figure.subplots(lines, _PER_ROW, squeeze=False).flat:
        axes.set_axis_off()
    if not rows:
        figure.suptitle("No file answers any row otherwise than Keras.", size=11)
    for axes, row in zip(figure.axes, rows, strict=False):
        flip = row.any
        axes.imshow(row.pixels.reshape(SIDE, SIDE), cmap="gray", vmin=0, vmax=255)
        axes.set_title(
            f"{row.split} {flip.image_id}, label {names[flip.label]}\n"
            f"Keras {names[flip.keras]} ({flip.keras_confidence:.0%})\n{_answers(row, names)}",
            size=8,
        )
    with writing(path) as stream:
        figure.savefig(stream, format="png", dpi=110, metadata={"Software": None})


def short(path: str) -> str:
    """Return "onnx int8" of onnx/cnn-int8.onnx."""
    name = PurePosixPath(path)
    return f"{name.suffix[1:]} {name.stem.rpartition('-')[2]}"


def _answers(row: Flipped, names: Sequence[str]) -> str:
    path, flip = max(row.by_file.items(), key=lambda item: item[1].exported_confidence)
    count = len(row.by_file)
    alike = count > 1 and len({flip.exported for flip in row.by_file.values()}) == 1
    who, most = (f"{count} files", "up to ") if alike else (short(path), "")
    return f"{who}: {names[flip.exported]} ({most}{flip.exported_confidence:.0%})"
