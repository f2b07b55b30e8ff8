from pathlib import Path

import numpy as np
import pytest
from digit_export.card import robustness
from digit_export.card.evaluate import Evaluation, evaluate
from digit_export.card.text import SHOWN
from digit_runtime import load
from digit_runtime.contract import Labels, Pixels
from digit_runtime.measuring.statistics import share_interval


def test_a_shift_moves_ink_and_fills_with_background(test_digits: tuple[Pixels, Labels]) -> None:
    image = test_digits[0][:1]
    moved = robustness.shift(image, 2, -3).reshape(28, 28)
    np.testing.assert_array_equal(moved[:25, 2:], image.reshape(28, 28)[3:, :26])
    assert not moved[25:].any()
    assert not moved[:, :2].any()
    np.testing.assert_array_equal(robustness.shift(image, 0, 0), image)


def test_a_full_turn_and_a_quarter_turn_are_exact(test_digits: tuple[Pixels, Labels]) -> None:
    rows = test_digits[0][:3]
    np.testing.assert_array_equal(robustness.rotate(rows, 360), rows)
    quarter = np.rot90(rows.reshape(-1, 28, 28), axes=(1, 2)).reshape(-1, 784)
    np.testing.assert_array_equal(robustness.rotate(rows, 90), quarter)


def test_noise_is_the_same_every_time_and_has_its_size() -> None:
    grey = np.full((50, 784), 128, np.uint8)
    noisy = robustness.add_noise(grey, 20)
    np.testing.assert_array_equal(noisy, robustness.add_noise(grey, 20))
    assert noisy.astype(float).std() == pytest.approx(20, rel=0.05)


def test_inverting_twice_changes_nothing(test_digits: tuple[Pixels, Labels]) -> None:
    rows = test_digits[0][:3]
    np.testing.assert_array_equal(robustness.invert(robustness.invert(rows)), rows)
    assert robustness.invert(rows).mean() > 128


def test_distortions_cost_accuracy_and_the_first_one_none(
    artifacts: Path, test_digits: tuple[Pixels, Labels]
) -> None:
    pixels, labels = test_digits[0][:1000], test_digits[1][:1000]
    classifier = load("mlp", artifacts=artifacts)
    found = evaluate(classifier, pixels, labels)
    plain = float(np.mean(classifier.predict(pixels) == labels))
    assert list(found.robustness) == list(robustness.DISTORTIONS)
    assert found.robustness["as it is"] == plain
    assert found.robustness["rotated by 20 degrees"] < plain
    assert found.robustness["inverted colours"] < 0.6
    figures = found.as_json()
    low, high = figures["confidence_interval_95"]
    assert low < plain < high
    assert figures["accuracy"] == plain


def test_the_hardest_rows_are_those_that_gave_the_label_least() -> None:
    labels = np.arange(40, dtype=np.uint8) % 10
    probabilities = np.full((40, 10), 0.01, np.float32)
    probabilities[np.arange(40), labels] = np.linspace(0.9, 0.1, 40)
    hardest = Evaluation(probabilities, labels, {}).hardest()
    np.testing.assert_array_equal(hardest, np.arange(39, 39 - SHOWN, -1))


@pytest.mark.parametrize(
    ("correct", "rows", "expected"),
    # Newcombe, Statistics in Medicine 17 (1998), table I.
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611))],
)
def test_the_interval_is_wilsons(correct: int, rows: int, expected: tuple[float, float]) -> None:
    assert share_interval(correct, rows) == pytest.approx(expected, abs=1e-4)
