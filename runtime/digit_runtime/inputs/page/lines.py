"""Lines of writing: which shapes stand side by side, on sheets that are tilted or curved."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.inputs.page.shapes import Shape

_STEEPEST: Final = 16.0
# Shapes whose middles differ by less than this share of a digit's height share a line.
_SAME_LINE: Final = 0.6
# So many of them tell at which angle the lines run.
_SAMPLE: Final = 500


def find_lines(shapes: Sequence[Shape], typical: float) -> tuple[list[list[Shape]], float]:
    """Return the shapes by lines, from the top, each from the left, and the lines' angle.

    The angle is in degrees; lines that sink to the right have a positive one.
    """
    if not shapes:
        return [], 0.0
    middles = np.array([shape.middle for shape in shapes])
    angle = _angle(middles, typical)
    turn = np.deg2rad(angle)
    x = middles[:, 0] * np.cos(turn) + middles[:, 1] * np.sin(turn)
    y = middles[:, 1] * np.cos(turn) - middles[:, 0] * np.sin(turn)
    heights = np.array([shape.height for shape in shapes], np.float64)
    lines: list[list[int]] = []
    # Where each of them is at its right end.
    ends = np.empty(len(shapes))
    for index in np.argsort(x):
        offs = np.abs(ends[: len(lines)] - y[index])
        best = int(np.argmin(offs)) if lines else -1
        if best >= 0 and offs[best] < _SAME_LINE * typical:
            lines[best].append(int(index))
            # A small shape, such as a dash, says little about where the line runs.
            weight = 0.5 * min(1.0, heights[index] / typical)
            ends[best] += weight * (y[index] - ends[best])
        else:
            ends[len(lines)] = y[index]
            lines.append([int(index)])
    lines = _merged(lines, x, y, typical)
    lines.sort(key=lambda line: float(np.median(y[line])))
    return [[shapes[index] for index in line] for line in lines], angle


def _angle(middles: NDArray[np.float64], typical: float) -> float:
    """Return the angle at which the middles crowd most into rows."""
    if len(middles) < 3:
        return 0.0
    middles = middles[:: -(-len(middles) // _SAMPLE)]
    angles = np.arange(-_STEEPEST, _STEEPEST + 0.1, 0.5)
    turns = np.deg2rad(angles)
    y = np.outer(np.cos(turns), middles[:, 1]) - np.outer(np.sin(turns), middles[:, 0])
    x = middles[:, 0]
    crowding = np.zeros(len(angles))
    near = np.abs(x[:, None] - x) < 14 * typical
    for number, row in enumerate(y):
        off = (row[:, None] - row) / (0.25 * typical)
        crowding[number] = (np.exp(-(off**2)) * near).sum()
    crowding *= 1 - 0.006 * np.abs(angles)
    return float(angles[np.argmax(crowding)])


def _merged(
    lines: list[list[int]], x: NDArray[np.float64], y: NDArray[np.float64], typical: float
) -> list[list[int]]:
    """Join lines that are parts of one: the same height, one after the other."""
    lines = sorted(lines, key=len, reverse=True)
    result: list[list[int]] = []
    for line in lines:
        for other in result:
            apart = np.abs(x[line][:, None] - x[other])
            mine, nearest = np.unravel_index(int(apart.argmin()), apart.shape)
            level = abs(y[other[nearest]] - y[line[mine]]) < 0.5 * typical
            if level and apart.min() > 0.2 * typical:
                other.extend(line)
                other.sort(key=lambda i: float(x[i]))
                break
        else:
            result.append(line)
    return result
