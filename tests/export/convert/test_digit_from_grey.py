"""From a camera's picture to 28x28 in C: the same as digit_runtime.inputs.images.centre."""

import ctypes
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_runtime import load
from digit_runtime.contract import Labels, Pixels
from digit_runtime.errors import PixelsError
from digit_runtime.inputs.images import centre
from PIL import Image

COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
STRICT = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
Digits = tuple[Pixels, Labels]


@pytest.fixture(scope="module")
def from_grey(tmp_path_factory: pytest.TempPathFactory) -> Any:
    assert COMPILER
    source = Path(str(files("digit_export.convert.c").joinpath("sources/digit_from_grey.c")))
    library = tmp_path_factory.mktemp("grey") / "grey.so"
    command = [COMPILER, *STRICT, "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    function = ctypes.CDLL(str(library)).digit_from_grey
    function.argtypes = [ctypes.c_void_p, *[ctypes.c_int32] * 3, ctypes.c_void_p, ctypes.c_void_p]

    def call(grey: np.ndarray, stride: int | None = None) -> np.ndarray | int:
        height, width = grey.shape
        rows = np.zeros((height, stride or width), np.uint8)
        rows[:, :width] = grey
        made, buffer = np.zeros(784, np.uint8), np.zeros(1024, np.float32)
        status = function(
            rows.ctypes.data, width, height, rows.shape[1], made.ctypes.data, buffer.ctypes.data
        )
        return int(status) or made

    return call


def photographed(digit: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """Ink on paper or chalk on a board, of any size and place, with a camera's noise."""
    height = int(dice.integers(16, 160))
    width = int(height * dice.uniform(0.6, 1.5)) + 1
    ink = np.asarray(Image.fromarray(digit).resize((width, height), Image.Resampling.BILINEAR))
    above, below, left, right = dice.integers(0, 40, 4)
    paper = np.full((above + height + below, left + width + right), dice.uniform(150, 255))
    paper += dice.normal(0, dice.uniform(0, 3), paper.shape)
    paper[above : above + height, left : left + width] -= ink / 255.0 * dice.uniform(80, 140)
    grey = np.clip(paper, 0, 255).astype(np.uint8)
    return 255 - grey if dice.random() < 0.4 else grey


def test_2000_pictures_come_out_as_in_python(
    from_grey: Any, test_digits: Digits, artifacts: Path
) -> None:
    dice = np.random.default_rng(7)
    pictures = [photographed(d.reshape(28, 28), dice) for d in test_digits[0][:1800]]
    pictures += [d.reshape(28, 28) for d in test_digits[0][1800:2000]]
    expected = np.stack([centre(picture).reshape(784) for picture in pictures])
    found = np.stack([from_grey(picture) for picture in pictures])
    assert np.abs(found.astype(int) - expected).max() <= 2
    classifier = load("mlp", artifacts=artifacts)
    np.testing.assert_array_equal(classifier.predict(found), classifier.predict(expected))


def test_rows_may_be_apart(from_grey: Any, test_digits: Digits) -> None:
    picture = photographed(test_digits[0][3].reshape(28, 28), np.random.default_rng(0))
    np.testing.assert_array_equal(from_grey(picture), from_grey(picture, picture.shape[1] + 13))


def test_a_picture_without_ink_has_no_digit(from_grey: Any) -> None:
    blank = np.full((40, 50), 200, np.uint8)
    with pytest.raises(PixelsError, match="no ink"):
        centre(blank)
    assert from_grey(blank) == 1
