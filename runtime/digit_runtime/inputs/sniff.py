"""Files of other makers' formats: what one is, and its reader's failures in our words."""

import re
from pathlib import Path
from typing import Final

from digit_runtime.errors import InputNotFoundError, PixelsError, explained

NPY: Final = "a NumPy array"
ZIP: Final = "a zip archive"
PARQUET: Final = "a Parquet file"
_STARTS: Final = {
    b"\x93NUMPY": NPY,
    b"PAR1": PARQUET,
    b"PK\x03\x04": ZIP,
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"BM": "a BMP image",
    b"II*\x00": "a TIFF image",
    b"MM\x00*": "a TIFF image",
    b"\x89HDF": "an HDF5 file",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (save it as CSV)",
    b"%PDF": "a PDF",
    b"RIFF": "a WebP image",
    b"%PDF-": "a PDF image",
    **{f"P{kind}{space}".encode(): "a PNM image" for kind in "123456" for space in "\n\r \t"},
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
HEAD: Final = max(map(len, _STARTS))
# HEIC is here to be refused by name instead of being taken for a CSV.
IMAGE_SUFFIXES: Final = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".heic", ".heif"}
    | {".pbm", ".pgm", ".ppm", ".pnm", ".pdf"}
)


def check_named(source: object) -> None:
    """Refuse an empty name, which `Path` would take for the current folder.

    Raises:
        InputNotFoundError: It is one.
    """
    if source == "":
        raise InputNotFoundError("'': no such file")


def kind_of(head: bytes) -> str | None:
    """Return what a file that starts with `head` is, such as "a PNG image", if known."""
    return next((name for start, name in _STARTS.items() if head.startswith(start)), None)


def is_image(kind: str | None) -> bool:
    """Tell whether that kind is an image."""
    return kind is not None and kind.endswith("image")


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
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
        ]
    if not files:
        raise PixelsError(f"{folder}: has no image files directly in it (.png, .jpg, ...)")
    return sorted(files, key=_natural)


def _natural(path: Path) -> tuple[list[str | int], str]:
    parts = re.split(r"(\d+)", path.name)
    return [int(part) if part.isdecimal() else part for part in parts], path.name
