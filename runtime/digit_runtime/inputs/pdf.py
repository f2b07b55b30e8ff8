"""The pages of a PDF, drawn by pypdfium2."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from digit_runtime.errors import PackageNotInstalledError, explained

if TYPE_CHECKING:
    from PIL import Image


def pdf_pages(
    source: str | Path | bytes, name: str, pixels: int
) -> Iterator[tuple[int, "Image.Image"]]:
    """Yield the number of each page, from 1, and the page in mode L, of about `pixels` pixels.

    Raises:
        PackageNotInstalledError: pypdfium2 is missing.
        PixelsError: A damaged file, or one with a password.
    """
    try:
        import pypdfium2  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as error:
        raise PackageNotInstalledError(
            f'{name}: PDF files need pypdfium2: pip install "digit-runtime[pdf]"'
        ) from error
    with explained(name, "a PDF"):
        document = pypdfium2.PdfDocument(source)
    try:
        for number in range(len(document)):
            with explained(name, "a PDF"):
                page = document[number]
                width, height = page.get_size()
                scale = math.sqrt(pixels / max(1.0, width * height))
                bitmap = page.render(scale=scale, grayscale=True)
                image = bitmap.to_pil().convert("L")
                bitmap.close()
                page.close()
            yield number + 1, image
    finally:
        document.close()
