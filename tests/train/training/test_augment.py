from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from digit_runtime.contract import Labels, Pixels
from digit_train.training.augment import distort
from digit_train.training.recipe import Augmentation
from digit_train.training.recipes import RECIPES

SEED = tf.constant([1, 2])


def test_no_distortion_is_no_change(digits: tuple[Pixels, Labels]) -> None:
    same = distort(tf.constant(digits[0][:50]), SEED, Augmentation())
    np.testing.assert_array_equal(same, digits[0][:50])


def test_a_seed_gives_one_result_and_another_seed_another(digits: tuple[Pixels, Labels]) -> None:
    settings = RECIPES["edge", "cnn"].phases[-1].augmentation
    assert settings
    pixels = tf.constant(digits[0][:50])
    first, same = distort(pixels, SEED, settings), distort(pixels, SEED, settings)
    np.testing.assert_array_equal(first, same)
    other = distort(pixels, SEED + 1, settings)
    assert np.mean(np.asarray(first) != np.asarray(other)) > 0.05


@pytest.mark.parametrize("kind", ["rotation", "scale", "shear", "shift", "elastic_alpha"])
def test_each_kind_moves_ink_but_keeps_it(kind: str, digits: tuple[Pixels, Labels]) -> None:
    settings = RECIPES["edge", "mlp"].phases[-1].augmentation
    assert settings
    only = replace(Augmentation(), **{kind: getattr(settings, kind)})
    before = digits[0][:200].astype(float)
    after = np.asarray(distort(tf.constant(digits[0][:200]), SEED, only)).astype(float)
    assert np.abs(after - before).mean() > 3
    assert after.sum() == pytest.approx(before.sum(), rel=0.1)


def test_a_shift_moves_the_centre_of_mass_within_its_reach(
    digits: tuple[Pixels, Labels],
) -> None:
    def centre(pixels: np.ndarray) -> np.ndarray:
        images = pixels.reshape(-1, 28, 28).astype(float)
        centres: np.ndarray = (images.sum(axis=1) @ np.arange(28)) / images.sum(axis=(1, 2))
        return centres

    settings = Augmentation(shift=2)
    after = np.asarray(distort(tf.constant(digits[0][:500]), SEED, settings))
    moved = centre(after) - centre(digits[0][:500])
    assert np.abs(moved).max() < 2.1
    assert moved.std() == pytest.approx(2 / np.sqrt(3), rel=0.15)
    assert abs(moved.mean()) < 0.2
