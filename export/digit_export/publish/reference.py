"""reference.npz: a few training rows with Keras's answers, to test an installation with."""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from digit_runtime.contract import Probabilities
from digit_runtime.models.manifest import Manifest

from digit_export.parity.calibration_rows import Drawn

REFERENCE_NAME: Final = "reference.npz"
REFERENCE_ROWS: Final = 100
REFERENCE_SEED: Final = [0, 1]
# Below this, two machines' float32 arithmetic may differ on the same model.
_ROUNDING: Final = 1e-5


def renewed(path: Path, rows: Drawn, probabilities: Probabilities) -> bytes:
    """Return the bytes that `path` should have: its own, if those say the same already.

    The file holds ``pixels`` uint8 ``[n, 784]``, ``labels`` uint8 ``[n]`` and
    ``probabilities`` float32 ``[n, C]``; ``numpy.load(path, allow_pickle=False)`` reads it.
    """
    if _says(path, rows, probabilities):
        return path.read_bytes()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, pixels=rows.pixels, labels=rows.labels, probabilities=probabilities)
    return buffer.getvalue()


def describe(content: bytes, rows: int = REFERENCE_ROWS) -> dict[str, Any]:
    """Return what the manifest records of the file, under "reference"."""
    return {
        "file": REFERENCE_NAME,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "rows": rows,
    }


def is_intact(directory: Path, manifest: Manifest) -> bool:
    """Return whether the file is there and is the one that `manifest` records."""
    try:
        content = (directory / REFERENCE_NAME).read_bytes()
    except OSError:
        return False
    recorded = manifest.provenance.get("reference")
    return isinstance(recorded, dict) and recorded == describe(content, recorded.get("rows", 0))


def _says(path: Path, rows: Drawn, probabilities: Probabilities) -> bool:
    try:
        with np.load(path, allow_pickle=False) as old:
            return (
                np.array_equal(old["pixels"], rows.pixels)
                and np.array_equal(old["labels"], rows.labels)
                and old["probabilities"].shape == probabilities.shape
                and bool(np.all(np.abs(old["probabilities"] - probabilities) <= _ROUNDING))
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return False
