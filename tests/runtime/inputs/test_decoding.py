"""What decoding holds is counted before, and pictures are made smaller band by band."""

import io

import numpy as np
import pytest
from digit_runtime.inputs.decoding import memory_of, reduced
from digit_runtime.inputs.pictures import open_pictures
from PIL import Image, TiffImagePlugin

ROWS, COLUMNS = np.indices((900, 700))
GREY = ((ROWS * 3 + COLUMNS) % 256).astype(np.uint8)


def in_mode(mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(GREY.astype(np.uint16) << 4)
    image = Image.fromarray(GREY).convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray((COLUMNS % 256).astype(np.uint8)))
    return image


def saved(image: Image.Image, form: str, **how: object) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, form, **how)
    return Image.open(stream)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_a_picture_made_smaller_in_bands_is_the_one_made_at_once(mode: str) -> None:
    image = in_mode(mode)
    written = {"1": "L", "P": "RGB"}.get(mode, mode)
    whole = image if written == mode else image.convert(written)
    small = reduced(image, 100_000)
    at_once = whole.resize(small.size, Image.Resampling.BOX)
    assert small.mode == written
    off = np.abs(np.asarray(small, np.float64) - np.asarray(at_once, np.float64))
    assert off.mean() < np.ptp(np.asarray(whole, np.float64)) / 100


def test_a_strip_that_is_unpacked_as_a_whole_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    strips = memory_of(saved(in_mode("CMYK"), "TIFF", compression="tiff_lzw"))
    monkeypatch.setattr(TiffImagePlugin, "STRIP_SIZE", 1 << 30)
    one = memory_of(saved(in_mode("CMYK"), "TIFF", compression="tiff_lzw"))
    assert GREY.size * 4 <= strips < GREY.size * 5
    assert one > GREY.size * 8


@pytest.mark.parametrize(
    ("mode", "subsampling", "each"), [("L", 0, 2), ("RGB", 0, 6), ("RGB", 2, 3), ("CMYK", 0, 8)]
)
def test_a_progressive_jpegs_coefficients_are_counted(
    mode: str, subsampling: int, each: int
) -> None:
    plain = saved(in_mode(mode), "JPEG", subsampling=subsampling)
    progressive = saved(in_mode(mode), "JPEG", subsampling=subsampling, progressive=True)
    for image in (plain, progressive):
        image.draft("RGB", (100, 100))
    assert memory_of(progressive) - memory_of(plain) == pytest.approx(GREY.size * each, rel=0.05)


def test_a_jpeg_whose_colours_come_one_by_one_counts_as_a_progressive_one() -> None:
    stream = io.BytesIO()
    in_mode("RGB").save(stream, "JPEG")
    scan = stream.getvalue().index(b"\xff\xda\x00\x0c\x03")
    data = bytearray(stream.getvalue())
    data[scan + 4] = 1
    one_by_one = Image.open(io.BytesIO(data))
    assert memory_of(one_by_one) > memory_of(Image.open(stream))


def test_a_photo_with_a_second_one_in_it_is_decoded_small() -> None:
    stream = io.BytesIO()
    large = Image.new("RGB", (9000, 8000), "white")
    large.save(stream, "MPO", save_all=True, append_images=[large.resize((90, 80))])
    assert Image.open(stream).format == "MPO"
    picture = next(open_pictures(stream.getvalue(), "a.jpg"))
    assert (picture.width, picture.height) == (9000, 8000)


def test_comments_in_a_plain_pnm_are_skipped() -> None:
    rows = "\n".join(f"{value} # {value} #" for value in GREY[:40, :30].reshape(-1).tolist())
    plain = f"P2\n# a comment\n30 40 # and one\n255\n{rows}\n".encode()
    binary = b"P5 30 40 255\n" + GREY[:40, :30].tobytes()
    read = [np.asarray(next(open_pictures(data, "a.pgm")).grey) for data in (plain, binary)]
    assert np.array_equal(read[0], read[1])
