"""Images of one digit each, to MNIST's form: the finder's main mark."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from digit_runtime.contract import PIXELS, Pixels
from digit_runtime.errors import PixelsError, explained
from digit_runtime.inputs.mnist_form import Grey, centre, mnist_form
from digit_runtime.inputs.page.single import main_digit
from digit_runtime.inputs.pictures import FORMATS, open_pictures

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "FORMATS",
    "Found",
    "centre",
    "find_digit",
    "from_image",
    "image_batches",
]

_FAINTEST: Final = 12


@dataclass(frozen=True)
class Found:
    """The digit of a picture.

    Attributes:
        pixels: uint8 ``[784]``.
        others: How many further marks the picture has that may be digits.
    """

    pixels: Pixels
    others: int


# The share of a drawing's pixels that have exactly the ground's grey.
_CLEAN: Final = 0.9


def from_image(image: "str | Path | bytes | Image.Image") -> Pixels:
    """Return the digit in an image file, its bytes or a Pillow image, as uint8 ``[784]``.

    Transparent parts are paper, a camera's rotation is undone, and of several pages the first
    counts. Frames, rules, desks, specks and shadows are left out; of several digits it is
    the largest. An image of 28x28 pixels in MNIST's form is taken as it is.

    Raises:
        PackageNotInstalledError: Pillow is missing.
        InputNotFoundError, InputReadError: No such file, or one that cannot be read.
        PixelsError: Not an image, too large a one, or one without ink.
    """
    return find_digit(image).pixels


def find_digit(image: "str | Path | bytes | Image.Image") -> Found:
    """Return the digit in an image, and how many others it has; see `from_image`."""
    name = str(image) if isinstance(image, str | Path) else "the image"
    picture = next(open_pictures(image, name, first_only=True, enlarge=False))
    grey: Grey = np.asarray(picture.grey)
    if grey.shape == (28, 28):
        try:
            drawn = mnist_form(grey)
            return Found((centre(grey) if drawn is None else drawn).reshape(PIXELS), 0)
        except PixelsError as error:
            raise PixelsError(f"{name}: {error}") from error
    if int(np.ptp(grey)) <= _FAINTEST:
        raise PixelsError(f"{name}: has no ink: all its pixels have nearly the same grey")
    with explained(name, "an image"):
        found = main_digit(grey)
    if found is None:
        # A stroke just begun on clean paper, as on digit-serve's page: a drawing has few greys.
        values, counts = np.unique(grey, return_counts=True)
        if counts[values == np.median(grey)].sum() < _CLEAN * grey.size:
            raise PixelsError(f"{name}: has no ink that could be a digit")
        try:
            return Found(centre(grey).reshape(PIXELS), 0)
        except PixelsError as error:
            raise PixelsError(f"{name}: {error}") from error
    return Found(found[0].reshape(PIXELS), found[1])


def image_batches(files: Sequence[Path], rows: int) -> Iterator[Pixels]:
    """Yield the digits of `files`, uint8 ``[n, 784]`` with n up to `rows`; see `from_image`."""
    for start in range(0, len(files), rows):
        yield np.stack([from_image(file) for file in files[start : start + rows]])
