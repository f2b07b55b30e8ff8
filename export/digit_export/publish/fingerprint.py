"""One hash of everything that determines an exported file and its parity figures."""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any, Final

from digit_export.convert.targets import REVISION, Target, limits
from digit_export.keras_model.find import Source
from digit_export.parity.calibration_rows import CALIBRATION_ROWS

TOOLS: Final = (
    "ai-edge-litert",
    "keras",
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxslim",
    "tensorflow",
    "tf2onnx",
)


def tools() -> dict[str, str]:
    """Return the installed versions of the packages that convert and check."""
    return {name: importlib.metadata.version(name) for name in TOOLS}


def fingerprint(source: Source, target: Target, data: Mapping[str, str], seed: int) -> str:
    """Return the key under which a file is up to date, as a SHA-256 in hexadecimal.

    Args:
        source: The Keras model.
        target: The file, its exporter and its gate.
        data: SHA-256 of each CSV file.
        seed: Of the calibration rows.
    """
    facts: dict[str, Any] = {
        "revision": REVISION,
        "model": source.sha256,
        "validation_rows": source.validation_rows,
        "target": {
            "format": target.format,
            "precision": target.precision,
            "exporter": _lasting(target.exporter),
            "gate": limits(target.gate),
            "calibrated": target.calibrated,
        },
        "calibration": [CALIBRATION_ROWS, seed] if target.calibrated else None,
        "data": dict(data),
        "tools": tools(),
    }
    # What digit-train makes has no normalization left. Files of other models that were made
    # before it was moved are made anew.
    if target.equalized and not source.trained_here:
        facts["equalized"] = True
    if source.labels:
        facts["labels"] = source.labels
    if source.pixels:
        facts["pixels"] = source.pixels
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _lasting(exporter: str) -> str:
    """Return the exporter by the name that it had when the first files were published.

    Where a function lies says nothing of the bytes that it writes: a module that moves must
    not make every file anew.
    """
    return exporter.replace("digit_export.convert.", "digit_export.to_")
