"""The digits a comparison runs on: a CSV's, or those that a model carries."""

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digit_runtime.contract import CLASSES, DIGITS, Labels, Pixels, Probabilities, as_pixels
from digit_runtime.errors import ManifestError, ModelNotFoundError, PixelsError
from digit_runtime.inputs.kaggle_csv import read_labels
from digit_runtime.inputs.open import read_pixels
from digit_runtime.models.exported import export_command
from digit_runtime.models.manifest import MANIFEST_NAME, Manifest, ModelFile, read_verified
from digit_runtime.terminal import plural

REFERENCE_NAME = "reference.npz"


@dataclass(frozen=True)
class Golden:
    """Digits that a model carries, uint8 ``[N, 784]``, with Keras's answers."""

    pixels: Pixels
    probabilities: Probabilities
    """float32 ``[N, 10]``, or as many as the model has classes."""


def from_csv(
    data: Path, labels: Path | None, rows: int | None = None, names: tuple[str, ...] = DIGITS
) -> tuple[Pixels, Labels | None]:
    """Return the rows of `data` and their labels, from `labels` or its own column.

    Args:
        data: The pixels.
        labels: A CSV of ``ImageId,Label``, if there is one.
        rows: How many of the first to return; None for all.
        names: Of the classes.

    Raises:
        PixelsError: Bad rows, or as many labels as rows are not there.
    """
    pixels, own = read_pixels(data, names)
    answers = read_labels(labels, names) if labels else own
    if answers is not None and len(answers) != len(pixels):
        raise PixelsError(
            f"{labels}: has {plural(len(answers), 'row')}, {data} has {len(pixels):,}"
        )
    return pixels[:rows], None if answers is None else answers[:rows]


def reference(directory: Path) -> tuple[Pixels, None]:
    """Return the digits that a model carries, for timing without a data set.

    They are training rows, so no accuracy may be drawn from them.

    Raises:
        ModelNotFoundError: The model carries none.
    """
    try:
        return golden_rows(directory).pixels, None
    except ModelNotFoundError as error:
        raise ModelNotFoundError(f"{error}; give --data") from error


def read_reference(content: bytes, path: Path) -> Golden:
    """Read the bytes of a reference.npz, as digit-export writes it.

    Raises:
        ModelNotFoundError: They are damaged.
    """
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            pixels, probabilities = as_pixels(arrays["pixels"]), arrays["probabilities"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ModelNotFoundError(f"{path}: not readable ({error})") from error
    classes = probabilities.shape[-1] if probabilities.ndim else 0
    if (
        probabilities.shape != (len(pixels), classes)
        or classes not in CLASSES
        or probabilities.dtype != np.float32
    ):
        raise ModelNotFoundError(f"{path}: not readable (probabilities of another shape or type)")
    return Golden(pixels, probabilities)


def golden_rows(directory: Path) -> Golden:
    """Return the digits and answers that the model carries, their hash checked.

    Raises:
        ModelNotFoundError: It carries none.
        ModelFileError: They are not those that its manifest describes.
        ManifestError: See `Manifest.read`.
    """
    file = described(directory, "reference")
    if file is None:
        raise ModelNotFoundError(
            f"{directory}: its manifest describes no reference rows; to add them: "
            f"{export_command(directory)}"
        )
    path = directory / file.path
    return read_reference(read_verified(path, file), path)


def described(directory: Path, key: str) -> ModelFile | None:
    """Return `Manifest.described` of the manifest there; its errors name the file."""
    manifest = Manifest.read(directory)
    try:
        return manifest.described(key)
    except ManifestError as error:
        raise ManifestError(f"{directory / MANIFEST_NAME}: {error}") from error
