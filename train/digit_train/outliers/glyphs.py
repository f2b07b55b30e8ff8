"""Letters, symbols and digits of handwriting fonts, in MNIST's form."""

from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from digit_runtime.contract import PIXELS, Labels, Pixels
from digit_runtime.inputs.images import centre
from PIL import Image, ImageDraw, ImageFont

from digit_train.data.fonts import FONTS

CLEAR_LETTERS: Final = "EFKMNPRTVWXefkmnprtvwx"
"""Letters that are nobody's digit."""
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# O, I, S and their like are digits to somebody: nothing can be learnt from them.
LOOKALIKES: Final = "OolISsZzbqg"
SYMBOLS: Final = '"#$&*+:;<=>?@^_{}~'

_HEIGHT: Final = 96


def digits(folder: Path, held_out: bool) -> tuple[Pixels, Labels]:
    """Return the ten digits of each font, uint8 ``[N, 784]``, and which they are, ``[N]``."""
    pixels = glyphs(folder, "0123456789", held_out)
    return pixels, np.tile(np.arange(10, dtype=np.uint8), len(pixels) // 10)


def glyphs(folder: Path, characters: str, held_out: bool) -> Pixels:
    """Draw characters of all fonts of one side, uint8 ``[fonts * characters, 784]``.

    Args:
        folder: With the fonts that `digit_train.data.fonts.fetch` wrote.
        characters: Drawn in this order, font by font.
        held_out: The fonts to measure by, or those to train with.

    Raises:
        OSError: A font is missing.
    """
    names = [font.name for font in FONTS if font.held_out == held_out]
    return np.stack([glyph(folder / f"{name}.woff", c) for name in names for c in characters])


@cache
def _font(file: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, _HEIGHT)


def glyph(file: Path, character: str) -> Pixels:
    """Draw one character as uint8 ``[784]``, scaled and centred as MNIST's digits are."""
    font = _font(file)
    left, top, right, bottom = (int(edge) for edge in font.getbbox(character))
    image = Image.new("L", (right - left + 8, bottom - top + 8))
    ImageDraw.Draw(image).text((4 - left, 4 - top), character, fill=255, font=font)
    return centre(np.asarray(image)).reshape(PIXELS)
