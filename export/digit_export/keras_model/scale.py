"""What a model expects of its pixels."""

from typing import Final

PixelRange = tuple[float, float]
"""What a model expects of a pixel of 0, and of one of 255."""

RAW: Final[PixelRange] = (0.0, 255.0)


def describe(pixels: PixelRange) -> str:
    """Return the range in words: "from 0 to 1"."""
    return f"from {pixels[0]:g} to {pixels[1]:g}"
