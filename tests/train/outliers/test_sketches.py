from collections.abc import Callable

import numpy as np
import pytest
from digit_train.outliers.sketches import development, draw, frames, pen, scribbles

TRAINED = (*dict.fromkeys(frames.FAMILIES), *dict.fromkeys(scribbles.FAMILIES))
JUDGED = (*development.FRAMES, *development.SCRIBBLES)


def random() -> pen.Random:
    return np.random.default_rng(5)


@pytest.mark.parametrize("family", TRAINED + JUDGED, ids=lambda family: family.__name__)
def test_a_family_draws_the_same_from_a_seed_and_no_two_alike(family: pen.Family) -> None:
    one, other = (draw.drawn(random(), 12, [family], tilt=4) for _ in range(2))
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(one, other)
    assert len(np.unique(one, axis=0)) == 12
    assert (one.max(axis=1) > 60).all()


def test_no_family_is_both_trained_with_and_judged_by() -> None:
    assert not {family.__name__ for family in TRAINED} & {family.__name__ for family in JUDGED}


def test_a_set_is_half_frames_half_scribbles() -> None:
    both = draw.sketches(random(), 41)
    assert both.shape == (41, 784)
    np.testing.assert_array_equal(both[:20], draw.drawn(random(), 20, frames.FAMILIES, 4.0))


def test_what_a_training_is_judged_by_is_always_the_same() -> None:
    one, other = draw.for_development(20), draw.for_development(20)
    assert list(one) == ["frames", "scribbles"]
    for kind in one:
        np.testing.assert_array_equal(one[kind], other[kind])


def each(family: pen.Family) -> list[list[pen.Path]]:
    generator = random()
    return [family(generator) for _ in range(60)]


def test_no_window_is_an_8() -> None:
    for _, *lines in each(frames.window):
        assert any(np.ptp(line[:, 0]) == 0 for line in lines)


def test_no_cut_box_is_nearly_an_ellipse() -> None:
    # A corner has one point, a cut one two; the last point is the first again.
    assert {len(path) for (path,) in each(frames.cut_corners)} == {6, 7, 8}


def test_no_sides_are_a_7_or_an_11() -> None:
    def drawn(strokes: list[pen.Path]) -> frozenset[str]:
        edges = {(0.5, 0): "up", (1, 0.5): "right", (0.5, 1): "down", (0, 0.5): "left"}
        return frozenset(edges[tuple(stroke.mean(axis=0))] for stroke in strokes)

    found = {drawn(strokes) for strokes in each(frames.sides)}
    assert len(found) == 8
    assert not found & {frozenset({"up", "right"}), frozenset({"left", "right"})}


def test_no_junction_is_a_1_with_a_foot() -> None:
    for arms in each(frames.junction):
        middle = arms[0][0]
        assert any(arm[1][1] > middle[1] for arm in arms)


@pytest.mark.parametrize(
    ("family", "least"), [(scribbles.zigzag, 5), (scribbles.struck, 4), (scribbles.hatching, 5)]
)
def test_a_scribble_has_more_strokes_than_a_digit(
    family: Callable[[pen.Random], list[pen.Path]], least: int
) -> None:
    for paths in each(family):
        assert sum(len(path) - 1 for path in paths) >= least


def test_a_spiral_goes_round_more_than_once() -> None:
    for (path,) in each(scribbles.spiral):
        turned = np.unwrap(np.arctan2(path[1:, 1], path[1:, 0]))
        assert abs(turned[-1] - turned[0]) > 3 * np.pi


def test_sketches_stand_in_many_places_and_sizes() -> None:
    images = draw.sketches(random(), 200).reshape(-1, 28, 28)
    widths = np.array([np.ptp(np.flatnonzero(image.any(axis=0))) + 1 for image in images])
    assert widths.min() < 14
    assert widths.max() > 25
    # Many are in MNIST's form: 20 pixels along the longer side.
    heights = np.array([np.ptp(np.flatnonzero(image.any(axis=1))) + 1 for image in images])
    assert np.mean(np.maximum(widths, heights) == 20) > 0.25
