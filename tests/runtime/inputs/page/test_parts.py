"""Digits in parts, in frames and at the border of the picture."""

from pathlib import Path

import numpy as np
import pytest
from digit_runtime import Classifier, from_image, load, read_digits
from digit_runtime.contract import Labels, Pixels
from digit_runtime.inputs.page.parts import stacked
from digit_runtime.inputs.page.runs import blobs_of, runs_of
from PIL import Image, ImageChops, ImageDraw

Digits = tuple[Pixels, Labels]


@pytest.fixture(scope="module")
def classifier(artifacts: Path) -> Classifier:
    return load("cnn", engine="onnxruntime", threads=1, artifacts=artifacts)


def written(digit: Pixels, side: int = 168) -> Image.Image:
    """Return a digit on white paper, its edges sharp."""
    ink = Image.fromarray(digit.reshape(28, 28)).resize((side, side), Image.Resampling.BICUBIC)
    return ink.point(lambda value: 255 - min(255, max(0, 4 * value - 380)))


def right(pictures: list[Image.Image], labels: Labels, classifier: Classifier) -> int:
    found = [int(classifier.predict(from_image(picture))[0]) for picture in pictures]
    return int((np.array(found) == labels[: len(found)]).sum())


def boxes(*given: tuple[int, int, int, int]) -> list[int]:
    """Return the digit that each filled box is taken for a part of, by its number."""
    mask = np.zeros((200, 200), np.bool_)
    for left, top, right_, bottom in given:
        mask[top:bottom, left:right_] = True
    blobs = blobs_of(runs_of(mask))
    digit: list[int] = stacked(blobs, np.arange(len(blobs)))[0].tolist()
    return digit


def test_pieces_close_above_each_other_are_one_digit_and_lines_are_not() -> None:
    assert boxes((20, 20, 80, 60), (20, 68, 80, 110)) == [0, 0]
    assert boxes((20, 20, 80, 80), (20, 110, 80, 170)) == [0, 1]
    assert boxes((20, 20, 60, 100), (64, 20, 104, 100)) == [0, 1]


def test_a_digit_with_a_gap_across_it_is_read_whole(
    test_digits: Digits, classifier: Classifier
) -> None:
    pictures = []
    for digit in test_digits[0][:40]:
        picture = Image.new("L", (350, 350), 250)
        picture.paste(written(digit), (90, 90))
        ImageDraw.Draw(picture).rectangle((0, 174, 350, 180), 250)
        pictures.append(picture)
    assert right(pictures, test_digits[1], classifier) >= 36


@pytest.mark.parametrize("thick", [6, 9])
def test_a_thick_frame_within_a_border_is_left_out(
    thick: int, test_digits: Digits, classifier: Classifier
) -> None:
    pictures = []
    for digit in test_digits[0][:40]:
        picture = Image.new("L", (350, 350), 250)
        ImageDraw.Draw(picture).rectangle((14, 14, 336, 336), outline=20, width=thick)
        picture.paste(written(digit), (90, 90))
        pictures.append(picture)
    assert right(pictures, test_digits[1], classifier) >= 39
    texts = [read_digits(picture, classifier).text for picture in pictures[:10]]
    assert sum(text == str(label) for text, label in zip(texts, test_digits[1], strict=False)) >= 9


def test_dots_at_the_border_are_no_strokes(test_digits: Digits, classifier: Classifier) -> None:
    pictures = []
    for digit in test_digits[0][:40]:
        picture = Image.new("L", (350, 350), 250)
        picture.paste(written(digit), (90, 90))
        pictures.append(picture.point(lambda value: value * 0.85).convert("1"))
    assert right(pictures, test_digits[1], classifier) >= 38


def test_a_shadow_at_the_border_is_no_stroke(test_digits: Digits, classifier: Classifier) -> None:
    pictures = []
    for digit in test_digits[0][:40]:
        picture = Image.new("L", (350, 350), 250)
        picture.paste(written(digit), (90, 90))
        shade = Image.linear_gradient("L").resize((350, 350)).point(lambda v: 255 - (v > 170) * 128)
        pictures.append(ImageChops.multiply(picture, shade))
    assert right(pictures, test_digits[1], classifier) >= 38


def test_a_digit_that_runs_into_the_border_is_read(
    test_digits: Digits, classifier: Classifier
) -> None:
    pictures = []
    for number, digit in enumerate(test_digits[0][:40]):
        picture = written(digit)
        left, top, right_, bottom = picture.point(lambda value: 255 - value).getbbox() or (0,) * 4
        cut = [max(0, left - 12), max(0, top - 12), right_ + 12, bottom + 12]
        cut[number % 4] = [left + 6, top + 6, right_ - 6, bottom - 6][number % 4]
        pictures.append(picture.crop((cut[0], cut[1], cut[2], cut[3])))
    assert right(pictures, test_digits[1], classifier) >= 38
