"""The one digit of a picture that is to hold one."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.inputs.histogram import counts_of, quantiles
from digit_runtime.inputs.mnist_form import Grey
from digit_runtime.inputs.page.cells import find_ink_of_one
from digit_runtime.inputs.page.crop import crop
from digit_runtime.inputs.page.ink import Ink, Mask
from digit_runtime.inputs.page.rules import remove_rules
from digit_runtime.inputs.page.runs import Runs, blobs_of, join, paint
from digit_runtime.inputs.page.shapes import Shape, find_shapes, is_sheet, united

# Below this the ink may as well be on the other side.
_CLEAR: Final = 0.6
# How much more what is on the other side must be like writing: it rarely is.
_MORE: Final = 2
# Pixels around a shape, where its edge fades.
_AROUND: Final = 3
# A mark lower than this share of the main one is no further digit.
_AS_HIGH: Final = 0.6
# Marks nearer than this share of the main one's height may be parts of it.
_NEAR: Final = 0.15
_PADDING: Final = 0.12
# Greys of a border that are those of an even paper, ...
_EVEN: Final = 12
# ... how much of it they are where a stroke leaves the picture, ...
_PAPER: Final = 0.6
# ... and how far the stroke is from them, also as a share of the ink's; rules are fainter.
_STROKE: Final = 90
_AS_DARK: Final = 0.75
# What is narrower than this part of the picture is a dot.
_DOTS: Final = 40
# Smaller pictures are enlarged.
_LEAST_SIDE: Final = 64
# Digits lower than this many cells may be a page's, and lie in one cell by chance.
_CELLS_HIGH: Final = 3
# Marks that stand beside one another and are as high as this are digits of a number.
_AS_HIGH_AS: Final = 0.8


def main_digit(grey: Grey) -> tuple[Grey, int] | None:
    """Return the largest mark of a grey picture, uint8 ``[H, W]``, as uint8 ``[28, 28]``.

    The second value is how many further marks may be digits. None where there is no mark.
    """
    grey = _enlarged(grey)
    grey = _padded(grey) if _is_cut(grey) else grey
    found = _best(grey)
    if found is None:
        # Cut so closely that the strokes run into the border: give them paper around.
        found = _best(_padded(grey))
    if found is None:
        return None
    ink, shapes = found
    main = max(shapes, key=_extent)
    parts = [shape for shape in shapes if shape is main or _part_of(shape, main)]
    rest = [shape for shape in shapes if not any(shape is part for part in parts)]
    others = sum(shape.height >= _AS_HIGH * main.height for shape in rest)
    return crop(ink, united(parts), 0.0), others


def _best(grey: Grey) -> tuple[Ink, list[Shape]] | None:
    ink, shapes = _found(grey, None)
    if ink.paper.certainty < _CLEAR:
        other = _found(grey, not ink.paper.ink_is_dark)
        if _writing(grey, *other) > _MORE * _writing(grey, ink, shapes):
            ink, shapes = other
    return (ink, shapes) if shapes else None


def _writing(picture: Grey, ink: Ink, shapes: list[Shape]) -> float:
    """Tell how much the largest shape is like writing: thin, with an edge all round, on paper.

    On the wrong side of the paper's brightness there are the sheet itself, pieces of it where
    the paper was looked for, which end without an edge, and what strokes enclose, whose own
    brightness goes on behind them.
    """
    if not shapes:
        return 0.0
    shape = max(shapes, key=_extent)
    left, top, right, bottom = shape.box
    x, y = max(0, left - _AROUND), max(0, top - _AROUND)
    part = (slice(y, bottom + _AROUND), slice(x, right + _AROUND))
    grey = picture[part].astype(np.int16)
    mask = np.zeros(grey.shape, np.bool_)
    paint(mask, Runs(shape.runs.row - y, shape.runs.start - x, shape.runs.stop - x), True)
    steps = np.concatenate([_steps(grey, mask), _steps(grey.T, mask.T)])
    inside = float(np.median(grey[mask]))
    middle = inside - float(np.median(steps)) / 2
    reach = max(shape.width, shape.height) // 2
    near = picture[max(0, top - reach) : bottom + reach, max(0, left - reach) : right + reach]
    alike = int(((near > middle) == (inside > middle)).sum()) - shape.area
    paper = 1 - max(0, alike) / max(1, near.size - shape.area)
    if ink.paper.ink_is_dark:
        steps = -steps
    edge = float((steps > 0.4 * np.quantile(ink.strength[part][mask], 0.85)).mean())
    if is_sheet(shape, picture.shape):
        return 0.0
    length = max(shape.width, shape.height) * len(steps) / (2 * shape.area)
    return length * edge**4 * paper**2


def _steps(grey: NDArray[np.int16], mask: Mask) -> NDArray[np.int16]:
    """Return how much brighter it is on the inner side of a shape's border, down the picture."""
    row, column = np.nonzero(mask[1:] != mask[:-1])
    above, below = np.maximum(row - 1, 0), np.minimum(row + 2, len(grey) - 1)
    step = grey[above, column] - grey[below, column]
    return np.where(mask[row, column], step, -step)


def _found(grey: Grey, ink_is_dark: bool | None) -> tuple[Ink, list[Shape]]:
    ink = find_ink_of_one(grey, ink_is_dark)
    runs, _ = remove_rules(ink.mask, ink.strength)
    shapes = find_shapes(blobs_of(runs), grey.shape)[0]
    return ink, _joined(shapes, ink.paper.factor)


def _joined(shapes: list[Shape], cell: int) -> list[Shape]:
    """Return the shapes, those as one that lie in the same cell: a pen lifted, a faint stroke."""
    if len(shapes) < 2:
        return shapes
    owner = np.repeat(np.arange(len(shapes)), [len(shape.runs) for shape in shapes])
    runs = united(shapes).runs
    across = -(-int(runs.stop.max()) // cell)
    first, last = runs.start // cell, (runs.stop - 1) // cell
    length = last - first + 1
    offset = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    place = np.repeat(runs.row // cell * across + first, length) + offset
    both = np.unique(np.stack([place, np.repeat(owner, length)]), axis=1)
    same = np.flatnonzero(both[0, 1:] == both[0, :-1])
    pairs = [
        (one, two)
        for one, two in zip(both[1, same].tolist(), both[1, same + 1].tolist(), strict=True)
        if _of_one_digit(shapes[one], shapes[two], cell)
    ]
    group = join(len(shapes), *np.array(pairs, np.intp).reshape(-1, 2).T)
    members = [np.flatnonzero(group == number).tolist() for number in range(int(group.max()) + 1)]
    return [united([shapes[index] for index in chosen]) for chosen in members]


def _of_one_digit(one: Shape, two: Shape, cell: int) -> bool:
    """Tell whether shapes in the same cell are no two digits of a number, nor of a whole page."""
    low, high = sorted((one.height, two.height))
    overlap = min(one.box[2], two.box[2]) - max(one.box[0], two.box[0])
    beside = 2 * overlap < min(one.width, two.width)
    return high >= _CELLS_HIGH * cell and not (beside and low >= _AS_HIGH_AS * high)


def _enlarged(grey: Grey) -> Grey:
    """Return a picture that has enough pixels to tell a stroke's edge."""
    factor = -(-_LEAST_SIDE // max(grey.shape))
    if factor == 1:
        return grey
    from PIL import Image

    image = Image.fromarray(grey)
    size = (image.width * factor, image.height * factor)
    return np.asarray(image.resize(size, Image.Resampling.BILINEAR))


def _is_cut(grey: Grey) -> bool:
    """Tell whether strokes run into the border of what is else one grey, an even paper."""
    border = _border(grey)
    if int(np.ptp(border)) <= _STROKE:
        return False
    # Dots, as of a dithered picture, are no strokes.
    window = max(3, max(grey.shape) // _DOTS)
    around = np.lib.stride_tricks.sliding_window_view(border, window)
    border = np.median(around, axis=1)
    ground = np.median(border)
    off = np.abs(border - ground)
    # A shadow is not as dark as ink.
    ink = max(abs(value - ground) for value in quantiles(counts_of(grey), 0.01, 0.99))
    deepest = off.max()
    paper = float((off <= _EVEN).mean())
    return bool(deepest > max(_STROKE, _AS_DARK * ink) and paper > _PAPER)


def _border(grey: Grey) -> Grey:
    return np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])


def _padded(grey: Grey) -> Grey:
    by = round(_PADDING * max(grey.shape))
    return np.pad(grey, by, constant_values=int(np.median(_border(grey))))


def _extent(shape: Shape) -> int:
    return shape.width * shape.height


def _part_of(shape: Shape, main: Shape) -> bool:
    """Tell whether a smaller mark is so near that it is a part of the main one."""
    if shape.height > 0.8 * main.height and shape.width > 0.3 * main.height:
        return False
    gaps = [
        max(shape.box[low], main.box[low]) - min(shape.box[low + 2], main.box[low + 2])
        for low in (0, 1)
    ]
    return max(gaps) < _NEAR * main.height and shape.height < _AS_HIGH * main.height
