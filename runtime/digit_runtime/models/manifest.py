"""manifest.json: what a model directory holds, and the proof that its files are intact.

A model is a directory, found by name through its manifest. The runtime reads the
contract and the files; everything else (training, calibration, tool versions) is kept in
`Manifest.provenance` as it stands; who shows it reads it with `provenance.read_checked`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

from digit_runtime.contract import CLASSES, CONTRACT_VERSION, NAMED_CLASSES, is_class_name
from digit_runtime.errors import (
    ManifestError,
    ModelDamagedError,
    ModelFileError,
    ModelNotFoundError,
)
from digit_runtime.storage.records import RecordError, build, check_schema, parse
from digit_runtime.storage.records import field as taken

SCHEMA: Final = 1
MANIFEST_NAME: Final = "manifest.json"


@dataclass(frozen=True)
class Parity:
    """An exported file against the Keras model, on the same rows.

    Accuracies and agreement are fractions from 0 to 1; differences are between probabilities.
    Accuracies, and what follows them, are None for rows without labels; the statistics are
    so in older manifests, too.

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

    def __post_init__(self) -> None:
        path = PurePosixPath(self.path)
        if path.is_absolute() or ".." in path.parts or "\\" in self.path or ":" in self.path:
            raise ManifestError(f"names {self.path!r}, which is not a path inside its folder")


@dataclass(frozen=True)
class _Described:
    file: str
    sha256: str
    bytes: int


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
            return cls.from_json(path.read_bytes())
        except FileNotFoundError as error:
            there = ", ".join(models_in(directory.parent))
            beside = f"; models beside it: {there}" * bool(there)
            raise ModelNotFoundError(f"{directory}: has no {MANIFEST_NAME}{beside}") from error
        except OSError as error:
            why = "is a folder" if path.is_dir() else f"cannot be read: {error.strerror}"
            raise ManifestError(f"{path}: {why}") from error
        except ManifestError as error:
            raise ManifestError(f"{path}: {error}") from error

    @classmethod
    def from_json(cls, text: bytes | str) -> "Manifest":
        """Parse and validate; see `read` for what is refused."""
        try:
            document = parse(text)
            check_schema(document, SCHEMA, "update digit-runtime")
            contract = taken(document, "contract", int)
            if contract not in (CONTRACT_VERSION, NAMED_CLASSES):
                raise RecordError(
                    f"has contract {contract}; this version knows contracts {CONTRACT_VERSION} "
                    f"and {NAMED_CLASSES}: update digit-runtime"
                )
            named = contract == NAMED_CLASSES
            labels = taken(document, "labels", tuple[str, ...]) if named else ()
            known = ("schema", "name", "contract", "labels", "files")
            manifest = cls(
                name=taken(document, "name", str),
                files=taken(document, "files", tuple[ModelFile, ...]),
                labels=_checked(labels) if named else (),
                provenance={k: value for k, value in document.items() if k not in known},
            )
        except RecordError as error:
            raise ManifestError(str(error)) from error
        _ = manifest.unsure_below  # Here its error still gets the file's name.
        return manifest

    def to_json(self) -> str:
        """Return the text of the manifest, the same bytes for the same content."""
        document: dict[str, Any] = {"schema": SCHEMA, "name": self.name, "contract": self.contract}
        if self.labels:
            document["labels"] = list(self.labels)
        document |= self.provenance
        document["files"] = [asdict(file) for file in self.files]
        return json.dumps(document, indent=2, allow_nan=False) + "\n"

    @property
    def unsure_below(self) -> float | None:
        """The probability below which an answer is no answer; None if the model has none.

        Raises:
            ManifestError: What stands there is no probability.
        """
        entry = self.provenance.get("unsure_below")
        if entry is None:
            return None
        limit: Any = entry.get("probability") if isinstance(entry, dict) else None
        # JSON may say 1 for 1.0. Not isinstance: a bool is an int to it.
        if type(limit) not in (int, float) or not 0 <= limit <= 1:
            raise ManifestError("has an 'unsure_below' without a probability from 0 to 1")
        return float(limit)

    def described(self, key: str) -> ModelFile | None:
        """Return the file that the provenance describes under `key`, such as "reference".

        Raises:
            ManifestError: What stands there does not describe a file.
        """
        entry = self.provenance.get(key)
        if entry is None:
            return None
        try:
            file = build(_Described, entry, key)
        except RecordError as error:
            raise ManifestError(str(error)) from error
        return ModelFile(file.file, "", "", file.sha256, file.bytes)

    def select(self, format: str | None = None, precision: str | None = None) -> list[ModelFile]:
        """Return the files of that format and precision; None means any."""
        files = [file for file in self.files if format in (None, file.format)]
        return [file for file in files if precision in (None, file.precision)]


def models_in(folder: Path) -> list[str]:
    """Return the names of the folders in `folder` that hold a manifest, sorted."""
    return sorted(manifest.parent.name for manifest in folder.glob(f"*/{MANIFEST_NAME}"))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_verified(path: Path, file: ModelFile) -> bytes:
    """Return the bytes at `path`, which are those that `file` describes.

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
    return data


def file_state(path: Path, file: ModelFile) -> str:
    """Return "intact", "damaged" or "not here"; see `read_verified`."""
    try:
        read_verified(path, file)
    except ModelNotFoundError:
        return "not here"
    except ModelFileError:
        return "damaged"
    return "intact"


def _checked(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not is_class_name(name):
            raise RecordError(f"has a label {name!r:.40}, which cannot name a class")
    if len(names) not in CLASSES or len(set(names)) != len(names):
        raise RecordError(
            f"has 'labels' that are not {CLASSES[0]} to {CLASSES[-1]} different names"
        )
    return names
