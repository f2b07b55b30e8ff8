"""Open whatever holds digits: a CSV, a NumPy file, an image, or a folder of images."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from digit_runtime.contract import DIGITS, Labels, Pixels
from digit_runtime.errors import explained
from digit_runtime.inputs import images
from digit_runtime.inputs.kaggle_csv import BATCH_ROWS, Batch, PixelCsv, gather
from digit_runtime.inputs.numpy_files import npy_batches, npz_batches
from digit_runtime.inputs.sniff import HEAD, NPY, ZIP, is_image, kind_of
from digit_runtime.inputs.suspicions import transposed

# Decoding is slow enough that the first of many images should not wait for so many.
_BATCH_IMAGES = 128


@dataclass(frozen=True)
class Input:
    """Digits, open for reading.

    Attributes:
        name: For messages.
        batches: As those of `PixelCsv`; to be read once.
        has_labels: Whether there are labels.
        files: The file name of each row, where each is an image file.
    """

    name: str
    batches: Iterator[Batch]
    has_labels: bool = False
    files: tuple[str, ...] | None = None


@contextmanager
def open_pixels(path: str | Path, names: tuple[str, ...] | None = DIGITS) -> Iterator[Input]:
    """Open a file of digits, or a folder of image files, by what it is.

    A CSV (plain or gzip; ``-`` for standard input), a .npy or .npz file, an image file, or
    a folder with image files directly in it, in the order of their names.
    `names` are those of the classes that a label column may hold, as for `PixelCsv`.

    Raises:
        DigitError: It cannot be read, or is nothing of these; says why. What is wrong
            further on is raised by the batches.
    """
    path = Path(path)
    name = str(path)
    kind = None if name == "-" or path.is_dir() else kind_of(_head(path))
    if path.is_dir():
        yield _images(name, images.image_files(path))
    elif is_image(kind) or path.suffix.lower() in images.SUFFIXES:
        yield _images(name, [path])
    elif kind == NPY or (kind != ZIP and path.suffix.lower() == ".npy"):
        yield Input(name, _unlabelled(npy_batches(path, BATCH_ROWS)))
    elif kind == ZIP or path.suffix.lower() == ".npz":
        yield Input(name, _unlabelled(npz_batches(path, BATCH_ROWS)))
    else:
        with PixelCsv(path, names=names) as csv:
            yield Input(csv.name, iter(csv), csv.has_labels)


def read_pixels(
    path: str | Path, names: tuple[str, ...] | None = DIGITS
) -> tuple[Pixels, Labels | None]:
    """Read all that `open_pixels` can open: uint8 ``[N, 784]``, and uint8 ``[N]`` or None.

    Pixels that look inverted give a `PixelsWarning`.

    Raises:
        DigitError: As for `open_pixels`.
    """
    with open_pixels(path, names) as source:
        return gather(source.batches, source.name)


def oriented(batches: Iterator[Batch], invert: bool, transpose: bool) -> Iterator[Batch]:
    """Yield `batches` with the colours inverted, rows and columns exchanged, or both."""
    for pixels, labels in batches:
        if transpose:
            pixels = transposed(pixels)
        yield (255 - pixels if invert else pixels), labels


def _images(name: str, files: list[Path]) -> Input:
    batches = images.image_batches(files, _BATCH_IMAGES)
    return Input(name, _unlabelled(batches), files=tuple(file.name for file in files))


def _unlabelled(batches: Iterator[Pixels]) -> Iterator[Batch]:
    return ((pixels, None) for pixels in batches)


def _head(path: Path) -> bytes:
    with explained(str(path), "a file"), path.open("rb") as stream:
        return stream.read(HEAD)
