"""Decode pictures of any kind to grey ones of a size that a page needs, within bounded memory.

Only what a reader will allocate counts: a JPEG of 108 megapixels is decoded small right away,
a PNG of 36 kB may ask for gigabytes.
"""

import io
import logging
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from digit_runtime.errors import PackageNotInstalledError, PixelsError, explained
from digit_runtime.inputs.decoding import memory_of, reduced, without_comments
from digit_runtime.inputs.sniff import check_named
from digit_runtime.inputs.streams import read_once
from digit_runtime.inputs.tones import grey_of

if TYPE_CHECKING:
    from PIL import Image

# What Pillow may decode: it knows stranger formats, some of which run other programs.
FORMATS: Final = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
PDF: Final = b"%PDF-"
# What a page of digits needs: A4 at 160 dpi.
_PIXELS: Final = 2_200_000
# Smaller ones are enlarged: the finder counts in pixels.
_LEAST_SIDE: Final = 160
_MOST_BYTES: Final = 256 * 1024**2
_MOST_SIDE: Final = 100_000
_MOST_PAGES: Final = 1000
# PNM whose pixels are written in letters.
_PLAIN: Final = (b"P1", b"P2", b"P3")

# What Pillow logs of a damaged file is in the error that it raises.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@dataclass(frozen=True)
class Picture:
    """One page, decoded.

    Attributes:
        grey: Mode L, upright.
        scale: How many pixels of the file one of `grey` is, along a side.
        page: From 1.
        width, height: In the file, upright.
        name: For messages.
    """

    grey: "Image.Image"
    scale: float
    page: int
    width: int
    height: int
    name: str


def open_pictures(
    source: "str | Path | bytes | Image.Image",
    name: str,
    first_only: bool = False,
    enlarge: bool = True,
) -> Iterator[Picture]:
    """Yield the pages of a picture: all of a TIFF or PDF, the first of others.

    Transparent parts are paper, and a camera's rotation is undone.

    Raises:
        PackageNotInstalledError: Pillow is missing, or pypdfium2 for a PDF.
        InputNotFoundError, InputReadError: No such file, or one that cannot be read.
        PixelsError: Not a picture, or one that takes too much memory to decode.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise PackageNotInstalledError(
            f'{name}: images need Pillow: pip install "digit-runtime[image]"'
        ) from error
    if isinstance(source, Image.Image):
        with explained(name, "an image"):
            picture = _decoded(source, 1, name, enlarge)
        yield picture
        return
    check_named(source)
    if not isinstance(source, bytes):
        source = read_once(Path(source), name)
    with explained(name, "a file"):
        head = source[: len(PDF)] if isinstance(source, bytes) else _head(source)
        if head[:2] in _PLAIN:
            text = source if isinstance(source, bytes) else source.read_bytes()
            source = without_comments(text)
    if head == PDF:
        from digit_runtime.inputs.pdf import pdf_pages

        for page, image in pdf_pages(source, name, _PIXELS):
            yield Picture(image, 1.0, page, image.width, image.height, name)
            if first_only:
                return
        return
    with explained(name, f"an image ({', '.join(FORMATS)})"), warnings.catch_warnings():
        # The limit here is lower, and damaged metadata is no reason to say anything.
        warnings.simplefilter("ignore")
        if not head:
            raise PixelsError(f"{name}: is empty")
        try:
            opened = Image.open(
                io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS
            )
        except UnidentifiedImageError as error:
            # Pillow's own words are the file's name, or where some bytes lie in memory.
            raise PixelsError(
                f"{name}: cannot be read as an image ({', '.join(FORMATS)}): it is none, or damaged"
            ) from error
    with opened:
        # The frames of an animation are not pages.
        for page in range(_MOST_PAGES if opened.format == "TIFF" and not first_only else 1):
            with explained(name, f"an image ({', '.join(FORMATS)})"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if not has_page(opened, page):
                    return
                picture = _decoded(opened, page + 1, name, enlarge)
            yield picture


def has_page(opened: "Image.Image", page: int) -> bool:
    """Go to a page, from 0, or tell that there is none; no other page is looked at."""
    try:
        if page:
            opened.seek(page)
    except EOFError:
        return False
    return True


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(len(PDF))


def _decoded(image: "Image.Image", page: int, name: str, enlarge: bool) -> Picture:
    from PIL import Image, ImageOps

    width, height = image.size
    if not width or not height:
        raise PixelsError(f"{name}: has no pixels")
    shrink = math.sqrt(width * height / _PIXELS)
    if shrink > 1 and image.format in ("JPEG", "MPO"):
        # A JPEG can be decoded smaller right away.
        image.draft("RGB", (round(width / shrink), round(height / shrink)))
    if memory_of(image) > _MOST_BYTES or max(image.size) > _MOST_SIDE:
        raise PixelsError(
            f"{name}: has {width:,} x {height:,} pixels, which take more memory than the "
            f"{_MOST_BYTES // 1024**2} MB that are used; make it smaller"
        )
    grey = grey_of(reduced(image, _PIXELS))
    if enlarge and max(grey.size) < _LEAST_SIDE and grey.size != (28, 28):
        larger = _LEAST_SIDE / max(grey.size)
        size = (max(1, round(grey.width * larger)), max(1, round(grey.height * larger)))
        grey = grey.resize(size, Image.Resampling.BICUBIC)
    # Only the head of a file has this, and turning costs less when small.
    orientation = image.getexif().get(0x0112, 1) if hasattr(image, "getexif") else 1
    if orientation != 1:
        grey.getexif()[0x0112] = orientation
        grey = ImageOps.exif_transpose(grey)
        if orientation >= 5:
            width, height = height, width
    return Picture(grey, width / grey.width, page, width, height, name)
