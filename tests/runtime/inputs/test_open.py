"""digit-predict and read_pixels on what people have instead of Kaggle's CSV."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from digit_runtime import (
    InputNotFoundError,
    PixelsError,
    from_image,
    read_csv,
    read_digits,
    read_pixels,
)
from digit_runtime.commands.predict import predict
from digit_runtime.contract import Labels, Pixels
from PIL import Image

Digits = tuple[Pixels, Labels]
Run = Callable[..., Result]
ROWS = 70


@pytest.fixture
def pixels(test_digits: Digits) -> Pixels:
    return test_digits[0][:ROWS]


def predicted(path: Path) -> list[int]:
    return [int(line.split(",")[1]) for line in path.read_text().splitlines()[1:]]


@pytest.mark.parametrize("shape", [(ROWS, 784), (ROWS, 28, 28)])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_numpy_files_are_read(
    shape: tuple[int, ...], suffix: str, pixels: Pixels, tmp_path: Path
) -> None:
    path = tmp_path / f"digits.{suffix}"
    if suffix == "npy":
        np.save(path, pixels.reshape(shape))
    else:
        np.savez_compressed(path, x=pixels.reshape(shape), labels=np.zeros(ROWS))
    found, labels = read_pixels(path)
    np.testing.assert_array_equal(found, pixels)
    assert labels is None


def test_one_image_and_other_integers_are_read(pixels: Pixels, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", pixels[0].reshape(28, 28).astype(np.int64))
    np.testing.assert_array_equal(read_pixels(tmp_path / "one.npy")[0], pixels[:1])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 100), np.uint8), r"shape \[3, 100\]; expected \[N, 784\]"),
        (np.zeros((3, 784), np.float32), "dtype float32; expected uint8"),
        (np.full((3, 784), 300), "range from 300 to 300; expected 0 to 255"),
        (np.zeros((0, 784), np.uint8), "has no rows"),
        (np.array([{"a": 1}], dtype=object), "cannot be read as an array of numbers"),
    ],
)
def test_other_arrays_are_refused(array: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.npy"
    np.save(path, array, allow_pickle=True)  # type: ignore[arg-type]
    with pytest.raises(PixelsError, match=rf"bad\.npy: .*{message}"):
        read_pixels(path)


def test_an_archive_must_tell_which_array_it_means(pixels: Pixels, tmp_path: Path) -> None:
    path = tmp_path / "two.npz"
    np.savez(path, a=pixels, b=pixels)
    with pytest.raises(PixelsError, match="has the arrays a, b; call one of them pixels"):
        read_pixels(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(PixelsError, match=r"two\.npz: cannot be read as an archive"):
        read_pixels(path)


def test_content_counts_more_than_the_name(pixels: Pixels, tmp_path: Path) -> None:
    with (tmp_path / "digits.csv").open("wb") as stream:
        np.save(stream, pixels)
    np.testing.assert_array_equal(read_pixels(tmp_path / "digits.csv")[0], pixels)
    np.savez(tmp_path / "digits.npz", pixels)
    archive = (tmp_path / "digits.npz").rename(tmp_path / "digits.npy")
    np.testing.assert_array_equal(read_pixels(archive)[0], pixels)
    archive.write_bytes(b"PK\x05\x06" + bytes(18))
    with pytest.raises(PixelsError, match=r"digits\.npy: cannot be read as an array"):
        read_pixels(archive)


def test_all_inputs_get_the_same_digits(
    run: Run, pixels: Pixels, tmp_path: Path, write_pixels: Callable[..., Path]
) -> None:
    write_pixels(tmp_path / "a.csv", pixels)
    np.save(tmp_path / "a.npy", pixels)
    (tmp_path / "pictures").mkdir()
    for number, digit in enumerate(pixels):
        Image.fromarray(digit.reshape(28, 28)).save(tmp_path / f"pictures/{number}.png")
    results = {}
    for source in ("a.csv", "a.npy", "pictures"):
        result = run(predict, source, "-o", f"{source}.out")
        assert result.exit_code == 0, result.output
        results[source] = predicted(tmp_path / f"{source}.out")
    assert results["a.csv"] == results["a.npy"] == results["pictures"]
    lines = (tmp_path / "pictures.out").read_text().splitlines()
    assert lines[0] == "ImageId,Label,File"
    assert lines[11].startswith("11,") and lines[11].endswith(",10.png")
    assert (tmp_path / "a.npy.out").read_text().startswith("ImageId,Label\n")


def test_one_picture_is_answered_at_once(run: Run, test_digits: Digits, tmp_path: Path) -> None:
    Image.fromarray(255 - test_digits[0][0].reshape(28, 28)).save(tmp_path / "seven.png")
    result = run(predict, "seven.png")
    assert result.stdout.startswith(f"seven.png: {test_digits[1][0]}\n")
    document = json.loads(run(predict, "seven.png", "--json").stdout)
    assert document["digit"] == test_digits[1][0]


def test_a_folder_without_pictures_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = run(predict, "empty")
    assert result.exit_code == 1
    assert result.stderr == "Error: empty: has no image files directly in it (.png, .jpg, ...)\n"
    assert not (tmp_path / "submission.csv").exists()


@pytest.mark.parametrize("read", [read_pixels, read_csv, from_image, read_digits])
def test_an_empty_name_is_no_file(read: Callable[[str], object]) -> None:
    with pytest.raises(InputNotFoundError, match=r"^'': no such file$"):
        read("")
