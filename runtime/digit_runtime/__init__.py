"""Predict handwritten digits from exported TFLite and ONNX models, without TensorFlow.

>>> from digit_runtime import load
>>> load("cnn").predict(pixels)  # uint8 [N, 784] from 0 to 255 -> uint8 [N]
"""

from digit_runtime.classifier import Classifier, load
from digit_runtime.contract import as_pixels
from digit_runtime.errors import (
    ContractError,
    DigitError,
    EngineError,
    EngineNotInstalledError,
    InputNotFoundError,
    InputReadError,
    ManifestError,
    ModelDamagedError,
    ModelFileError,
    ModelNotFoundError,
    OutputError,
    PackageNotInstalledError,
    PixelsError,
    ResultsError,
)
from digit_runtime.guard import PixelsWarning
from digit_runtime.images import from_image
from digit_runtime.inputs import read_pixels
from digit_runtime.pixels import read_csv, read_labels

__all__ = [
    "Classifier",
    "ContractError",
    "DigitError",
    "EngineError",
    "EngineNotInstalledError",
    "InputNotFoundError",
    "InputReadError",
    "ManifestError",
    "ModelDamagedError",
    "ModelFileError",
    "ModelNotFoundError",
    "OutputError",
    "PackageNotInstalledError",
    "PixelsError",
    "PixelsWarning",
    "ResultsError",
    "as_pixels",
    "from_image",
    "load",
    "read_csv",
    "read_labels",
    "read_pixels",
]
