"""What Pillow holds while it decodes a picture, and how one is made smaller without a second copy.

`tests/benchmarks/decoding_memory.py` holds the counts against what each format and mode takes.
"""

import math
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.TiffImagePlugin import TiffImageFile

# Bytes of a pixel as Pillow stores it; all other modes take 4.
_STORED: Final = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
# The decoder of WebP holds two canvases, and hands over a third.
_WEBP: Final = 12
# Decoders in Python collect the pixels of a channel, and hand over a copy.
_COLLECTED: Final = {"bmp_rle": 2, "ppm": 2, "ppm_plain": 2}
# The marker of a JPEG's scan.
_SCAN: Final = 0xDA
# Rows of the smaller picture that are made at a time.
_ROWS: Final = 64
# No side is longer in the end, however thin the picture is.
_LONGEST: Final = 8000


def memory_of(image: "Image.Image") -> int:
    """Return how many bytes it takes to decode an image that was opened, and not yet loaded."""
    pixels = image.width * image.height
    held = pixels * _STORED.get(image.mode, 4)
    if image.format == "WEBP":
        return held + pixels * _WEBP
    if image.format == "TIFF":
        return held + _strip(image)  # type: ignore[arg-type]
    if image.format in ("JPEG", "MPO"):
        return held + _coefficients(image)  # type: ignore[arg-type]
    tiles = getattr(image, "tile", [])
    copies = max((_COLLECTED.get(tile.codec_name, 0) for tile in tiles), default=0)
    return held + copies * pixels * len(image.getbands()) * (4 if image.mode == "I" else 1)


def reduced(image: "Image.Image", pixels: int) -> "Image.Image":
    """Return an image of at most `pixels` pixels.

    It is made band by band, since colours and transparency must be written out before.
    """
    from PIL import Image

    shrink = math.sqrt(image.width * image.height / pixels)
    shrink = max(shrink, max(image.size) / _LONGEST)
    if shrink <= 1:
        return image
    width, height = (max(1, round(side / shrink)) for side in image.size)
    result: Image.Image | None = None
    for top in range(0, height, _ROWS):
        bottom = min(height, top + _ROWS)
        first, last = (row * image.height / height for row in (top, bottom))
        band = image.crop((0, int(first), image.width, math.ceil(last)))
        band = _written_out(band)
        gap = None if ";" in band.mode or band.mode in ("I", "F") else 2.0
        box = (0, first - int(first), image.width, last - int(first))
        band = band.resize((width, bottom - top), Image.Resampling.BOX, box, gap)
        if result is None:
            result = Image.new(band.mode, (width, height))
        result.paste(band, (0, top))
    assert result is not None
    return result


def without_comments(text: bytes) -> bytes:
    """Return a plain PNM without comments: for each, Pillow copies all of the rest."""
    return re.sub(rb"#[^\r\n]*", b"", text)


def _written_out(band: "Image.Image") -> "Image.Image":
    """Return an image whose pixels can be averaged: no palette, no bits, no colour for none."""
    if band.mode == "1":
        return band.convert("L")
    if band.mode in ("P", "PA") or "transparency" in band.info:
        return band.convert("RGBA" if band.has_transparency_data else "RGB")
    return band


def _strip(image: "TiffImageFile") -> int:
    """Return the bytes of the largest strip or tile: packed and unpacked, it is held whole."""
    from PIL import TiffImagePlugin as Tiff

    tags = image.tag_v2
    if tags.get(Tiff.COMPRESSION, 1) == 1:
        return 0
    bits = tags.get(Tiff.BITSPERSAMPLE, (1,))
    deep = sum(bits) if len(bits) > 1 else bits[0] * tags.get(Tiff.SAMPLESPERPIXEL, 1)
    rows = tags.get(Tiff.TILELENGTH, tags.get(Tiff.ROWSPERSTRIP, image.height))
    columns = tags.get(Tiff.TILEWIDTH, image.width)
    unpacked = math.ceil(columns * min(rows, image.height) * deep / 8)
    sizes = tags.get(Tiff.TILEBYTECOUNTS, tags.get(Tiff.STRIPBYTECOUNTS, (0,)))
    held: int = unpacked + min(max(sizes), 2 * unpacked)
    return held


def _coefficients(image: "JpegImageFile") -> int:
    """Return the bytes of a JPEG's coefficients, which are all held where a scan lacks some."""
    sampling = [across * down for _, across, down, _ in image.layer]
    if not image.info.get("progressive") and _colours_of_scan(image) == len(sampling):
        return 0
    most = math.prod(max(layer[side] for layer in image.layer) for side in (1, 2))
    shrunk = image.decoderconfig[0] if image.decoderconfig else 1
    return 2 * image.width * image.height * shrunk**2 * sum(sampling) // max(1, most)


def _colours_of_scan(image: "JpegImageFile") -> int:
    """Return how many colours the first scan has; 0 where it is not found."""
    stream = image.fp
    assert stream is not None
    stream.seek(2)
    while len(head := stream.read(4)) == 4 and head[0] == 0xFF:
        if head[1] == _SCAN:
            return int.from_bytes(stream.read(1))
        stream.seek(int.from_bytes(head[2:]) - 2, 1)
    return 0
