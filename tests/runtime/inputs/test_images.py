"""Pictures of real digits must come back as the digits that they are."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from digit_runtime import (
    InputNotFoundError,
    PackageNotInstalledError,
    PixelsError,
    from_image,
    load,
)
from digit_runtime.contract import Labels, Pixels
from digit_runtime.inputs.images import centre
from digit_runtime.inputs.sniff import image_files
from PIL import Image, ImageOps

Digits = tuple[Pixels, Labels]
ROWS = 400


def picture(digit: Pixels, side: int = 280, shift: tuple[int, int] = (0, 0)) -> Image.Image:
    """White on black, enlarged, somewhere in a larger field."""
    large = Image.fromarray(digit.reshape(28, 28)).resize((side, side), Image.Resampling.BICUBIC)
    field = Image.new("L", (side + 100, side + 60))
    field.paste(large, (50 + shift[0], 30 + shift[1]))
    return field


@pytest.fixture(scope="module")
def classifier(artifacts: Path) -> Callable[[Pixels], Labels]:
    return load("cnn", engine="onnxruntime", artifacts=artifacts).predict


@pytest.mark.parametrize("paper", ["black", "white"])
def test_enlarged_and_shifted_digits_are_read_as_before(
    paper: str, classifier: Callable[[Pixels], Labels], test_digits: Digits
) -> None:
    pixels, labels = test_digits[0][:ROWS], test_digits[1][:ROWS]
    shifts = np.random.default_rng(0).integers(-25, 26, (ROWS, 2))
    pictures = [picture(digit, shift=tuple(by)) for digit, by in zip(pixels, shifts, strict=True)]
    if paper == "white":
        pictures = [ImageOps.invert(drawn) for drawn in pictures]
    found = classifier(np.stack([from_image(drawn) for drawn in pictures]))
    before = int((classifier(pixels) != labels).sum())
    # One more error is a quarter of a point on these rows.
    assert (found != labels).sum() <= before + 1


def test_a_digit_in_mnists_form_is_left_alone(test_digits: Digits) -> None:
    same = [
        np.array_equal(centre(digit.reshape(28, 28)).reshape(784), digit)
        for digit in test_digits[0][:200]
    ]
    assert np.mean(same) > 0.95


def test_the_digit_is_fitted_and_centred(test_digits: Digits) -> None:
    for digit in test_digits[0][:50]:
        field = centre(np.asarray(picture(digit, side=140, shift=(20, -20))))
        rows, columns = np.nonzero(field > 25)
        assert 18 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
        mass = field / field.sum()
        middle = [(mass.sum(axis=1 - axis) * np.arange(28)).sum() for axis in (0, 1)]
        np.testing.assert_allclose(middle, 14, atol=0.75)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF"])
def test_every_format_and_source_gives_the_digit(
    form: str, classifier: Callable[[Pixels], Labels], test_digits: Digits, tmp_path: Path
) -> None:
    drawn = picture(test_digits[0][0])
    path = tmp_path / f"digit.{form.lower()}"
    drawn.save(path, form)
    for source in (path, str(path), path.read_bytes()):
        assert classifier(from_image(source)) == test_digits[1][:1]


def test_transparent_paper_is_white(
    classifier: Callable[[Pixels], Labels], test_digits: Digits
) -> None:
    drawn = Image.new("RGBA", (380, 340), (0, 0, 0, 0))
    drawn.putalpha(picture(test_digits[0][0]))
    assert classifier(from_image(drawn)) == test_digits[1][:1]


def test_a_cameras_rotation_is_undone(
    classifier: Callable[[Pixels], Labels], test_digits: Digits
) -> None:
    turned = picture(test_digits[0][0]).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # "The camera was held upright: turn by 90 degrees clockwise."
    stream = io.BytesIO()
    turned.save(stream, "JPEG", exif=exif)
    assert classifier(from_image(stream.getvalue())) == test_digits[1][:1]


def test_sixteen_bits_a_pixel_are_scaled(test_digits: Digits) -> None:
    eight = picture(test_digits[0][0])
    sixteen = Image.fromarray(np.asarray(eight).astype(np.uint16) * 257)
    np.testing.assert_array_equal(from_image(sixteen), from_image(eight))


@pytest.mark.parametrize("grey", [0, 128, 255])
def test_a_blank_page_has_no_ink(grey: int) -> None:
    with pytest.raises(PixelsError, match="no ink"):
        from_image(Image.new("L", (50, 50), grey))


def test_what_is_no_image_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with pytest.raises(InputNotFoundError, match=r"a\.png: no such file"):
        from_image(path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n broken")
    with pytest.raises(PixelsError, match=r"a\.png: cannot be read as an image"):
        from_image(path)


def test_a_huge_image_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    Image.new("1", (120_000, 10)).save(path)
    with pytest.raises(PixelsError, match=r"huge\.png: .*120,000 x 10 pixels.*make it smaller"):
        from_image(path)


def test_without_pillow_the_pip_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(PackageNotInstalledError, match=r'pip install "digit-runtime\[image\]"'):
        from_image(b"")


def test_files_of_a_folder_are_in_natural_order(tmp_path: Path) -> None:
    for name in ("10.png", "2.PNG", "1.jpg", "notes.txt", ".hidden.png"):
        (tmp_path / name).touch()
    assert [path.name for path in image_files(tmp_path)] == ["1.jpg", "2.PNG", "10.png"]
