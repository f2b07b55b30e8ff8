from pathlib import Path

import numpy as np
import pytest
from digit_runtime.contract import Labels, Pixels
from digit_train.data.fonts import FONTS
from digit_train.outliers import glyphs, held_out, kinds, training_set
from digit_train.outliers.kinds import Random

Digits = tuple[Pixels, Labels]
DRAWN = [kinds.scribbles, kinds.frames, kinds.blots, kinds.noise, kinds.blanks, kinds.textures]
COMBINED = [kinds.side_by_side, kinds.overlaid, kinds.broken, kinds.pieces]


def random() -> Random:
    return np.random.default_rng(7)


@pytest.mark.parametrize("kind", DRAWN, ids=lambda kind: kind.__name__)
def test_a_seed_draws_the_same_and_no_two_pictures_alike(kind: object) -> None:
    one, other = (kind(random(), 40) for _ in range(2))  # type: ignore[operator]
    assert one.dtype == np.uint8
    assert one.shape == (40, 784)
    np.testing.assert_array_equal(one, other)
    assert len(np.unique(one, axis=0)) >= 30


@pytest.mark.parametrize("kind", COMBINED, ids=lambda kind: kind.__name__)
def test_digits_are_combined_from_the_rows_given(kind: object, digits: Digits) -> None:
    pixels, labels = digits[0][:500], digits[1][:500]
    made = kind(random(), 40, pixels, labels)  # type: ignore[operator]
    assert made.dtype == np.uint8
    assert made.shape == (40, 784)
    np.testing.assert_array_equal(made, kind(random(), 40, pixels, labels))  # type: ignore[operator]
    assert not {row.tobytes() for row in made} & {row.tobytes() for row in pixels}


def test_a_piece_is_a_third_to_half_of_a_digit(digits: Digits) -> None:
    made = kinds.pieces(random(), 200, digits[0][:300], digits[1][:300])
    assert 0.2 < made.sum() / digits[0][:200].sum() < 0.6


def test_the_set_has_all_kinds_and_ignores_the_held_out_fonts(
    digits: Digits, others_folder: Path
) -> None:
    fonts = others_folder / "fonts"
    shares = [*training_set.GLYPHS.values(), *training_set.DRAWN.values()]
    assert sum([*shares, *training_set.FROM_DIGITS.values()]) == pytest.approx(1)
    made = training_set.outliers(200, 3, digits[0][:300], digits[1][:300], fonts)
    assert made.shape == (200, 784)
    names = {font.name for font in FONTS if font.held_out}
    only_training = others_folder.parent / "training-fonts"
    only_training.mkdir(exist_ok=True)
    for file in fonts.iterdir():
        if file.stem not in names:
            (only_training / file.name).write_bytes(file.read_bytes())
    again = training_set.outliers(200, 3, digits[0][:300], digits[1][:300], only_training)
    np.testing.assert_array_equal(made, again)


def test_no_letter_to_train_with_is_somebodys_digit() -> None:
    assert not set(glyphs.CLEAR_LETTERS) & set(glyphs.LOOKALIKES)
    assert set(glyphs.LOOKALIKES) < set(glyphs.LETTERS)


def test_glyphs_come_font_by_font_in_mnists_form(others_folder: Path) -> None:
    pixels, labels = glyphs.digits(others_folder / "fonts", held_out=True)
    assert pixels.shape == (200, 784)
    assert labels[:12].tolist() == [*range(10), 0, 1]
    rows = np.flatnonzero(pixels[0].reshape(28, 28).any(axis=1))
    assert rows[-1] - rows[0] + 1 == 20


def test_strangers_are_the_same_each_time(digits: Digits, others_folder: Path) -> None:
    one, other = (held_out.strangers(others_folder, digits[0][:200]) for _ in range(2))
    assert list(one.kinds) == list(other.kinds)
    for name in one.kinds:
        np.testing.assert_array_equal(one.kinds[name], other.kinds[name])
        assert one.kinds[name].dtype == np.uint8
        assert one.kinds[name].shape[1] == 784
    assert "".join(one.letters) == glyphs.LETTERS
