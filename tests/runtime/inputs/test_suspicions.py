"""Wrong colours and exchanged axes are noticed, and real digits never suspected."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from digit_runtime import PixelsWarning, load, read_csv
from digit_runtime.commands.predict import predict
from digit_runtime.contract import Labels, Pixels
from digit_runtime.inputs.suspicions import Guard, transposed

Digits = tuple[Pixels, Labels]
Run = Callable[..., Result]
Write = Callable[..., Path]


def looked_at(pixels: Pixels, model: str, artifacts: Path) -> list[str]:
    classifier = load(model, engine="onnxruntime", artifacts=artifacts)
    guard = Guard("a.csv")
    guard.see_predicted(pixels, classifier.predict_proba(pixels), classifier.predict_proba)
    return guard.complaints()


@pytest.mark.parametrize("model", ["cnn", "mlp", "tiny"])
def test_real_digits_are_not_suspected(model: str, artifacts: Path, test_digits: Digits) -> None:
    pixels, labels = test_digits[0][:4000], test_digits[1][:4000]
    samples = [pixels[start : start + 64] for start in range(0, 640, 64)]
    samples += [pixels[labels == digit] for digit in range(10)]
    for sample in samples:
        assert looked_at(sample, model, artifacts) == []


def test_no_single_digit_looks_inverted(test_digits: Digits, digits: Digits) -> None:
    guard = Guard("all")
    guard.see(test_digits[0])
    guard.see(digits[0])
    assert guard.complaints() == []


def test_inverted_rows_are_counted(run: Run, test_digits: Digits, write_pixels: Write) -> None:
    mixed = test_digits[0][:20].copy()
    mixed[4:10] = 255 - mixed[4:10]
    write_pixels(Path("a.csv"), mixed)
    result = run(predict, "a.csv")
    assert result.exit_code == 0
    assert "warning: a.csv: 6 of 20 rows, the first in row 5, look inverted" in result.stderr
    assert "--invert" in result.stderr
    with pytest.warns(PixelsWarning, match="look inverted"):
        read_csv("a.csv")


@pytest.mark.parametrize(
    ("option", "wrong"), [("--invert", lambda pixels: 255 - pixels), ("--transpose", transposed)]
)
@pytest.mark.parametrize("model", ["cnn", "mlp", "tiny"])
def test_the_warnings_remedy_works(
    model: str,
    option: str,
    wrong: Callable[[Pixels], Pixels],
    run: Run,
    test_digits: Digits,
    write_pixels: Write,
) -> None:
    write_pixels(Path("right.csv"), test_digits[0][:100])
    write_pixels(Path("wrong.csv"), wrong(test_digits[0][:100]))
    choice = ("--model", model, "--engine", "onnxruntime")
    expected = run(predict, "right.csv", *choice, "-o", "-").stdout
    plain = run(predict, "wrong.csv", *choice, "-o", "-")
    assert plain.stdout != expected
    assert f"use {option}" in plain.stderr
    mended = run(predict, "wrong.csv", *choice, option, "-o", "-")
    assert mended.stdout == expected
    assert "warning" not in mended.stderr
    spoiled = run(predict, "right.csv", *choice, option, "-o", "-")
    assert f"leave out {option}" in spoiled.stderr


def test_zeros_and_ones_are_noticed(run: Run, test_digits: Digits, write_pixels: Write) -> None:
    write_pixels(Path("a.csv"), test_digits[0][:5] // 255)
    assert "nothing but 0 and 1" in run(predict, "a.csv").stderr


def test_pictures_need_no_invert(run: Run, test_digits: Digits) -> None:
    from PIL import Image

    Image.fromarray(test_digits[0][0].reshape(28, 28)).save("a.png")
    result = run(predict, "a.png", "--invert")
    assert result.exit_code == 2
    assert "--invert is not for images" in result.stderr
