"""The Python API of reading: a picture and a model to pages of digits."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from digit_runtime.inputs.page.read import Model, read_page
from digit_runtime.inputs.page.result import Page
from digit_runtime.inputs.pictures import open_pictures
from digit_runtime.loading.load import load
from digit_runtime.models.classifier import Classifier

if TYPE_CHECKING:
    from PIL import Image


def read_digits(
    picture: "str | Path | bytes | Image.Image", model: str | Path | Classifier = "cnn"
) -> Page:
    """Read all digits of a picture, line by line; of several pages the first.

    Args:
        picture: An image file or PDF, its bytes, or a Pillow image.
        model: A name or file, as `digit_runtime.load` takes it, or what that returned.

    Returns:
        The lines and their marks, and the boxes of what was left out. A model whose manifest
        states no ``unsure_below`` is never unsure.

    Raises:
        PackageNotInstalledError: Pillow is missing, or pypdfium2 for a PDF.
        InputNotFoundError, InputReadError: No such file, or one that cannot be read.
        PixelsError: Not a picture, or one that takes too much memory to decode.
        DigitError: The model cannot be loaded; see `digit_runtime.load`.
    """
    return next(read_pages(picture, model, first_only=True))


def read_pages(
    picture: "str | Path | bytes | Image.Image",
    model: str | Path | Classifier = "cnn",
    *,
    name: str | None = None,
    first_only: bool = False,
) -> Iterator[Page]:
    """Yield all pages of a picture, read; see `read_digits`. `name` is for messages."""
    classifier = model if isinstance(model, Classifier) else load(model)
    if name is None:
        name = str(picture) if isinstance(picture, str | Path) else "the image"
    reader = Model(classifier.predict_proba, classifier.labels, classifier.unsure_below)
    for page in open_pictures(picture, name, first_only):
        yield read_page(page, reader)
