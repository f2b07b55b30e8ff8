"""The one digit of a picture that is to hold one."""

from typing import TYPE_CHECKING, Final

import numpy as np

from digit_runtime.inputs.mnist_form import Grey
from digit_runtime.inputs.page.crop import crop
from digit_runtime.inputs.page.ink import Ink, find_ink
from digit_runtime.inputs.page.rules import remove_rules
from digit_runtime.inputs.page.runs import Runs, blobs_of, paint, runs_of
from digit_runtime.inputs.page.shapes import Shape, find_shapes, united

if TYPE_CHECKING:
    from PIL import Image

# Below this the ink may as well be on the other side.
_CLEAR: Final = 0.6
# How many times smaller, by its box, a mark may be than that of the other side.
_SMALLER: Final = 25
# A mark lower than this share of the main one is no further digit.
_AS_HIGH: Final = 0.6
# Marks nearer than this share of the main one's height may be parts of it.
_NEAR: Final = 0.15
_PADDING: Final = 0.12


def main_digit(image: "Image.Image") -> tuple[Grey, int] | None:
    """Return the largest mark of a grey image (mode L), uint8 ``[28, 28]``.

    The second value is how many further marks may be digits. None where there is no mark.
    """
    found = _best(image)
    if found is None:
        # Cut so closely that the strokes run into the border: give them paper around.
        found = _best(_padded(image))
    if found is None:
        return None
    ink, shapes = found
    main = max(shapes, key=_extent)
    parts = [shape for shape in shapes if shape is main or _part_of(shape, main)]
    rest = [shape for shape in shapes if not any(shape is part for part in parts)]
    others = sum(shape.height >= _AS_HIGH * main.height for shape in rest)
    return crop(ink, united(parts), 0.0), others


def _best(image: "Image.Image") -> tuple[Ink, list[Shape]] | None:
    ink, shapes = _found(image, None)
    if ink.paper.certainty < _CLEAR:
        other = _found(image, not ink.paper.ink_is_dark)
        if _written(other[1], shapes):
            ink, shapes = other
    return (ink, shapes) if shapes else None


def _written(some: list[Shape], others: list[Shape]) -> bool:
    """Tell whether the largest of some shapes, rather than that of the others, is writing.

    Writing is thin for its size; a piece of a sheet on a desk is not, nor is a hole. A shape
    that is far smaller says nothing.
    """
    if not some or not others:
        return bool(some)
    one, two = max(some, key=_extent), max(others, key=_extent)
    ratio = _extent(one) / _extent(two)
    if not 1 / _SMALLER < ratio < _SMALLER:
        return ratio > 1
    return _length(one) > _length(two)


def _length(shape: Shape) -> float:
    """Return how many times longer a shape is than its strokes are thick."""
    left, top, right, bottom = shape.box
    mask = np.zeros((bottom - top + 2, right - left + 2), np.bool_)
    runs = shape.runs
    paint(mask, Runs(runs.row - top + 1, runs.start - left + 1, runs.stop - left + 1), True)
    edge = int((mask[1:] != mask[:-1]).sum() + (mask[:, 1:] != mask[:, :-1]).sum())
    return max(shape.width, shape.height) * edge / (2 * shape.area)


def _found(image: "Image.Image", ink_is_dark: bool | None) -> tuple[Ink, list[Shape]]:
    ink = find_ink(image, ink_is_dark)
    mask = ink.mask.copy()
    remove_rules(mask, ink.strength)
    return ink, find_shapes(blobs_of(runs_of(mask)), mask.shape)[0]


def _padded(image: "Image.Image") -> "Image.Image":
    from PIL import ImageOps

    grey = np.asarray(image)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    return ImageOps.expand(image, round(_PADDING * max(image.size)), int(np.median(border)))


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
