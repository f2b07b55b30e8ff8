import numpy as np
import pytest
from digit_runtime import PixelsError, as_pixels
from digit_runtime.contract import Labels, Pixels


def test_every_accepted_shape_is_the_same_rows(test_digits: tuple[Pixels, Labels]) -> None:
    rows = test_digits[0][:3]
    for images in (rows, rows.reshape(3, 28, 28), rows.astype(int), rows.tolist()):
        np.testing.assert_array_equal(as_pixels(images), rows)
    for image in (rows[0], rows[0].reshape(28, 28)):
        np.testing.assert_array_equal(as_pixels(image), rows[:1])


def test_no_rows_are_rows_too() -> None:
    assert as_pixels(np.empty((0, 784), np.uint8)).shape == (0, 784)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 783), np.uint8), r"shape \[2, 783\]"),
        (np.zeros((2, 28, 28, 1), np.uint8), r"shape \[2, 28, 28, 1\]"),
        (np.uint8(3), r"shape \[\]"),
        (np.zeros((2, 784)), "multiply by 255"),
        (np.full((2, 784), 256), "256"),
        (np.full((2, 784), -1), "-1"),
        (np.full((2, 784), "a"), "dtype"),
    ],
)
def test_anything_else_is_refused(images: object, message: str) -> None:
    with pytest.raises(PixelsError, match=message):
        as_pixels(images)
