"""The pictures of `digit-data explore`: one matplotlib Figure each.

Figures are made through the object API, so no window system is ever looked for. Their
background is transparent and their text grey, to be readable on a light and a dark page.
"""

from pathlib import Path
from typing import Final

import numpy as np
from digit_runtime.contract import LABELS, SIDE
from digit_runtime.storage.atomic import writing
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from digit_train.explore.summary import Digits

_EXAMPLES: Final = 14
_GAP: Final = 2
_TEXT: Final = "#7d8590"
_BAR: Final = "#4c8dd6"
_MISSING: Final = (0.85, 0.15, 0.15, 1.0)
_DPI: Final = 150

Pixels = NDArray[np.float32]


def save(figure: Figure, path: Path) -> None:
    """Write a PNG; raises OutputError."""
    with writing(path) as stream:
        figure.savefig(stream, format="png", dpi=_DPI, transparent=True)


def examples_by_class(digits: Digits) -> Figure:
    """Draw the first digits of each class, a row each."""
    rows = [digits.of_class(digit)[:_EXAMPLES] for digit in range(LABELS)]
    figure, axes = _sheet(_mosaic(rows), margin=20)
    for digit in range(LABELS):
        middle = SIDE / 2 + digit * (SIDE + _GAP)
        axes.text(-10, middle, f"{digit}", color=_TEXT, fontsize=13, ha="center", va="center")
    return figure


def first_examples(digits: Digits) -> Figure:
    """Draw the first digits of the file, whatever they are."""
    rows = [
        digits.pixels[start : start + _EXAMPLES]
        for start in range(0, min(len(digits.pixels), LABELS * _EXAMPLES), _EXAMPLES)
    ]
    return _sheet(_mosaic(rows))[0]


def mean_by_class(digits: Digits) -> Figure:
    """Draw the mean image of each class, missing pixels left out of the mean."""
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    for digit, axes in enumerate(figure.subplots(2, LABELS // 2).flat):
        images = digits.of_class(digit)
        axes.set_title(f"{digit}", color=_TEXT, fontsize=13)
        axes.set_axis_off()
        if len(images):
            axes.imshow(_colours(_mean(images)), interpolation="nearest")
    return figure


def class_balance(counts: tuple[int, ...]) -> Figure:
    """Draw the rows of each class as bars, with a line where all would be equal."""
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.bar(range(LABELS), counts, color=_BAR, width=0.75)
    axes.axhline(sum(counts) / LABELS, color=_TEXT, linewidth=1, linestyle=(0, (4, 4)))
    # The counts stand under the axis, where the dashed line cannot cross them.
    names = [f"{digit}\n{count:,}" for digit, count in enumerate(counts)]
    axes.set_xticks(range(LABELS), names)
    axes.set_ylabel("rows", color=_TEXT)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylim(0, max(*counts, 1) * 1.05)
    axes.tick_params(colors=_TEXT, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(_TEXT)
    return figure


def one_digit(pixels: Pixels) -> Figure:
    """Draw one image ``[784]`` large, with the numbers of its rows and columns of pixels."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(_colours(pixels), interpolation="nearest")
    axes.set_xticks(range(0, SIDE, 3))
    axes.set_yticks(range(0, SIDE, 3))
    axes.tick_params(colors=_TEXT, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def _sheet(picture: NDArray[np.float32], margin: int = 0) -> tuple[Figure, Axes]:
    """Draw RGBA ``[height, width, 4]`` at exactly 3 dots a pixel, for edges that are sharp."""
    height, width = picture.shape[:2]
    whole = width + margin
    figure = Figure(figsize=(3 * whole / _DPI, 3 * height / _DPI))
    axes = figure.add_axes((margin / whole, 0, width / whole, 1))
    axes.imshow(picture, interpolation="nearest")
    axes.set_axis_off()
    return figure, axes


def _mosaic(rows: list[Pixels]) -> NDArray[np.float32]:
    """Lay images out as RGBA, with transparent gaps, and nothing where a row is short."""
    step = SIDE + _GAP
    columns = max(map(len, rows))
    picture = np.zeros((step * len(rows) - _GAP, step * max(columns, 1) - _GAP, 4), np.float32)
    for row, images in enumerate(rows):
        for column, image in enumerate(images):
            top, left = row * step, column * step
            picture[top : top + SIDE, left : left + SIDE] = _colours(image)
    return picture


def _colours(pixels: Pixels) -> NDArray[np.float32]:
    """Return float32 RGBA ``[28, 28, 4]``: ink is white, paper black, a missing pixel red."""
    image = pixels.reshape(SIDE, SIDE)
    colours = np.ones((SIDE, SIDE, 4), np.float32)
    colours[..., :3] = np.clip(image / 255, 0, 1)[..., np.newaxis]
    colours[np.isnan(image)] = _MISSING
    return colours


def _mean(images: Pixels) -> Pixels:
    present = ~np.isnan(images)
    total = np.where(present, images, 0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean: Pixels = (total / present.sum(axis=0)).astype(np.float32)
    return mean
