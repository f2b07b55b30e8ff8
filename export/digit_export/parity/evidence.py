"""evidence.json: how an exported file's answers differ from Keras's, digit by digit.

The manifest has the figures. This file has what cannot be told in a figure, for each
exported file and split: the rows whose answer changed, accuracy per class, and
calibration. flips.csv, flips.png and report.html are made from it and the manifest.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from digit_runtime.contract import Labels, Pixels
from digit_runtime.errors import DigitError
from digit_runtime.models.manifest import Manifest, ModelFile, Parity, read_verified
from digit_runtime.storage.records import field, parse

from digit_export.parity.parity import Comparison
from digit_export.parity.rows import Rows
from digit_export.parity.statistics import Reliability

EVIDENCE_NAME: Final = "evidence.json"
SHOWN: Final = 40
"""How many changed answers of a file keep their digit's pixels, the surest first."""


@dataclass(frozen=True)
class Flip:
    """A row whose most probable digit changed; `image_id` counts from 1, as Kaggle does."""

    image_id: int
    label: int
    keras: int
    keras_confidence: float
    exported: int
    exported_confidence: float

    @property
    def sureness(self) -> float:
        """Orders flips: a tie that fell the other way has the least."""
        return self.keras_confidence + self.exported_confidence


@dataclass(frozen=True)
class Evidence:
    """One exported file against Keras on the rows of one split.

    Attributes:
        class_rows: Rows of each class.
        keras_correct: How many of them Keras has right.
        correct: How many the file has right.
        keras_reliability: How sure and how right Keras is.
        reliability: The same of the file.
        flips: The rows whose answer changed, in order.
        images: Pixels of the surest flips by ImageId: 784 bytes in base64.
    """

    class_rows: tuple[int, ...]
    keras_correct: tuple[int, ...]
    correct: tuple[int, ...]
    keras_reliability: Reliability
    reliability: Reliability
    flips: tuple[Flip, ...]
    images: Mapping[str, str]

    @classmethod
    def of(cls, comparison: Comparison, rows: Rows) -> "Evidence":
        """Collect it from answers to `rows`."""
        keras, exported, labels = comparison.keras, comparison.exported, rows.labels
        classes = keras.shape[1]
        flips = tuple(
            Flip(
                image_id=rows.first_id + int(row),
                label=int(labels[row]),
                keras=int(keras[row].argmax()),
                keras_confidence=round(float(keras[row].max()), 4),
                exported=int(exported[row].argmax()),
                exported_confidence=round(float(exported[row].max()), 4),
            )
            for row in comparison.flipped
        )
        surest = sorted(flips, key=lambda flip: flip.sureness, reverse=True)[:SHOWN]
        return cls(
            class_rows=_counts(labels, classes),
            keras_correct=_counts(labels[keras.argmax(axis=1) == labels], classes),
            correct=_counts(labels[exported.argmax(axis=1) == labels], classes),
            keras_reliability=comparison.keras_reliability,
            reliability=comparison.reliability,
            flips=flips,
            images={
                str(flip.image_id): encode(rows.pixels[flip.image_id - rows.first_id])
                for flip in surest
            },
        )


Splits = Mapping[str, Evidence]
"""By the name of the split, "validation" or "test"."""

Measured = tuple[ModelFile, Parity, Evidence]
"""A file with its figures and its evidence on one split."""


def encode(pixels: Pixels) -> str:
    """Return uint8 ``[784]`` as text."""
    return base64.b64encode(pixels.tobytes()).decode()


def decode(text: str) -> Pixels:
    """Return uint8 ``[784]``."""
    return np.frombuffer(base64.b64decode(text), np.uint8)


def read(directory: Path, manifest: Manifest) -> dict[str, dict[str, Evidence]]:
    """Return the evidence by path and split; nothing if it is not what `manifest` describes."""
    try:
        described = manifest.described("evidence")
        if described is None:
            return {}
        path = directory / described.path
        content = read_verified(path, described)
        return field(parse(content), "files", dict[str, dict[str, Evidence]])
    except DigitError:
        return {}


def measured(manifest: Manifest, known: Mapping[str, Splits]) -> tuple[str, list[Measured]]:
    """Return the split that has figures and evidence, test rows first, and its files.

    There may be none: a manifest can have lost its figures.
    """
    for split in ("test", "validation"):
        rows = [
            (file, file.parity[split], known[file.path][split])
            for file in manifest.files
            if split in file.parity and split in known.get(file.path, {})
        ]
        if rows:
            return split, rows
    return "", []


def to_json(files: Mapping[str, Splits]) -> bytes:
    """Return the bytes of evidence.json."""
    document = {
        "schema": 1,
        "files": {
            path: {split: asdict(evidence) for split, evidence in splits.items()}
            for path, splits in files.items()
        },
    }
    return (json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n").encode()


def describe(content: bytes) -> dict[str, Any]:
    """Return what the manifest records of the file, under "evidence"."""
    sha256 = hashlib.sha256(content).hexdigest()
    return {"file": EVIDENCE_NAME, "sha256": sha256, "bytes": len(content)}


def _counts(labels: Labels, classes: int) -> tuple[int, ...]:
    return tuple(np.bincount(labels, minlength=classes).tolist())
