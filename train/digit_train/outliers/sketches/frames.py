"""Families of frames, in a square from 0 to 1: boxes, grids, brackets, forms.

Kept out is what is a digit to somebody: ellipses (0), a box with one level line in it or two
boxes on top of each other (8), the upper right corner alone (7), an upright line, with a foot or
not (1), two of them (11). A digit inside a frame is neither trained as nothing nor as a digit:
what reads pages removes the frame. Kept out, too, is what models are measured by (see
`digit_train.outliers.held_out`): frames in frames, round corners, both diagonals, triangles.
"""

from typing import Final

import numpy as np

from digit_train.outliers.sketches import scribbles
from digit_train.outliers.sketches.pen import Family, Path, Random

_CORNERS: Final = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
# From which corner to which: up, right, down, left.
_SIDES: Final = ((0, 1), (1, 2), (2, 3), (3, 0))


def _line(*points: tuple[float, float]) -> Path:
    return np.array(points, dtype=np.float64)


def _closed(corners: Path) -> Path:
    return np.concatenate([corners, corners[:1]])


def box(random: Random) -> list[Path]:
    """A rectangle in one stroke, which may not quite meet its beginning."""
    path = _closed(_CORNERS)
    path[-1] += random.choice([0.0, 0.12]) * random.uniform(-1, 1, 2)
    return [path]


def four_strokes(random: Random) -> list[Path]:
    """A rectangle of four lines that cross at the corners, or do not reach them."""
    reach = random.choice([-0.16, 0.0, 0.16])
    strokes = []
    for start, end in _SIDES:
        along = _CORNERS[end] - _CORNERS[start]
        ends = reach * random.uniform(0.3, 1, 2)
        strokes.append(
            np.stack([_CORNERS[start] - ends[0] * along, _CORNERS[end] + ends[1] * along])
        )
    return strokes


def quadrilateral(random: Random) -> list[Path]:
    """Four corners that are not quite those of a rectangle: trapezoids, kites, rhombi."""
    corners = _CORNERS + random.uniform(-0.22, 0.22, (4, 2))
    if random.random() < 0.25:
        corners = np.array([[0.5, 0], [1, 0.5], [0.5, 1], [0, 0.5]])
        corners += random.uniform(-0.1, 0.1, (4, 2))
    return [_closed(corners)]


def cut_corners(random: Random) -> list[Path]:
    """A rectangle without one to three of its corners; without four it is nearly an ellipse."""
    cut = random.uniform(0.08, 0.25)
    chosen = np.isin(np.arange(4), random.permutation(4)[: random.integers(1, 4)])
    points: list[Path] = []
    for index, corner in enumerate(_CORNERS):
        before, after = _CORNERS[index - 1], _CORNERS[(index + 1) % 4]
        if chosen[index]:
            points += [corner + cut * (before - corner), corner + cut * (after - corner)]
        else:
            points += [corner]
    return [_closed(np.stack(points))]


def sides(random: Random) -> list[Path]:
    """Two or three sides of a rectangle."""
    # Not the upper right corner alone, and not left and right.
    some = [(0, 3), (2, 3), (1, 2), (0, 2), (0, 1, 2), (1, 2, 3), (2, 3, 0), (3, 0, 1)]
    chosen = some[random.integers(len(some))]
    return [_CORNERS[list(_SIDES[side])] for side in chosen]


def gap(random: Random) -> list[Path]:
    """A rectangle with a gap somewhere."""
    around = _closed(_CORNERS)
    start, length = random.uniform(0, 4), random.uniform(2.6, 3.8)
    corners = [k for k in range(12) if start < k < start + length]
    at = np.array([start, *corners, start + length]) % 4
    return [np.stack([np.interp(at, np.arange(5), axis) for axis in around.T], 1)]


def window(random: Random) -> list[Path]:
    """A rectangle with upright lines, or with a grid in it."""
    upright, level = int(random.integers(1, 4)), int(random.integers(0, 4))
    strokes = [_closed(_CORNERS)]
    strokes += [_line((x, 0), (x, 1)) for x in _places(random, upright)]
    strokes += [_line((0, y), (1, y)) for y in _places(random, level)]
    return strokes


def grid(random: Random) -> list[Path]:
    """Lines that cross, without a border."""
    upright, level = int(random.integers(1, 5)), int(random.integers(1, 5))
    strokes = [_line((x, 0), (x, 1)) for x in _places(random, upright)]
    return strokes + [_line((0, y), (1, y)) for y in _places(random, level)]


def row(random: Random) -> list[Path]:
    """The cells of a form: boxes beside each other, a comb, or boxes with space between."""
    count = int(random.integers(2, 6))
    edges = np.linspace(0, 1, count + 1)
    match random.integers(3):
        case 0:
            top = random.uniform(0.3, 0.9)
            ticks = [_line((x, top), (x, 1)) for x in edges]
            return [_line((0, 1), (1, 1)), *ticks]
        case 1:
            return [_closed(_CORNERS), *(_line((x, 0), (x, 1)) for x in edges[1:-1])]
        case _:
            wide = random.uniform(0.6, 0.9) / count
            return [_closed(_CORNERS * [wide, 1] + [x, 0]) for x in edges[:-1]]


def brackets(random: Random) -> list[Path]:
    """The four corners, without what is between them."""
    long = random.uniform(0.15, 0.38, 2)
    inward = 1 - 2 * _CORNERS
    return [
        np.stack([corner + np.array([long[0] * x, 0]), corner, corner + np.array([0, long[1] * y])])
        for corner, (x, y) in zip(_CORNERS, inward, strict=True)
    ]


def dashed(random: Random) -> list[Path]:
    """A rectangle of dashes or of dots."""
    count, share = int(random.integers(3, 7)), random.uniform(0.1, 0.7)
    strokes = []
    for start, end in _SIDES:
        along = _CORNERS[end] - _CORNERS[start]
        for step in np.arange(count) / count:
            first = _CORNERS[start] + step * along
            strokes.append(np.stack([first, first + share / count * along]))
    return strokes


def hatched(random: Random) -> list[Path]:
    """A rectangle full of slanted lines, one way."""
    strokes, back = [_closed(_CORNERS)], random.random() < 0.5
    for offset in np.linspace(-1, 1, random.integers(6, 12))[1:-1]:
        line = _line((max(0, offset), max(0, -offset)), (min(1, 1 + offset), min(1, 1 - offset)))
        strokes.append(line * [-1, 1] + [1, 0] if back else line)
    return strokes


def filled(random: Random) -> list[Path]:
    """A rectangle with something in it: a tick, a scribble, dots."""
    if random.random() < 0.3:
        inside = [_line((0.2, 0.5), (0.42, 0.8), (random.uniform(0.8, 1.2), 0.05))]
    else:
        family = scribbles.FAMILIES[random.integers(len(scribbles.FAMILIES))]
        inside = family(random)
    points = np.concatenate(inside)
    low, span = points.min(axis=0), np.maximum(np.ptp(points, axis=0), 1e-6)
    margin = random.uniform(0.15, 0.3)
    return [_closed(_CORNERS)] + [
        (stroke - low) / span * (1 - 2 * margin) + margin for stroke in inside
    ]


def house(random: Random) -> list[Path]:
    """Five sides: a house, an arrow, a shield, turned four ways."""
    corners = np.array([[0, 0.4], [0.5, 0], [1, 0.4], [1, 1], [0, 1]])
    corners[[0, 2], 1] = random.uniform(0.2, 0.6)
    for _ in range(random.integers(4)):
        corners = corners[:, ::-1] * [1, -1] + [0, 1]
    return [_closed(corners)]


def junction(random: Random) -> list[Path]:
    """Where the lines of a table meet: T, sideways, too, and crosses; upside down it is a 1."""
    x, y = random.uniform(0.3, 0.7, 2)
    arms = [_line((x, y), end) for end in ((x, 1), (1, y), (x, 0), (0, y))]
    left_out = random.integers(1, 5)
    return [arm for index, arm in enumerate(arms) if index != left_out]


def target(random: Random) -> list[Path]:
    """A ring with a cross in it that is no 0."""
    angle = np.linspace(0, 2 * np.pi, 40)
    ring = 0.5 + 0.5 * np.stack([np.cos(angle), np.sin(angle)], 1)
    low, high = random.choice([-0.15, 0.0]), random.choice([1.0, 1.15])
    return [ring, _line((low, 0.5), (high, 0.5)), _line((0.5, low), (0.5, high))]


def _places(random: Random, count: int) -> Path:
    even = (np.arange(count) + 1) / (count + 1)
    return even + random.uniform(-0.25, 0.25, count) / (count + 1)


FAMILIES: Final[tuple[Family, ...]] = (
    box,
    box,
    four_strokes,
    four_strokes,
    quadrilateral,
    quadrilateral,
    cut_corners,
    cut_corners,
    sides,
    gap,
    window,
    window,
    grid,
    row,
    brackets,
    dashed,
    hatched,
    filled,
    house,
    junction,
    target,
)
"""All of them; what comes twice is drawn twice as often."""
