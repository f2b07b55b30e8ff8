"""From an image of a digit to MNIST's form, as its authors describe it.

The ink is scaled to fit 20x20 pixels, its aspect ratio kept and its edges anti-aliased,
and put into a field of 28x28 with its centre of mass in the middle (LeCun, Cortes and
Burges, The MNIST database of handwritten digits). Only decoding needs Pillow.
"""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.contract import PIXELS, SIDE, Pixels
from digit_runtime.errors import PackageNotInstalledError, PixelsError, explained

if TYPE_CHECKING:
    from PIL import Image

Grey = NDArray[np.uint8]

# What Pillow may decode: it knows stranger formats, some of which run other programs.
FORMATS: Final = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
# HEIC is here to be refused by name instead of being taken for a CSV.
SUFFIXES: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".heic", ".heif"}
)
_LARGEST: Final = 50_000_000
_SIDE_DECODED: Final = 1024
_BOX: Final = 20
# Where MNIST's digits have their centre of mass, in pixel indices: all 70,000 within half
# a pixel, since they were moved by whole pixels.
_CENTRE: Final = 14
# Differences from the ground up to this are noise of the paper, the camera or JPEG.
_FAINT: Final = 25
# A digit ends where its ink is this share of the darkest: half-way down a blurred edge
# would cut thin ends off.
_EDGE: Final = 0.25


def from_image(image: "str | Path | bytes | Image.Image") -> Pixels:
    """Return the digit in an image file, its bytes or a Pillow image, as uint8 ``[784]``.

    Transparent parts are white paper, a camera's rotation is undone, and of an animation
    the first frame counts. See `centre` for the rest.

    Raises:
        PackageNotInstalledError: Pillow is missing.
        InputNotFoundError, InputReadError: No such file, or one that cannot be read.
        PixelsError: Not an image, too large a one, or one without ink.
    """
    name = str(image) if isinstance(image, str | Path) else "the image"
    grey = _decode(image, name)
    try:
        return centre(grey).reshape(PIXELS)
    except PixelsError as error:
        raise PixelsError(f"{name}: {error}") from error


def centre(grey: Grey) -> Grey:
    """Bring a grey image of one digit, uint8 ``[H, W]``, into MNIST's form, ``[28, 28]``.

    The ground is the grey of the outermost pixels (their median), and ink is what differs
    from it, darker or lighter, whichever differs more. An image of 28x28 pixels that has
    MNIST's form already is returned as it is, but light on dark: its ink fits 20x20
    without room to grow, with its centre of mass within a pixel of MNIST's.

    Raises:
        PixelsError: Another shape or dtype, or no ink: everything is nearly one grey.
    """
    if grey.ndim != 2 or grey.dtype != np.uint8 or not grey.size:
        raise PixelsError(f"expected uint8 [H, W], not {grey.dtype} {list(grey.shape)}")
    ink = _ink(grey)
    peak = int(ink.max())
    if peak <= _FAINT:
        raise PixelsError("has no ink: all its pixels have nearly the same grey")
    if _has_mnist_form(ink):
        return ink
    digit = ink[_box(ink > _EDGE * peak)].astype(np.float64)
    height, width = (max(1, round(_BOX * side / max(digit.shape))) for side in digit.shape)
    digit = _weights(digit.shape[0], height) @ digit @ _weights(digit.shape[1], width).T
    # Thin strokes would fade; MNIST's are white in the middle.
    digit *= 255 / digit.max()
    field = np.zeros((SIDE, SIDE), np.uint8)
    corner = np.rint(_CENTRE - _centre_of_mass(digit)).astype(int)
    y, x = np.clip(corner, 0, (SIDE - height, SIDE - width))
    field[y : y + height, x : x + width] = np.rint(digit)
    return field


def image_files(folder: Path) -> list[Path]:
    """Return the image files directly in `folder`, by name, ``2.png`` before ``10.png``.

    Raises:
        PixelsError: There are none.
        InputNotFoundError, InputReadError: The folder is missing or cannot be read.
    """
    with explained(str(folder), "a folder"):
        files = [
            path
            for path in folder.iterdir()
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        ]
    if not files:
        raise PixelsError(f"{folder}: has no image files directly in it (.png, .jpg, ...)")
    return sorted(files, key=_natural)


def image_batches(files: Sequence[Path], rows: int) -> Iterator[Pixels]:
    """Yield the digits of `files`, uint8 ``[n, 784]`` with n up to `rows`; see `from_image`."""
    for start in range(0, len(files), rows):
        yield np.stack([from_image(file) for file in files[start : start + rows]])


def _natural(path: Path) -> tuple[list[str | int], str]:
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if part.isdecimal() else part for part in parts], path.name


def _ink(grey: Grey) -> Grey:
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ground = int(np.median(border))
    if ground - int(grey.min()) > int(grey.max()) - ground:
        return np.uint8(ground) - np.minimum(grey, ground).astype(np.uint8)
    return np.maximum(grey, ground).astype(np.uint8) - np.uint8(ground)


def _has_mnist_form(ink: Grey) -> bool:
    if ink.shape != (SIDE, SIDE):
        return False
    longest = max(ink[_box(ink > _FAINT)].shape)
    off_centre = np.abs(_centre_of_mass(ink) - _CENTRE).max()
    return _BOX - 2 <= longest <= _BOX and bool(off_centre <= 1)


def _box(marked: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(marked.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _centre_of_mass(ink: NDArray[np.float64] | Grey) -> NDArray[np.float64]:
    total = ink.sum(dtype=np.float64)
    return np.array(
        [
            ink.sum(axis=1 - axis, dtype=np.float64) @ np.arange(length) / total
            for axis, length in enumerate(ink.shape)
        ]
    )


def _weights(old: int, new: int) -> NDArray[np.float64]:
    """Return ``[new, old]`` that resizes by a triangle filter, as Pillow's BILINEAR does."""
    scale = old / new
    middles = (np.arange(new) + 0.5) * scale - 0.5
    distance = np.abs(np.arange(old) - middles[:, None]) / max(scale, 1.0)
    weights = np.maximum(0, 1 - distance)
    normalised: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return normalised


def _decode(image: "str | Path | bytes | Image.Image", name: str) -> Grey:
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise PackageNotInstalledError(
            f'{name}: images need Pillow: pip install "digit-runtime[image]"'
        ) from error
    with explained(name, f"an image ({', '.join(FORMATS)})"):
        if isinstance(image, Image.Image):
            return _grey(image)
        source = io.BytesIO(image) if isinstance(image, bytes) else Path(image)
        with warnings.catch_warnings():
            # The limit below is lower.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(source, formats=FORMATS)
        with opened:
            if opened.width * opened.height > _LARGEST:
                raise PixelsError(
                    f"{name}: has {opened.width:,} x {opened.height:,} pixels, more than the "
                    f"{_LARGEST:,} that are decoded; make it smaller"
                )
            # A JPEG can be decoded smaller right away.
            opened.draft("L", (_SIDE_DECODED, _SIDE_DECODED))
            return _grey(ImageOps.exif_transpose(opened))


def _grey(image: "Image.Image") -> Grey:
    from PIL import Image

    if image.mode.startswith("I"):
        # 16 bits; convert() would cut everything above 255 off.
        deep: NDArray[np.integer] = np.clip(np.asarray(image), 0, 65535)
        return (deep >> 8).astype(np.uint8)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image)
    image = image.convert("L")
    # More than this adds memory and no detail to a digit of 20x20.
    image.thumbnail((_SIDE_DECODED, _SIDE_DECODED))
    return np.asarray(image)
