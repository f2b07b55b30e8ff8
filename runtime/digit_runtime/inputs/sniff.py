"""Files of other makers' formats: what one is, and its reader's failures in our words."""

from typing import Final

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


def kind_of(head: bytes) -> str | None:
    """Return what a file that starts with `head` is, such as "a PNG image", if known."""
    return next((name for start, name in _STARTS.items() if head.startswith(start)), None)


def is_image(kind: str | None) -> bool:
    """Tell whether that kind is an image."""
    return kind is not None and kind.endswith("image")
