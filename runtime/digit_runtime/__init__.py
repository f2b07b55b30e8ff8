"""Predict handwritten digits from exported TFLite and ONNX models, without TensorFlow.

>>> from digit_runtime import load
>>> load("cnn").predict(pixels)  # uint8 [N, 784] from 0 to 255 -> uint8 [N]
"""

import importlib

# Importing typing takes as long as all else here.
TYPE_CHECKING = False
if TYPE_CHECKING:
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
        ThreadsError,
        UnsupportedModelError,
    )
    from digit_runtime.inputs.images import from_image
    from digit_runtime.inputs.kaggle_csv import read_csv, read_labels
    from digit_runtime.inputs.open import read_pixels
    from digit_runtime.inputs.page.result import Line, Mark, Page
    from digit_runtime.inputs.suspicions import PixelsWarning
    from digit_runtime.loading.load import load
    from digit_runtime.models.classifier import Classifier
    from digit_runtime.reading.read import read_digits, read_pages

    __version__: str

__all__ = [
    "Classifier",
    "ContractError",
    "DigitError",
    "EngineError",
    "EngineNotInstalledError",
    "InputNotFoundError",
    "InputReadError",
    "Line",
    "ManifestError",
    "Mark",
    "ModelDamagedError",
    "ModelFileError",
    "ModelNotFoundError",
    "OutputError",
    "PackageNotInstalledError",
    "Page",
    "PixelsError",
    "PixelsWarning",
    "ResultsError",
    "ThreadsError",
    "UnsupportedModelError",
    "__version__",
    "as_pixels",
    "from_image",
    "load",
    "read_csv",
    "read_digits",
    "read_labels",
    "read_pages",
    "read_pixels",
]

# A command, or a program that has pixels already, should start at once, so each name is
# imported when it is first used.
_ROOMS = {
    "Classifier": "models.classifier",
    "Line": "inputs.page.result",
    "Mark": "inputs.page.result",
    "Page": "inputs.page.result",
    "PixelsWarning": "inputs.suspicions",
    "as_pixels": "contract",
    "from_image": "inputs.images",
    "load": "loading.load",
    "read_csv": "inputs.kaggle_csv",
    "read_digits": "reading.read",
    "read_pages": "reading.read",
    "read_labels": "inputs.kaggle_csv",
    "read_pixels": "inputs.open",
}


def __getattr__(name: str) -> object:
    value: object
    if name == "__version__":
        from importlib.metadata import version

        value = version("digit-runtime")
    elif name in __all__:
        value = getattr(importlib.import_module(f"{__name__}.{_ROOMS.get(name, 'errors')}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    # help() and completion know what is not loaded yet from here.
    return sorted({*globals(), *__all__})
