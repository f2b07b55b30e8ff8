"""One grey out of colours, transparency and deep pixels: where the ink shows most."""

from typing import TYPE_CHECKING, Final

import numpy as np

from digit_runtime.inputs.histogram import quantiles
from digit_runtime.inputs.mnist_form import Grey

if TYPE_CHECKING:
    from PIL import Image

# A channel must show this much more than the luma does, and the luma be this faint.
_CLEARER: Final = 1.6
_FAINT: Final = 60


def grey_of(image: "Image.Image") -> "Image.Image":
    """Return an image of any mode in mode L."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _from_deep(image)
    if image.has_transparency_data:
        return _from_transparent(image)
    if image.mode in ("L", "1"):
        return image.convert("L")
    colours = image if image.mode == "RGB" else image.convert("RGB")
    luma = colours.convert("L")
    contrast = _contrast(luma)
    if contrast >= _FAINT:
        return luma
    # Blue on a red of the same luma shows in neither, but in the channels.
    best = max(colours.split(), key=_contrast)
    return best if _contrast(best) > max(_CLEARER * contrast, 8) else luma


def _contrast(image: "Image.Image") -> float:
    factor = max(image.size) // 300
    small = image.reduce(factor) if factor > 1 else image
    low, high = quantiles(small.histogram(), 0.002, 0.998)
    return high - low


def _from_deep(image: "Image.Image") -> "Image.Image":
    from PIL import Image

    values = np.nan_to_num(np.asarray(image), nan=0.0, posinf=0.0, neginf=0.0)
    if image.mode == "F":
        low, high = float(values.min()), float(values.max())
        if low >= 0 and high <= 1:
            low, high = 0.0, 1.0
        scaled = (values - low) * (255 / max(1e-12, high - low))
        return Image.fromarray(np.rint(scaled).astype(np.uint8))
    deep = np.clip(values, 0, 65535).astype(np.uint16)
    # Scanners and cameras put 10, 12 or 14 bits into 16.
    bits = max(8, int(deep.max()).bit_length())
    return Image.fromarray((deep >> (bits - 8)).astype(np.uint8))


def _from_transparent(image: "Image.Image") -> "Image.Image":
    """Lay a transparent image on white paper, or on black where it would not show."""
    from PIL import Image

    image = image.convert("RGBA")

    def laid_on(paper: str) -> "Image.Image":
        return Image.alpha_composite(Image.new("RGBA", image.size, paper), image).convert("L")

    white = laid_on("white")
    contrast = _contrast(white)
    if contrast >= _FAINT:
        return white
    black = laid_on("black")
    return white if contrast >= _contrast(black) else black


__all__ = ["Grey", "grey_of"]
