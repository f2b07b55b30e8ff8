"""manifest.json: what a model directory holds, and the proof that its files are intact.

A model is a directory, found by name through its manifest. The runtime reads the
contract and the files; everything else (training, calibration, tool versions) is kept
in `Manifest.provenance` as it stands, for people and for `digit-info`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeVar

from digit_runtime.contract import CLASSES, CONTRACT_VERSION, NAMED_CLASSES, is_class_name
from digit_runtime.errors import (
    ManifestError,
    ModelDamagedError,
    ModelFileError,
    ModelNotFoundError,
)

SCHEMA: Final = 1
MANIFEST_NAME: Final = "manifest.json"
T = TypeVar("T")

_OPTIONAL: Final = (
    "accuracy", "keras_accuracy", "change_low", "change_high", "mcnemar_p", "kl_divergence",
    "ece", "keras_ece",
)  # fmt: skip


@dataclass(frozen=True)
class Parity:
    """An exported file against the Keras model, on the same rows.

    Accuracies and agreement are fractions from 0 to 1; differences are between
    probabilities. Accuracies, and what follows them, are None where the rows had no
    labels; the statistics are so in older manifests, too.

    Attributes:
        change_low: Lower bound of `accuracy - keras_accuracy`, 95 % confidence.
        change_high: Upper bound.
        mcnemar_p: Of McNemar's exact test on the rows that only one of them has right.
        kl_divergence: Mean over the rows, in nats.
        ece: Expected calibration error of the file, 15 bins.
        keras_ece: The same of the Keras model.
    """

    rows: int
    agreement: float
    max_difference: float
    mean_difference: float
    accuracy: float | None = None
    keras_accuracy: float | None = None
    change_low: float | None = None
    change_high: float | None = None
    mcnemar_p: float | None = None
    kl_divergence: float | None = None
    ece: float | None = None
    keras_ece: float | None = None


@dataclass(frozen=True)
class ModelFile:
    """One exported file. `path` is relative to the manifest, with forward slashes.

    `gate` has the limits that its parity was held to, by name; `tolerance` those of them
    that were given on the command line in place of digit-export's own.
    """

    path: str
    format: str
    precision: str
    sha256: str
    bytes: int
    parity: Mapping[str, Parity] = field(default_factory=dict)
    source: str = ""
    """Fingerprint of all that decided the file's bytes; equal means nothing to redo."""
    gate: Mapping[str, float] = field(default_factory=dict)
    tolerance: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """The content of one manifest.json.

    `labels` are the names of the classes, empty if these are the ten digits.
    """

    name: str
    files: tuple[ModelFile, ...] = ()
    labels: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def contract(self) -> int:
        """The contract of its files; see `digit_runtime.contract`."""
        return NAMED_CLASSES if self.labels else CONTRACT_VERSION

    @classmethod
    def read(cls, directory: Path) -> "Manifest":
        """Read ``directory/manifest.json``.

        Raises:
            ModelNotFoundError: There is no manifest there.
            ManifestError: It is not JSON, lacks a field, has a field of the wrong type,
                names a file outside its directory, or has an unknown schema.
        """
        path = directory / MANIFEST_NAME
        try:
            text = path.read_bytes().decode("utf-8")
        except FileNotFoundError as error:
            raise ModelNotFoundError(f"{directory}: has no {MANIFEST_NAME}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ManifestError(f"{path}: cannot be read: {error}") from error
        try:
            return cls.from_json(text)
        except ManifestError as error:
            raise ManifestError(f"{path}: {error}") from error

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Parse and validate; see `read` for what is refused."""
        try:
            document = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise ManifestError(f"is not valid JSON: {error}") from error
        if not isinstance(document, dict):
            raise ManifestError("is not a JSON object")
        schema = _take(document, "schema", int)
        if schema != SCHEMA:
            raise ManifestError(
                f"has schema {schema}; this version reads schema {SCHEMA}: update digit-runtime"
            )
        contract = _take(document, "contract", int)
        if contract not in (CONTRACT_VERSION, NAMED_CLASSES):
            raise ManifestError(
                f"has contract {contract}; this version knows contracts {CONTRACT_VERSION} and "
                f"{NAMED_CLASSES}: update digit-runtime"
            )
        files = tuple(_model_file(entry) for entry in _take(document, "files", list))
        name = _take(document, "name", str)
        labels = _labels(_take(document, "labels", list)) if contract == NAMED_CLASSES else ()
        known = ("schema", "name", "contract", "labels", "files")
        provenance = {key: value for key, value in document.items() if key not in known}
        return cls(name=name, files=files, labels=labels, provenance=provenance)

    def to_json(self) -> str:
        """Return the text of the manifest, the same bytes for the same content."""
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "name": self.name,
            "contract": self.contract,
        }
        if self.labels:
            document["labels"] = list(self.labels)
        document |= self.provenance
        document["files"] = [asdict(file) for file in self.files]
        return json.dumps(document, indent=2, allow_nan=False) + "\n"

    def described(self, key: str) -> ModelFile | None:
        """Return the file that the provenance describes under `key`, such as "reference".

        Raises:
            ManifestError: What stands there does not describe a file.
        """
        entry = self.provenance.get(key)
        if entry is None:
            return None
        if not isinstance(entry, dict):
            raise ManifestError(f"has a {key!r} that is not an object")
        return _model_file(
            {**entry, "path": entry.get("file"), "format": "", "precision": "", "parity": {}}
        )

    def select(self, format: str | None = None, precision: str | None = None) -> list[ModelFile]:
        """Return the files of that format and precision; None means any."""
        return [
            file
            for file in self.files
            if format in (None, file.format) and precision in (None, file.precision)
        ]


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def verify_file(path: Path, file: ModelFile) -> None:
    """Check that the bytes at `path` are those that `file` describes.

    Raises:
        ModelNotFoundError: There is no such file.
        ModelDamagedError: It is truncated or changed.
        ModelFileError: It cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelNotFoundError(f"{path}: no such model file") from error
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) != file.bytes:
        raise ModelDamagedError(
            f"{path}: has {len(data):,} bytes, its manifest says {file.bytes:,}; "
            "copy or export it again"
        )
    if hashlib.sha256(data).hexdigest() != file.sha256:
        raise ModelDamagedError(
            f"{path}: differs from the file its manifest describes (sha256); "
            "copy or export it again"
        )


def file_state(path: Path, file: ModelFile) -> str:
    """Return "intact", "damaged" or "not here"; see `verify_file`."""
    try:
        verify_file(path, file)
    except ModelNotFoundError:
        return "not here"
    except ModelFileError:
        return "damaged"
    return "intact"


def _take(document: Mapping[str, Any], key: str, kind: type[T]) -> T:
    value = document.get(key)
    # bool is an int to isinstance, but never to a reader of the manifest.
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ManifestError(f"lacks {key!r} or has another type there than {kind.__name__}")
    return value


def _labels(names: list[Any]) -> tuple[str, ...]:
    for name in names:
        if not isinstance(name, str) or not is_class_name(name):
            raise ManifestError(f"has a label {name!r:.40}, which cannot name a class")
    if len(names) not in CLASSES or len(set(names)) != len(names):
        raise ManifestError(
            f"has 'labels' that are not {CLASSES[0]} to {CLASSES[-1]} different names"
        )
    return tuple(names)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _model_file(entry: object) -> ModelFile:
    if not isinstance(entry, dict):
        raise ManifestError("has an entry in 'files' that is not an object")
    path = PurePosixPath(_take(entry, "path", str))
    if path.is_absolute() or ".." in path.parts or "\\" in str(path) or ":" in str(path):
        raise ManifestError(f"names {str(path)!r}, which is not a path inside its folder")
    parity = {key: _parity(value) for key, value in _take(entry, "parity", dict).items()}
    return ModelFile(
        path=str(path),
        format=_take(entry, "format", str),
        precision=_take(entry, "precision", str),
        sha256=_take(entry, "sha256", str),
        bytes=_take(entry, "bytes", int),
        parity=parity,
        source=_take(entry, "source", str) if "source" in entry else "",
        gate=_limits(entry, "gate"),
        tolerance=_limits(entry, "tolerance"),
    )


def _limits(entry: Mapping[str, Any], key: str) -> dict[str, float]:
    limits = _take(entry, key, dict) if key in entry else {}
    return {name: _take(limits, name, float) for name in limits}


def _parity(entry: object) -> Parity:
    if not isinstance(entry, dict):
        raise ManifestError("has a 'parity' that is not an object")
    return Parity(
        rows=_take(entry, "rows", int),
        agreement=_take(entry, "agreement", float),
        max_difference=_take(entry, "max_difference", float),
        mean_difference=_take(entry, "mean_difference", float),
        **{key: _take(entry, key, float) for key in _OPTIONAL if entry.get(key) is not None},
    )
