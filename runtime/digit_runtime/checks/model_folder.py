"""What a model directory says of itself, as plain data."""

from pathlib import Path
from typing import Any

from digit_runtime.contract import DIGITS
from digit_runtime.engines.table import ENGINES
from digit_runtime.formats.precisions import NAMES
from digit_runtime.models.manifest import ModelFile, file_state
from digit_runtime.models.provenance import read_checked


def describe_model(directory: Path) -> dict[str, Any]:
    """Return the manifest's provenance and the state of each file that it lists.

    Raises:
        ModelNotFoundError, ManifestError: See `provenance.read_checked`.
    """
    manifest = read_checked(directory)
    said = {key: value for key, value in manifest.provenance.items() if key != "folder"}
    return {
        "name": manifest.name,
        "folder": str(directory),
        "labels": list(manifest.labels or DIGITS),
        **said,
        "files": [_file(directory, entry) for entry in manifest.files],
    }


def describe_engines() -> list[dict[str, Any]]:
    """Return the engines of the table, and whether each is installed."""
    return [
        {
            "name": engine.name,
            "reads": engine.format,
            "installed": engine.installed_package() is not None,
            "extra": None if engine.last_resort else f"digit-runtime[{engine.extra}]",
        }
        for engine in ENGINES
        if not engine.on_request
    ]


def _file(directory: Path, entry: ModelFile) -> dict[str, Any]:
    accuracy = {name: parity.accuracy for name, parity in entry.parity.items()}
    agreement = {name: parity.agreement for name, parity in entry.parity.items()}
    return {
        "path": entry.path,
        "format": entry.format,
        "precision": entry.precision,
        "precision_known": entry.precision in NAMES,
        "gate": dict(entry.gate),
        "tolerance": dict(entry.tolerance),
        "bytes": entry.bytes,
        "sha256": entry.sha256,
        "state": file_state(directory / entry.path, entry),
        "accuracy": accuracy,
        "agreement": agreement,
    }
