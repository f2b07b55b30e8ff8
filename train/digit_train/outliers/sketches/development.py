"""Frames and scribbles by which a training is judged: not trained with, nor the measured ones.

What cards report must not choose anything, and what was trained with tells nothing; so there
is a third set of families.
"""

from typing import Final

import numpy as np

from digit_train.outliers.sketches.pen import Family, Path, Random

_BOX: Final = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1], [0, 0]])


def door(random: Random) -> list[Path]:
    """Straight sides, a level threshold, an arch."""
    angle = np.linspace(np.pi, 2 * np.pi, 24)
    rise = random.uniform(0.15, 0.45)
    arch = np.stack([0.5 + 0.5 * np.cos(angle), rise + rise * np.sin(angle)], 1)
    return [np.concatenate([[[0, 1]], arch, [[1, 1], [0, 1]]])]


def bubble(random: Random) -> list[Path]:
    """What people in comics say: four bent corners and a tail."""
    bend = random.uniform(0.1, 0.25)
    quarter = np.linspace(0, np.pi / 2, 8)
    bow = np.stack([np.sin(quarter), 1 - np.cos(quarter)], 1) * bend
    corners = [
        np.array([1 - bend, 0]) + bow,
        np.array([1, 1 - bend]) + bow[:, ::-1] * [-1, 1],
        np.array([bend, 1]) - bow,
        np.array([0, bend]) + bow[:, ::-1] * [1, -1],
    ]
    tail = np.array([[0.45, 1], [random.uniform(0, 0.4), random.uniform(1.15, 1.4)], [0.3, 1]])
    path = np.concatenate([*corners[:2], tail, *corners[2:]])
    return [np.concatenate([path, path[:1]])]


def folder(random: Random) -> list[Path]:
    """A rectangle with a tab."""
    start, end = random.uniform(0, 0.3), random.uniform(0.5, 0.8)
    tab = random.uniform(-0.3, -0.12)
    return [_BOX, np.array([[start, 0], [start + 0.05, tab], [end - 0.05, tab], [end, 0]])]


def ticket(random: Random) -> list[Path]:
    """A rectangle whose corners are bent inwards."""
    bite, quarter = random.uniform(0.1, 0.3), np.linspace(0, np.pi / 2, 8)
    points = []
    for corner, start in zip(_BOX[:4], (np.pi / 2, np.pi, 3 * np.pi / 2, 0), strict=True):
        angle = start - quarter
        points.append(corner + bite * np.stack([np.cos(angle), np.sin(angle)], 1))
    path = np.concatenate(points)
    return [np.concatenate([path, path[:1]])]


def meander(random: Random) -> list[Path]:
    """Level and upright by turns, 9 to 24 times."""
    steps = np.zeros((random.integers(9, 25), 2))
    lengths = random.uniform(0.4, 2, len(steps)) * random.choice([-1, 1], len(steps))
    steps[np.arange(len(steps)), np.arange(len(steps)) % 2] = lengths
    return [steps.cumsum(axis=0)]


def drifting(random: Random) -> list[Path]:
    """Smooth noise in x and in y."""
    t = np.linspace(0, 1, 200)
    width = random.uniform(0.04, 0.09)
    kernel = np.exp(-(np.subtract.outer(t, np.linspace(-0.1, 1.1, 60)) ** 2) / (2 * width**2))
    drifted: Path = kernel @ random.normal(size=(60, 2))
    return [drifted]


def bows(random: Random) -> list[Path]:
    """Five to nine arcs of all sizes, about anywhere."""
    paths = []
    for _ in range(random.integers(5, 10)):
        start, length = random.uniform(0, 2 * np.pi), random.uniform(1.5, 4.5)
        angle = np.linspace(start, start + length, 24)
        ring = random.uniform(0.15, 0.7) * np.stack([np.cos(angle), np.sin(angle)], 1)
        paths.append(ring + random.uniform(-0.5, 0.5, 2))
    return paths


FRAMES: Final[tuple[Family, ...]] = (door, bubble, folder, ticket)
SCRIBBLES: Final[tuple[Family, ...]] = (meander, drifting, bows)
