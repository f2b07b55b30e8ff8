"""Connected pixels of a mask, by the runs of its rows.

A row's ink is a list of runs, and runs that overlap in neighbouring rows belong together
(Rosenfeld and Pfaltz, 1966, on runs instead of pixels). All of it is numpy's work on arrays of
runs: a page has a million pixels and some ten thousand runs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digit_runtime.inputs.page.ink import Mask

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Runs:
    """The runs of a mask in the order of its pixels; each array has one entry per run.

    Attributes:
        row: The row.
        start: The first column.
        stop: The column behind the last.
    """

    row: Indices
    start: Indices
    stop: Indices

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, chosen: "Indices | Mask | slice") -> "Runs":
        return Runs(self.row[chosen], self.start[chosen], self.stop[chosen])


def runs_of(mask: Mask) -> Runs:
    """Return the runs of a mask, bool ``[H, W]``."""
    height, width = mask.shape
    padded = np.zeros((height, width + 1), np.bool_)
    padded[:, :width] = mask
    flat = padded.reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat.size and flat[0]:
        edges = np.concatenate([[0], edges])
    starts, stops = edges[::2], edges[1::2]
    row = starts // (width + 1)
    return Runs(row, starts - row * (width + 1), stops - row * (width + 1))


def touching(runs: Runs) -> tuple[Indices, Indices]:
    """Return the pairs of runs that touch in neighbouring rows, corners included."""
    if not len(runs):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    width = int(runs.stop.max()) + 2
    starts, stops = runs.row * width + runs.start, runs.row * width + runs.stop
    first = np.searchsorted(stops, starts + width, "left")
    last = np.searchsorted(starts, stops + width, "right")
    counts = np.maximum(0, last - first)
    upper = np.repeat(np.arange(len(runs)), counts)
    offsets = np.arange(len(upper)) - np.repeat(np.cumsum(counts) - counts, counts)
    return upper, np.repeat(first, counts) + offsets


def join(count: int, first: Indices, second: Indices) -> Indices:
    """Return for each of `count` things the number of its group, from 0, given what touches."""
    group = np.arange(count)
    while len(first):
        a, b = group[first], group[second]
        apart = a != b
        first, second, a, b = first[apart], second[apart], a[apart], b[apart]
        group[np.maximum(a, b)] = np.minimum(a, b)
        while True:
            shorter = group[group]
            if (shorter == group).all():
                break
            group = shorter[shorter]
    first_of_group = group == np.arange(count)
    return (np.cumsum(first_of_group) - 1)[group]


@dataclass(frozen=True)
class Blobs:
    """Connected pieces of ink; each array has one entry per piece.

    Attributes:
        runs: The runs of all pieces, those of a piece together.
        first: Where the runs of each piece start, and behind them where the last ends.
        left, top, right, bottom: The box, right and bottom exclusive.
        area: Pixels.
    """

    runs: Runs
    first: Indices
    left: Indices
    top: Indices
    right: Indices
    bottom: Indices
    area: Indices

    def __len__(self) -> int:
        return len(self.area)

    def runs_of(self, index: int) -> Runs:
        """Return the runs of one piece."""
        return self.runs[slice(self.first[index], self.first[index + 1])]


def blobs_of(runs: Runs) -> Blobs:
    """Return the connected pieces that `runs` form."""
    if not len(runs):
        none = np.empty(0, np.intp)
        return Blobs(runs, np.zeros(1, np.intp), none, none, none, none, none)
    group = join(len(runs), *touching(runs))
    order = np.argsort(group, kind="stable")
    runs, sizes = runs[order], np.bincount(group)
    first = np.concatenate([[0], np.cumsum(sizes)])
    at = first[:-1]
    return Blobs(
        runs,
        first,
        np.minimum.reduceat(runs.start, at),
        np.minimum.reduceat(runs.row, at),
        np.maximum.reduceat(runs.stop, at),
        np.maximum.reduceat(runs.row, at) + 1,
        np.add.reduceat(runs.stop - runs.start, at),
    )


def paint(mask: Mask, runs: Runs, value: bool) -> None:
    """Set the pixels of `runs` in a mask."""
    lengths = runs.stop - runs.start
    starts = np.repeat(runs.row * mask.shape[1] + runs.start, lengths)
    offsets = np.arange(len(starts)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    mask.reshape(-1)[starts + offsets] = value
