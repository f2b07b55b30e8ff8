"""What to measure: files and the engines that read them, and on request Keras itself."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from digit_runtime.contract import DIGITS
from digit_runtime.engines.table import ENGINES, engine_for, engines_for
from digit_runtime.errors import EngineNotInstalledError, ManifestError, ModelNotFoundError
from digit_runtime.formats.table import FORMATS
from digit_runtime.measuring.process import ENGINE_PROGRAM
from digit_runtime.models.exported import export_command, not_exported
from digit_runtime.models.folder import FoundFile, files_of
from digit_runtime.models.manifest import Manifest, sha256_of

# How much memory a process is taken to need before it is measured.
_ENGINE_BYTES: Final = 150_000_000
_KERAS_BYTES: Final = 1_000_000_000

_KERAS_PROGRAM: Final = ("-m", "digit_export.keras_subject")
_HAS_KERAS: Final = """
import importlib.util, sys
sys.exit(not all(map(importlib.util.find_spec, ("digit_export", "digit_runtime", "keras"))))
"""


@dataclass(frozen=True)
class Candidate:
    """One row of the comparison: a file and what runs it."""

    path: Path
    model: str
    format: str
    precision: str
    engine: str
    sha256: str
    """Of the file, as the manifest states it; the process that loads it checks it."""
    program: tuple[str, ...] = ENGINE_PROGRAM
    """The command line of a program that calls `worker.serve`."""
    expected_bytes: int = _ENGINE_BYTES
    directory: Path | None = None
    """The model's, with its manifest."""
    tolerated: bool = False
    """See `FoundFile.tolerated`."""

    def __str__(self) -> str:
        return f"{self.path.name} on {self.engine}"


def candidates(
    names: Sequence[str],
    artifacts: Path,
    engines: Sequence[str] = (),
    formats: Sequence[str] = (),
) -> list[Candidate]:
    """Return every file of these models with every engine that reads it.

    Args:
        names: The models.
        artifacts: Their folder.
        engines: Names; by default all that are installed, numpy only if it is alone,
            since it is too slow to be a choice where there is another.
        formats: Names; by default all but those on request, unless an engine of theirs is named.

    Raises:
        ModelNotFoundError: No such model, or a model without exported files.
        EngineNotInstalledError: A named engine is not installed, or none reads any file.
    """
    for name in names:
        if line := not_exported(artifacts / name):
            raise ModelNotFoundError(line)
    wanted = formats or _formats(engines)
    files = [file for name in names for one in wanted for file in files_of(artifacts / name, one)]
    if not files:
        which = f"{' or '.join(formats)} file" if formats else "exported file"
        kinds: Sequence[str | None] = formats or [None]
        lines = [export_command(artifacts / name, kind) for name in names for kind in kinds]
        raise ModelNotFoundError(
            f"{artifacts}: no {which} of {', '.join(names)} here; to write it: {'; '.join(lines)}"
        )
    for engine in ENGINES:
        if engine.name in engines:
            engine_for(engine.format, engine.name)
    pairs = [(file, engine) for file in files for engine in engines_for(file.format)]
    if engines:
        pairs = [(file, engine) for file, engine in pairs if engine.name in engines]
    else:
        pairs = [pair for pair in pairs if not pair[1].last_resort] or pairs
    if not pairs:
        formats = " or ".join(sorted({f".{file.format}" for file in files}))
        raise EngineNotInstalledError(
            f"no {'such ' if engines else ''}engine reads {formats} files: "
            'pip install "digit-runtime[all]"'
        )
    folders = {Manifest.read(artifacts / name).name: artifacts / name for name in names}
    return [_candidate(file, engine.name, folders[file.model]) for file, engine in pairs]


def _formats(engines: Sequence[str]) -> list[str]:
    """Return the containers to measure where nobody says which."""
    named = {engine.format for engine in ENGINES if engine.name in engines}
    return [one.name for one in FORMATS if not one.on_request or one.name in named]


def labels(names: Sequence[str], artifacts: Path) -> tuple[str, ...]:
    """Return the names of the classes of these models.

    Raises:
        ManifestError: The models do not have the same.
        ModelNotFoundError: No such model.
    """
    found = {Manifest.read(artifacts / name).labels or DIGITS for name in names}
    if len(found) != 1:
        raise ManifestError(
            f"{', '.join(names)}: tell different classes apart; choose one with --models"
        )
    return found.pop()


def keras_candidates(
    names: Sequence[str], artifacts: Path, python: str = sys.executable
) -> list[Candidate]:
    """Return each model's own Keras file, to be run by Keras in another interpreter's process.

    Args:
        names: The models.
        artifacts: Their folder.
        python: An interpreter that has digit-toolkit.

    Raises:
        EngineNotInstalledError: It has not, or there is no such program.
        ManifestError: A manifest that does not name the Keras file.
        ModelNotFoundError: That file is not here.
    """
    try:
        has_keras = not subprocess.run([python, "-c", _HAS_KERAS], check=False).returncode
    except OSError as error:
        raise EngineNotInstalledError(f"{python}: cannot be run: {error.strerror}") from error
    if not has_keras:
        raise EngineNotInstalledError(
            f"{python}: has no Keras with digit-toolkit to measure it; name an interpreter that "
            "has, such as --keras-python .venv/bin/python"
        )
    return [_keras_candidate(artifacts / name, python) for name in names]


def _candidate(file: FoundFile, engine: str, directory: Path) -> Candidate:
    assert file.entry is not None  # `files_of` takes them from the manifest.
    return Candidate(
        path=file.path.resolve(),
        model=file.model,
        format=file.format,
        precision=file.entry.precision,
        engine=engine,
        sha256=file.entry.sha256,
        directory=directory,
        tolerated=file.tolerated,
    )


def _keras_candidate(directory: Path, python: str) -> Candidate:
    manifest = Manifest.read(directory)
    entry = manifest.provenance.get("model")
    if not isinstance(entry, dict) or not isinstance(entry.get("file"), str):
        raise ManifestError(f"{directory}: its manifest names no Keras file")
    path = directory / entry["file"]
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: no such file; --with-keras needs the Keras model")
    return Candidate(
        path=path.resolve(),
        model=manifest.name,
        format="keras",
        precision="float32",
        engine="keras",
        sha256=sha256_of(path),
        program=(python, *_KERAS_PROGRAM),
        expected_bytes=_KERAS_BYTES,
        directory=directory,
    )
