"""Where touching digits may be cut apart: along slanted lines that cross little ink."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.inputs.page.runs import Runs
from digit_runtime.inputs.page.shapes import Shape

# Columns per row, from the left-leaning to the right-leaning.
_SLANTS: Final = (0.0, -0.25, 0.25, -0.5, 0.5)
# Cuts to try, for each digit's height of width.
_MOST: Final = 4
# No part is narrower than this share of a digit's height.
_NARROWEST: Final = 0.12


def cut(shape: Shape, typical: float) -> tuple[list[Shape], list[float]]:
    """Return the parts of a shape from the left, and the ink that each cut crosses.

    The ink is a share of the digit's height: near 0 where only a hair joins the parts.
    """
    left, top, right, bottom = shape.box
    width, middle = right - left, (top + bottom) / 2
    profiles = np.array([_profile(shape.runs, left, width, middle, slant) for slant in _SLANTS])
    # Upright cuts win where a slanted one gains nothing.
    profiles += np.abs(np.array(_SLANTS))[:, None] * 0.04 * typical
    best = profiles.argmin(axis=0)
    cost = profiles.min(axis=0)
    most = round(_MOST * max(1.0, width / typical))
    places = _lowest_places(cost, max(3, round(_NARROWEST * typical)), most)
    parts, costs = [], []
    rest = shape.runs
    for place in places:
        slant = _SLANTS[best[place]]
        border = np.rint(left + place + slant * (rest.row - middle)).astype(np.intp)
        part = _kept(rest.row, rest.start, np.minimum(rest.stop, border))
        remaining = _kept(rest.row, np.maximum(rest.start, border), rest.stop)
        if not len(part) or not len(remaining):
            continue
        parts.append(Shape(part))
        costs.append(float(cost[place]) / typical)
        rest = remaining
    return [*parts, Shape(rest)], costs


def _kept(row: NDArray[np.intp], start: NDArray[np.intp], stop: NDArray[np.intp]) -> Runs:
    kept = start < stop
    return Runs(row[kept], start[kept], stop[kept])


def _profile(runs: Runs, left: int, width: int, middle: float, slant: float) -> NDArray[np.float64]:
    """Return how much ink a cut at each column crosses."""
    shift = np.rint(slant * (runs.row - middle)).astype(np.intp) + left
    starts = np.clip(runs.start - shift, 0, width)
    stops = np.clip(runs.stop - shift, 0, width)
    steps = np.bincount(starts, minlength=width + 1) - np.bincount(stops, minlength=width + 1)
    return np.cumsum(steps)[:width].astype(np.float64)


def _lowest_places(cost: NDArray[np.float64], apart: int, most: int) -> list[int]:
    """Return up to `most` of the cheapest columns, `apart` from each other and the ends."""
    cost = cost.copy()
    # Of a wide gap its middle.
    smooth = np.convolve(cost, np.ones(3) / 3, "same")
    open_ = np.ones(len(cost), np.bool_)
    open_[:apart] = open_[len(cost) - apart :] = False
    places: list[int] = []
    while open_.any() and len(places) < most:
        place = int(np.argmin(np.where(open_, smooth, np.inf)))
        places.append(place)
        open_[max(0, place - apart) : place + apart + 1] = False
    return sorted(places)
