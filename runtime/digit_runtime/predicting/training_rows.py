"""Whether rows are those that a model was trained on, on which nobody may judge it.

A file is known by its hash, which the manifest has. Of another file, or of a part of the
same, some rows may be among those that the model carries as its reference, which are
training rows, too; no two of MNIST's digits are the same.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digit_runtime.contract import Pixels
from digit_runtime.errors import DigitError
from digit_runtime.models.manifest import Manifest
from digit_runtime.models.reference import golden_rows


class TrainingRows:
    """What a model file's manifest tells of the rows that it was trained on.

    Attributes:
        trained: How many rows the training used: the first of its CSV; None if not known.
        seen: How many of the reference rows `see` has met.
    """

    def __init__(self, model_file: Path) -> None:
        self.trained: int | None = None
        self.seen = 0
        self._hashes: set[str] = set()
        self._reference: set[bytes] = set()
        self._sums: NDArray[np.int64] = np.empty(0, np.int64)
        for folder in (model_file.parent, model_file.parent.parent):
            try:
                self._read(folder)
            except DigitError:
                continue
            break

    @property
    def reference_rows(self) -> int:
        """How many training rows the model carries."""
        return len(self._reference)

    def is_file(self, sha256: str | None) -> bool:
        """Return whether the file with that hash is the one that the model was trained on."""
        return sha256 in self._hashes

    def see(self, pixels: Pixels) -> None:
        """Look for the reference rows among these, uint8 ``[n, 784]``."""
        for row in np.flatnonzero(np.isin(_sums(pixels), self._sums)).tolist():
            self.seen += pixels[row].tobytes() in self._reference

    def _read(self, folder: Path) -> None:
        provenance = Manifest.read(folder).provenance
        training = _object(provenance, "training")
        data = _object(training, "data")
        given = [data.get("sha256"), _object(_object(provenance, "export"), "data").get("train")]
        self._hashes = {value for value in given if isinstance(value, str)}
        rows, held_out = data.get("rows"), training.get("validation_rows")
        if isinstance(rows, int) and isinstance(held_out, int) and 0 < held_out < rows:
            self.trained = rows - held_out
        try:
            pixels = golden_rows(folder).pixels
        except DigitError:
            return
        self._reference = {row.tobytes() for row in pixels}
        self._sums = _sums(pixels)


def _sums(pixels: Pixels) -> NDArray[np.int64]:
    sums: NDArray[np.int64] = pixels.sum(axis=1, dtype=np.int64)
    return sums


def _object(parent: object, key: str) -> dict[str, object]:
    value = parent.get(key) if hasattr(parent, "get") else None
    return value if isinstance(value, dict) else {}
