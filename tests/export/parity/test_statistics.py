import math

import numpy as np
import pytest
from digit_export.parity.statistics import (
    Reliability,
    change_interval,
    kl_divergence,
    mcnemar_exact,
)
from hypothesis import given
from hypothesis import strategies as st

counts = st.integers(0, 2000)


@pytest.mark.parametrize(
    ("lost", "gained", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (1, 0, 1.0),
        (6, 0, 2 / 64),
        (10, 2, 2 * (1 + 12 + 66) / 4096),
        (2, 10, 2 * (1 + 12 + 66) / 4096),
    ],
)
def test_mcnemar_is_the_two_sided_binomial(lost: int, gained: int, p: float) -> None:
    assert mcnemar_exact(lost, gained) == pytest.approx(p)


@given(counts, counts)
def test_mcnemar_is_a_probability_whatever_the_counts(lost: int, gained: int) -> None:
    assert 0 <= mcnemar_exact(lost, gained) <= 1
    assert mcnemar_exact(lost, gained) == mcnemar_exact(gained, lost)


def test_the_interval_of_a_change_covers_it_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    rows, down, up = 2000, 0.004, 0.002
    covered = 0
    for lost, gained, _ in random.multinomial(rows, [down, up, 1 - down - up], 4000).tolist():
        low, high = change_interval(lost, gained, rows)
        covered += low <= up - down <= high
    assert 0.94 < covered / 4000 < 0.975


def test_no_change_is_not_certainty() -> None:
    low, high = change_interval(0, 0, 1000)
    assert low < 0 < high
    assert change_interval(0, 0, 10)[1] > high


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_the_interval_holds_the_change(lost: int, gained: int, same: int) -> None:
    rows = lost + gained + same + 1
    low, high = change_interval(lost, gained, rows)
    # Two rows are added, which moves the middle by no more than this.
    assert low - 2 / rows <= (gained - lost) / rows <= high + 2 / rows


def test_kl_divergence_is_that_of_the_definition() -> None:
    first = np.array([[0.5, 0.5], [1.0, 0.0]], np.float32)
    second = np.array([[0.25, 0.75], [1.0, 0.0]], np.float32)
    expected = (0.5 * math.log(2) + 0.5 * math.log(0.5 / 0.75)) / 2
    assert kl_divergence(first, second) == pytest.approx(expected, rel=1e-5)
    assert kl_divergence(first, first) == 0
    assert math.isfinite(kl_divergence(second[::-1], second))


def answers(confidence: list[float]) -> np.ndarray:
    return np.array([[value, 1 - value] for value in confidence], np.float32)


def test_ece_is_how_far_confidence_and_accuracy_are_apart() -> None:
    found = Reliability.of(answers([0.9] * 10), np.array([0] * 8 + [1] * 2, np.uint8))
    assert found.error == pytest.approx(0.1)
    assert sum(found.rows) == 10
    assert sum(found.correct) == 8


def test_bins_do_not_make_up_for_one_another() -> None:
    sure, unsure = [0.95] * 4, [0.55] * 4
    labels = np.array([0, 0, 0, 1, 0, 0, 1, 1], np.uint8)
    found = Reliability.of(answers(sure + unsure), labels)
    assert found.error == pytest.approx((abs(0.75 - 0.95) + abs(0.5 - 0.55)) / 2)
