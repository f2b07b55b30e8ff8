from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest
from digit_runtime import PixelsError, as_pixels
from digit_runtime.contract import Labels, Pixels
from mypy import api


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
        (np.zeros((2, 28, 28, 3), np.uint8), r"shape \[2, 28, 28, 3\]"),
        ("test.csv", r"'test\.csv', not an array; read a file with .*read_pixels first"),
        (np.full((2, 784), 0.5), "for values from 0 to 1, multiply by 255"),
        (np.full((2, 784), 7.5), r"for values from 0 to 255: numpy\.rint"),
        (np.uint8(3), r"shape \[\]"),
        (np.zeros((2, 784)), "multiply by 255"),
        (np.full((2, 784), 256), "256"),
        (np.full((2, 784), -1), "-1"),
        (np.full((2, 784), "a"), "dtype"),
    ],
)
def test_anything_else_is_refused(images: object, message: str) -> None:
    with pytest.raises(PixelsError, match=message):
        as_pixels(images)  # type: ignore[arg-type]


def test_channels_of_one_are_no_other_image() -> None:
    images = np.arange(3 * 784, dtype=np.uint16).reshape(3, 784) % 256
    for shape in [(3, 28, 28, 1), (3, 1, 28, 28)]:
        np.testing.assert_array_equal(as_pixels(images.reshape(shape)), images)
    assert as_pixels(images[0].reshape(28, 28, 1)).shape == (1, 784)


def test_a_dataframe_is_read_by_the_names_of_its_columns() -> None:
    images = np.arange(3 * 784).reshape(3, 784) % 256
    frame = pd.DataFrame(images, columns=[f"pixel{index}" for index in range(784)])
    frame.insert(0, "label", [1, 2, 3])
    np.testing.assert_array_equal(as_pixels(frame.sort_index(axis=1)), images)
    np.testing.assert_array_equal(as_pixels(pd.DataFrame(images)), images)
    with pytest.raises(PixelsError, match="column 786 is 'id'; leave it out"):
        as_pixels(frame.assign(id=0))


def test_an_arrow_table_is_read_as_a_dataframe_is() -> None:
    images = np.arange(3 * 784).reshape(3, 784) % 256
    frame = pd.DataFrame(images, columns=[f"pixel{index}" for index in range(784)])
    frame.insert(0, "label", [1, 2, 3])
    table = pyarrow.Table.from_pandas(frame.sort_index(axis=1))
    for arrow in (table, table.to_batches()[0]):
        np.testing.assert_array_equal(as_pixels(arrow), images)
    with pytest.raises(PixelsError, match="column 785 is 'id'; leave it out"):
        as_pixels(pyarrow.Table.from_pandas(frame.drop(columns="label").assign(id=0)))


def test_mypy_refuses_a_string(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import numpy as np\n"
        "from digit_runtime import load\n"
        "load('cnn').predict(np.zeros((2, 784), np.uint8))\n"
        "load('cnn').predict([[0] * 784])\n"
        "load('cnn').predict('t.csv')\n"
    )
    found = api.run([str(program), "--config-file=", "--follow-imports=silent"])[0]
    assert found.count("error:") == 1, found
    assert "program.py:5: error: " in found
