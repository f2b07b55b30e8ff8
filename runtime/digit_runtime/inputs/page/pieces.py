"""Pieces of thin ink, which rules are made of: how long, straight and thick they are."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.inputs.mnist_form import Grey
from digit_runtime.inputs.page.ink import Mask
from digit_runtime.inputs.page.runs import Indices, Runs, runs_of

Numbers = NDArray[np.float64]

# How steep against the picture's side, as a tangent: 15 degrees.
_STEEPEST: Final = 0.27


@dataclass(frozen=True)
class Pieces:
    """Thin pieces of ink; each array has one entry per piece.

    A piece runs along axis 0 ("down"): its middle is at column ``at + slope * row``.
    """

    runs: Runs
    piece: Indices
    top: Indices
    bottom: Indices
    at: Numbers
    slope: Numbers
    wobble: Numbers
    thickness: Numbers
    ink: Numbers


def runs_across(mask: Mask, runs: Runs) -> Runs:
    """Return the runs of a mask's columns; those of its rows tell where there are any."""
    if not len(runs):
        return runs
    left, top = int(runs.start.min()), int(runs.row[0])
    turned = runs_of(mask[top : runs.row[-1] + 1, left : runs.stop.max()].T)
    return Runs(turned.row + left, turned.start + top, turned.stop + top)


def pieces_of(runs: Runs, piece: Indices, strength: Grey) -> Pieces:
    """Return the pieces that thin runs form, by the number of each run's `piece`.

    `strength` is that of the ink, uint8 ``[H, W]``.
    """
    row = runs.row.astype(np.float64)
    middle = (runs.start + runs.stop - 1) / 2
    count = np.bincount(piece).astype(np.float64)

    def total(values: Numbers) -> Numbers:
        return np.bincount(piece, values, len(count)).astype(np.float64)

    top = np.full(len(count), len(strength))
    bottom = np.zeros(len(count), np.intp)
    np.minimum.at(top, piece, runs.row)
    np.maximum.at(bottom, piece, runs.row)
    mean_row, mean_middle = total(row) / count, total(middle) / count
    row_off, middle_off = row - mean_row[piece], middle - mean_middle[piece]
    spread, both = total(row_off**2), total(row_off * middle_off)
    slope = both / np.maximum(spread, 1e-9)
    wobble = np.sqrt(np.maximum(0, total(middle_off**2) - slope * both) / count)
    thickness = total((runs.stop - runs.start).astype(np.float64)) / count
    at = mean_middle - slope * mean_row
    ink = total(strength[runs.row, (runs.start + runs.stop) // 2].astype(np.float64)) / count
    return Pieces(runs, piece, top, bottom, at, slope, wobble, thickness, ink)


def straight(pieces: Pieces, shortest: float) -> NDArray[np.bool_]:
    """Tell which pieces are straight, thin and at least `shortest` pixels long."""
    length = pieces.bottom - pieces.top + 1
    single = np.bincount(pieces.piece, minlength=len(length)) <= 1.15 * length
    result: NDArray[np.bool_] = (
        (length >= shortest)
        & single
        & (np.abs(pieces.slope) <= _STEEPEST)
        & (pieces.wobble <= 0.7 + 0.004 * length)
        & (pieces.thickness * 4 <= length)
    )
    return result
