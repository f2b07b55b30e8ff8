"""Predict handwritten digits from exported TFLite and ONNX models, without TensorFlow.

>>> from digit_runtime import load
>>> load("cnn").predict(pixels)  # uint8 [N, 784] from 0 to 255 -> uint8 [N]
"""

import importlib
from typing import TYPE_CHECKING

from digit_runtime.classifier import Classifier
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
    UnsupportedModelError,
)
from digit_runtime.loading.load import load

if TYPE_CHECKING:
    from digit_runtime.inputs.images import from_image
    from digit_runtime.inputs.kaggle_csv import read_csv, read_labels
    from digit_runtime.inputs.open import read_pixels
    from digit_runtime.inputs.suspicions import PixelsWarning

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
    "UnsupportedModelError",
    "as_pixels",
    "from_image",
    "load",
    "read_csv",
    "read_labels",
    "read_pixels",
]

# Who has pixels already, in a program that should start at once, need not wait for these.
_LATER = {
    "PixelsWarning": "inputs.suspicions",
    "from_image": "inputs.images",
    "read_csv": "inputs.kaggle_csv",
    "read_labels": "inputs.kaggle_csv",
    "read_pixels": "inputs.open",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    # help() and completion know what is not loaded yet from here.
    return sorted({*globals(), *__all__})
