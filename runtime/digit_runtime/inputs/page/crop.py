"""One shape's ink in MNIST's form: 28x28, nothing of its neighbours in it."""

from typing import Final

import numpy as np

from digit_runtime.inputs.mnist_form import Grey, fitted
from digit_runtime.inputs.page.blocks import by_cell
from digit_runtime.inputs.page.ink import Ink
from digit_runtime.inputs.page.runs import Runs, paint
from digit_runtime.inputs.page.shapes import Shape

_MARGIN: Final = 2
# A digit's edge, of 255; fainter pixels are the blur around it.
_EDGE: Final = 64
# Ink is made smaller down to this, in pixels: three times as many as MNIST has.
_LARGE: Final = 60
# Lines that sink or rise by more degrees are turned level.
_LEVEL: Final = 3.0


def crop(ink: Ink, shape: Shape, angle: float) -> Grey:
    """Return a shape's ink, uint8 ``[28, 28]``, turned back by the `angle` of its line."""
    values = _smaller(_values(ink, shape))
    if abs(angle) > _LEVEL:
        from PIL import Image

        image = Image.fromarray(values)
        turned = np.asarray(image.rotate(angle, Image.Resampling.BILINEAR, expand=True))
        values = _trimmed(turned)
    return fitted(values)


def _values(ink: Ink, shape: Shape) -> Grey:
    left, top, right, bottom = shape.box
    x, y = max(0, left - _MARGIN), max(0, top - _MARGIN)
    part = ink.strength[y : bottom + _MARGIN, x : right + _MARGIN]
    inside = np.zeros(part.shape, np.bool_)
    runs = shape.runs
    paint(inside, Runs(runs.row - y, runs.start - x, runs.stop - x), True)
    marked = part[inside]
    up_to = np.cumsum(np.bincount(marked))
    peak = max(1, int(np.searchsorted(up_to, len(marked) * 85 // 100, "right")))
    # The ink's edge fades over a pixel.
    wide = inside.copy()
    wide[1:] |= inside[:-1]
    wide[:-1] |= inside[1:]
    wide[:, 1:] |= inside[:, :-1]
    wide[:, :-1] |= inside[:, 1:]
    values = (part * np.float32(255 / peak)).clip(0, 255).astype(np.uint8)
    return _trimmed(values * wide)


def _smaller(values: Grey) -> Grey:
    """Return large ink smaller, by the mean of squares: what follows takes time by the pixel."""
    factor = max(values.shape) // _LARGE
    if factor < 2:
        return values
    squares = by_cell(np.add, values, factor, np.uint32)
    result: Grey = np.rint(squares / factor**2).astype(np.uint8)
    return result


def _trimmed(values: Grey) -> Grey:
    marked = values > _EDGE
    rows, columns = (np.flatnonzero(marked.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return values
    return values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
