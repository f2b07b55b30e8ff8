"""Families of scribbles, in any unit: walks, curls, zigzags, hatching, knots, dots.

A single short stroke is a digit to somebody, and so is a loop; so each of these has many turns,
or many strokes. Kept out is what models are measured by (see
`digit_train.outliers.held_out`): sine waves in both directions, and strokes through one middle.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from digit_train.outliers.sketches.pen import Family, Path, Random


def walk(random: Random) -> list[Path]:
    """A pen that turns left and right as it pleases, for a long way."""
    return [_walked(random, int(random.integers(200, 450)), random.uniform(0.15, 0.4), 0)]


def curls(random: Random) -> list[Path]:
    """A pen that always turns the same way, now more, now less, and goes on; else it were a 0."""
    steps, bias = int(random.integers(90, 220)), random.uniform(0.15, 0.35)
    path = _walked(random, steps, random.uniform(0.05, 0.15), bias)
    angle, pace = random.uniform(0, 2 * np.pi), random.uniform(0.1, 0.3)
    return [path + pace * np.arange(steps)[:, None] * [np.cos(angle), np.sin(angle)]]


def strokes(random: Random) -> list[Path]:
    """Three to seven short strokes, none of which belongs to another."""
    paths = [
        _walked(random, int(random.integers(15, 50)), random.uniform(0.02, 0.25), 0)
        for _ in range(random.integers(3, 8))
    ]
    return [path - path.mean(axis=0) + random.uniform(-14, 14, 2) for path in paths]


def polygon(random: Random) -> list[Path]:
    """Straight from point to point, 7 to 16 times."""
    return [random.uniform(0, 1, (random.integers(7, 17), 2))]


def bezier(random: Random) -> list[Path]:
    """Four to nine cubic curves, one after another, smooth or with corners between them."""
    count, smooth = int(random.integers(4, 10)), random.random() < 0.6
    ends = random.uniform(0, 1, (count + 1, 2))
    handles = random.normal(0, random.uniform(0.2, 0.7), (count + 1, 2))
    back = -handles if smooth else random.normal(0, 0.5, (count + 1, 2))
    t = np.linspace(0, 1, 24)[:, None]
    parts = [
        (1 - t) ** 3 * ends[k]
        + 3 * (1 - t) ** 2 * t * (ends[k] + handles[k])
        + 3 * (1 - t) * t**2 * (ends[k + 1] + back[k + 1])
        + t**3 * ends[k + 1]
        for k in range(count)
    ]
    return [np.concatenate(parts)]


def zigzag(random: Random) -> list[Path]:
    """To and fro with sharp turns: even, uneven, growing, in a direction of its own."""
    count = int(random.integers(6, 20))
    along = np.cumsum(random.uniform(0.3, 1, count)) / count
    height = random.uniform(0.4, 1, count) if random.random() < 0.5 else np.ones(count)
    if random.random() < 0.3:
        height = height * np.linspace(random.uniform(0.1, 0.5), 1, count)
    across = height * (-1.0) ** np.arange(count) * random.uniform(0.2, 0.6)
    return [_turned(random, np.stack([along, across], 1))]


def hatching(random: Random) -> list[Path]:
    """Lines beside each other, in one direction or in two."""
    paths = []
    for slant in random.uniform(0, np.pi, random.integers(1, 3)):
        count = int(random.integers(5, 11))
        turn = np.array([[np.cos(slant), np.sin(slant)], [-np.sin(slant), np.cos(slant)]])
        for offset in np.linspace(-1, 1, count):
            ends = random.uniform(0.6, 1, 2) * [-1, 1]
            line = np.stack([ends, offset + random.normal(0, 0.05, 2)], 1)
            paths.append(line @ turn)
    return paths


def scratch(random: Random) -> list[Path]:
    """To and fro until an area is full: round, square or a wedge."""
    count = int(random.integers(12, 34))
    along = np.linspace(-1, 1, count) + random.normal(0, 0.04, count)
    profiles: list[NDArray[np.float64]] = [
        np.sqrt(np.clip(1 - along**2, 0.05, 1)),
        np.ones(count),
        0.55 + 0.45 * along,
    ]
    reach = profiles[random.integers(3)] * random.uniform(0.7, 1, count)
    return [_turned(random, np.stack([along, reach * (-1.0) ** np.arange(count)], 1))]


def spiral(random: Random) -> list[Path]:
    """Two to five turns, round or with corners."""
    turns = random.uniform(2.2, 5)
    steps = 40 if random.random() < 0.6 else int(random.integers(3, 7))
    angle = np.linspace(0, turns, int(turns * steps)) * 2 * np.pi + random.uniform(0, 2 * np.pi)
    radius = np.linspace(random.uniform(0, 0.3), 1, len(angle)) ** random.uniform(0.6, 1.2)
    turn = random.choice([-1, 1])
    return [np.stack([radius * np.cos(turn * angle), radius * np.sin(turn * angle)], 1)]


def struck(random: Random) -> list[Path]:
    """Four to nine long strokes across each other, through no common point."""
    paths = []
    for angle in random.uniform(0, np.pi, random.integers(4, 10)):
        along = np.array([np.cos(angle), np.sin(angle)])
        middle = random.uniform(-0.5, 0.5, 2)
        bow = random.normal(0, 0.12) * np.array([-along[1], along[0]])
        ends = random.uniform(0.5, 1, 2)
        paths.append(np.stack([middle - ends[0] * along, middle + bow, middle + ends[1] * along]))
    return paths


def knot(random: Random) -> list[Path]:
    """Round and round an uneven ring, never the same way."""
    count = int(random.integers(9, 26))
    angle = np.cumsum(random.uniform(0.6, 2.9, count)) * random.choice([-1, 1])
    radius = random.uniform(0.3, 1, count)
    corners = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    return [_rounded(corners, int(random.integers(1, 9)))]


def dots(random: Random) -> list[Path]:
    """Dots and dashes."""
    count, long = int(random.integers(5, 30)), random.uniform(0, 0.2)
    starts = random.uniform(0, 1, (count, 2))
    return [np.stack([start, start + random.normal(0, long + 1e-3, 2)]) for start in starts]


def _walked(random: Random, steps: int, jerk: float, bias: float) -> Path:
    """Return a path of unit steps whose curvature drifts about `bias` radians a step."""
    curvature, bent = bias, np.empty(steps)
    for index, push in enumerate(random.normal(0, jerk, steps)):
        curvature += 0.12 * (bias - curvature) + 0.35 * push
        bent[index] = curvature
    heading = random.uniform(0, 2 * np.pi) + bent.cumsum()
    return np.stack([np.cos(heading), np.sin(heading)], 1).cumsum(axis=0)


def _rounded(corners: Path, width: int) -> Path:
    """Return a polyline with its corners rounded off by a moving average."""
    at = np.arange(0, len(corners) - 1 + 1e-9, 1 / 8)
    path = np.stack([np.interp(at, np.arange(len(corners)), axis) for axis in corners.T], 1)
    kernel = np.hanning(width + 2)[1:-1] / np.hanning(width + 2).sum()
    return np.stack([np.convolve(axis, kernel, "valid") for axis in path.T], 1)


def _turned(random: Random, path: Path) -> Path:
    angle = random.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned: Path = path @ turn
    return turned


FAMILIES: Final[tuple[Family, ...]] = (
    walk,
    walk,
    curls,
    strokes,
    polygon,
    bezier,
    bezier,
    zigzag,
    hatching,
    scratch,
    spiral,
    struck,
    knot,
    knot,
    dots,
)
"""All of them; what comes twice is drawn twice as often."""
