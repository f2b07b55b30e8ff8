"""What commands show of a manifest's provenance, checked where it is shown.

What predicts reads none of this, so a model with a damaged history still predicts; what a
newer version adds is passed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from digit_runtime.errors import ManifestError
from digit_runtime.models.manifest import MANIFEST_NAME, Manifest
from digit_runtime.storage.records import RecordError, build


def _check_interval(ends: tuple[float, ...] | None) -> None:
    if ends is not None and len(ends) != 2:
        raise ValueError("an interval of confidence has two ends")


@dataclass(frozen=True)
class _Model:
    file: str = ""
    sha256: str = ""
    parameters: int = 0
    adapted: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Data:
    file: str = ""
    sha256: str = ""
    rows: int = 0


@dataclass(frozen=True)
class _HeldOut:
    confidence_interval_95: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        _check_interval(self.confidence_interval_95)


@dataclass(frozen=True)
class _Settings:
    phases: tuple[Mapping[str, Any], ...] = ()
    label_smoothing: float = 0.0
    start: str | None = None
    start_share: float = 0.0


@dataclass(frozen=True)
class _Teacher:
    members: Mapping[str, str]


@dataclass(frozen=True)
class _Training:
    recipe: str = ""
    seed: int = 0
    epochs: int = 0
    data: _Data = _Data()
    validation_rows: int = 0
    validation_accuracy: float | None = None
    test_accuracy: float | None = None
    held_out: _HeldOut = _HeldOut()
    wall_s: float = 0.0
    cpu_s: float = 0.0
    machine: str = ""
    settings: _Settings = _Settings()
    teacher: _Teacher | None = None

    def __post_init__(self) -> None:
        if self.validation_rows < 0:
            raise ValueError(f"there are no {self.validation_rows} validation_rows")


@dataclass(frozen=True)
class _Calibration:
    rows: int = 0
    seed: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class _Export:
    data: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class _Strangers:
    unsure_below: float
    digits_kept: float
    passing: Mapping[str, float]
    letters: Mapping[str, float]


@dataclass(frozen=True)
class _Evaluation:
    file: str
    sha256: str
    engine: str
    rows: int
    correct: int
    accuracy: float
    confidence_interval_95: tuple[float, ...]
    robustness: Mapping[str, float]
    training_rows: bool = False
    strangers: _Strangers | None = None

    def __post_init__(self) -> None:
        _check_interval(self.confidence_interval_95)


@dataclass(frozen=True)
class _Provenance:
    model: _Model = _Model()
    training: _Training = _Training()
    tools: Mapping[str, str] = field(default_factory=dict)
    calibration: _Calibration = _Calibration()
    export: _Export = _Export()
    evaluation: _Evaluation | None = None


def read_checked(directory: Path) -> Manifest:
    """Read ``directory/manifest.json`` for one who shows what the model was made from.

    Raises:
        ModelNotFoundError: See `Manifest.read`.
        ManifestError: See there; or a part of the provenance is not what it should be.
    """
    manifest = Manifest.read(directory)
    try:
        build(_Provenance, dict(manifest.provenance))
    except RecordError as error:
        raise ManifestError(f"{directory / MANIFEST_NAME}: {error}") from error
    return manifest
