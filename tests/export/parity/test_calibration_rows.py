from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_export.parity.calibration_rows import draw
from digit_export.parity.rows import Data
from digit_runtime.errors import PixelsError


def test_as_many_of_each_digit(digits: tuple[Any, Any]) -> None:
    drawn = draw(*digits, rows=500, seed=[0, 0])
    assert np.bincount(drawn.labels).tolist() == [50] * 10
    assert drawn.pixels.shape == (500, 784)
    assert drawn.pixels.dtype == np.uint8


def test_rows_are_real_ones_with_their_own_label_and_never_twice(digits: tuple[Any, Any]) -> None:
    pixels, labels = digits[0][:3000], digits[1][:3000]
    drawn = draw(pixels, labels, rows=500, seed=[0, 0])
    known = {row.tobytes(): label for row, label in zip(pixels, labels, strict=True)}
    assert [known[row.tobytes()] for row in drawn.pixels] == drawn.labels.tolist()
    assert len({row.tobytes() for row in drawn.pixels}) == 500


def test_the_seed_decides(digits: tuple[Any, Any]) -> None:
    first, again, other = (draw(*digits, rows=500, seed=[seed, 0]) for seed in (0, 0, 1))
    assert first.sha256 == again.sha256 != other.sha256


def test_too_few_of_a_digit_are_an_error(digits: tuple[Any, Any]) -> None:
    pixels, labels = digits[0][:3000], digits[1][:3000]
    few = labels != 7
    said = r"^my\.csv: 0 rows that are not held out show the digit 7, and 50 of each .* --data$"
    with pytest.raises(PixelsError, match=said):
        draw(pixels[few], labels[few], rows=500, seed=[0, 0], file="my.csv")


def test_rows_that_are_checked_are_not_drawn_from(data: Path) -> None:
    rows, checked = Data(data / "train.csv", None).split(4000)
    drawn_from = {row.tobytes() for row in rows.pixels}
    assert set(checked) == {"validation"}
    assert not drawn_from & {row.tobytes() for row in checked["validation"].pixels}


def test_a_model_that_does_not_say_held_out_the_last_fifth(data: Path) -> None:
    rows, checked = Data(data / "train.csv", None).split(None)
    assert len(checked["validation"].labels) == 2400
    assert len(rows.labels) == 9600
    whole, _ = Data(data / "train.csv", None).rows()
    np.testing.assert_array_equal(checked["validation"].pixels, whole.pixels[-2400:])
