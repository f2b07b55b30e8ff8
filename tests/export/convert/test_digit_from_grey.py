"""From a camera's picture to 28x28 in C: the same as digit_runtime.inputs.images.find_digit."""

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
from digit_runtime.inputs.images import centre, find_digit
from PIL import Image

COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
STRICT = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
BUFFER = 8200
Digits = tuple[Pixels, Labels]


@pytest.fixture(scope="module")
def from_grey(tmp_path_factory: pytest.TempPathFactory) -> Any:
    assert COMPILER
    folder = Path(str(files("digit_export.convert.c").joinpath("sources")))
    sources = [str(path) for path in sorted(folder.glob("*.c"))]
    library = tmp_path_factory.mktemp("grey") / "grey.so"
    command = [COMPILER, *STRICT, "-shared", "-fPIC", "-o", str(library), *sources]
    subprocess.run(command, check=True, capture_output=True)
    function = ctypes.CDLL(str(library)).digit_from_grey
    function.argtypes = [ctypes.c_void_p, *[ctypes.c_int32] * 3, ctypes.c_void_p, ctypes.c_void_p]

    def call(grey: np.ndarray, stride: int | None = None) -> np.ndarray | int:
        height, width = grey.shape
        rows = np.zeros((height, stride or width), np.uint8)
        rows[:, :width] = grey
        made, buffer = np.zeros(784, np.uint8), np.zeros(BUFFER, np.uint8)
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


def found_by_the_runtime(picture: np.ndarray) -> np.ndarray:
    return find_digit(Image.fromarray(picture)).pixels


def apart(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How many levels of grey the pixels of each picture differ by at most."""
    levels: np.ndarray = np.abs(found.astype(int) - expected).max(axis=1)
    return levels


def test_2000_pictures_come_out_as_in_python(
    from_grey: Any, test_digits: Digits, artifacts: Path
) -> None:
    dice = np.random.default_rng(7)
    pictures = [photographed(d.reshape(28, 28), dice) for d in test_digits[0][:1800]]
    pictures += [d.reshape(28, 28) for d in test_digits[0][1800:2000]]
    expected = np.stack([found_by_the_runtime(picture) for picture in pictures])
    found = np.stack([from_grey(picture) for picture in pictures])
    # Where the centre of mass lies between two pixels, the last bit decides.
    assert (apart(found, expected) <= 2).mean() >= 0.995
    classifier = load("mlp", artifacts=artifacts)
    assert (classifier.predict(found) == classifier.predict(expected)).mean() >= 0.999


def test_rows_may_be_apart(from_grey: Any, test_digits: Digits) -> None:
    picture = photographed(test_digits[0][3].reshape(28, 28), np.random.default_rng(0))
    np.testing.assert_array_equal(from_grey(picture), from_grey(picture, picture.shape[1] + 13))


def test_a_picture_without_ink_has_no_digit(from_grey: Any) -> None:
    blank = np.full((40, 50), 200, np.uint8)
    with pytest.raises(PixelsError, match="no ink"):
        centre(blank)
    assert from_grey(blank) == 1


def lit(digit: np.ndarray, light: str, dice: np.random.Generator) -> np.ndarray:
    """Ink on paper under a lamp, uint8 ``[160, 160]``, bright on dark for "board"."""
    side = int(dice.integers(60, 130))
    ink = Image.fromarray(digit).crop((2, 2, 26, 26)).resize((side, side), Image.Resampling.BICUBIC)
    cover = np.zeros((160, 160))
    top, left = dice.integers(4, 157 - side, 2)
    cover[top : top + side, left : left + side] = np.clip(np.asarray(ink) / 80 - 0.7, 0, 1)
    y, x = np.mgrid[-0.5:0.5:160j, -0.5:0.5:160j]
    angle = dice.uniform(0, 2 * np.pi)
    along = np.cos(angle) * x + np.sin(angle) * y
    if light == "corners":
        shade = 1 - dice.uniform(0.5, 1.2) * (x**2 + y**2)
    elif light == "shadow":
        soft = dice.uniform(0.01, 0.05)
        edge = (along - dice.uniform(-0.25, 0.25)) / soft
        shade = 1 - dice.uniform(0.25, 0.5) / (1 + np.exp(-np.clip(edge, -50, 50)))
    else:
        shade = 0.85 * (1 + dice.uniform(0.3, 0.9) * along)
    grey = dice.uniform(180, 230) * shade * (1 - cover * dice.uniform(0.5, 0.8))
    made: np.ndarray = np.clip(grey + dice.normal(0, 2, grey.shape), 0, 255).astype(np.uint8)
    return 255 - made if light == "board" else made


@pytest.mark.parametrize("light", ["lamp", "corners", "shadow", "board"])
def test_in_uneven_light_it_reads_what_the_runtime_reads(
    from_grey: Any, test_digits: Digits, artifacts: Path, light: str
) -> None:
    dice = np.random.default_rng(11)
    count = 200
    pictures = [lit(digit.reshape(28, 28), light, dice) for digit in test_digits[0][:count]]
    classifier = load("tiny", artifacts=artifacts)
    labels = test_digits[1][:count]
    found = np.stack([from_grey(picture) for picture in pictures])
    expected = np.stack([found_by_the_runtime(picture) for picture in pictures])
    assert np.median(apart(found, expected)) <= 2
    own = classifier.predict(found)
    assert (own == classifier.predict(expected)).mean() >= 0.99
    assert (own == labels).mean() >= 0.97
    # What it did before it knew of light: nearly all were read wrong.
    flat = classifier.predict(np.stack([centre(picture).reshape(784) for picture in pictures]))
    assert (flat == labels).mean() < 0.7


def test_a_digit_in_pieces_is_one(from_grey: Any, test_digits: Digits) -> None:
    whole = photographed(test_digits[0][0].reshape(28, 28), np.random.default_rng(3))
    assert whole.shape[0] > 100
    scratched, cell = whole.copy(), -(-max(whole.shape) // 32)
    middle = len(whole) // 2 // cell * cell + cell // 2
    scratched[middle - 1 : middle + 1] = np.median(whole)
    found, expected = from_grey(scratched), found_by_the_runtime(scratched)
    assert apart(found[None], expected[None])[0] <= 2
    assert np.abs(found.astype(int) - from_grey(whole)).mean() < 8


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1), (3, 7), (29, 28), (500, 40)])
def test_any_size_is_read_or_refused(from_grey: Any, size: tuple[int, int]) -> None:
    dice = np.random.default_rng(0)
    for picture in (
        dice.integers(0, 256, size, np.uint8),
        np.full(size, 7, np.uint8),
        np.broadcast_to(np.linspace(0, 255, size[1]).astype(np.uint8), size),
    ):
        found = from_grey(picture)
        assert isinstance(found, int) or found.max() == 255


def test_its_buffer_is_as_large_as_the_header_says(tmp_path: Path) -> None:
    assert COMPILER
    sources = files("digit_export.convert.c").joinpath("sources")
    text = (
        '#include "digit_from_grey.h"\ntypedef char fits[sizeof(digit_grey_buffer) <= {} ? 1 : -1];'
    )
    (tmp_path / "a.c").write_text(f"{text.format(BUFFER)}\n")
    subprocess.run([COMPILER, "-c", "a.c", "-I", str(sources)], cwd=tmp_path, check=True)
