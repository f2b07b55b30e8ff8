"""Find a model file: by name through its manifest, or by path."""

import os
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from digit_runtime.contract import DIGITS
from digit_runtime.errors import DigitError, ModelFileError, ModelNotFoundError
from digit_runtime.formats.table import format_names, format_of
from digit_runtime.models.exported import no_such_file
from digit_runtime.models.manifest import (
    MANIFEST_NAME,
    Manifest,
    ModelFile,
    models_in,
    read_verified,
)

_KERAS_SUFFIXES: Final = (".keras", ".h5", ".hdf5")
_SAVED_MODEL: Final = "saved_model.pb"
_ENVIRONMENT: Final = "DIGIT_ARTIFACTS"


@dataclass(frozen=True)
class FoundFile:
    """A model file on disk, with its manifest's entry where there is one."""

    path: Path
    format: str
    model: str
    entry: ModelFile | None = None
    labels: tuple[str, ...] = ()
    """The names of its classes; none for a file without manifest."""
    unsure_below: float | None = None
    """See `Manifest.unsure_below`."""

    @property
    def precision(self) -> str | None:
        """The precision that the manifest states, if any."""
        return self.entry.precision if self.entry else None

    @property
    def tolerated(self) -> bool:
        """Whether it passed its gate only because ``--tolerance`` moved the limits."""
        return bool(self.entry and self.entry.tolerance)

    def read(self) -> bytes:
        """Return its bytes, whose size and hash are those of the manifest, if there is one.

        Raises:
            ModelFileError: See `manifest.read_verified`.
        """
        if self.entry:
            return read_verified(self.path, self.entry)
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise ModelFileError(f"{self.path}: cannot be read: {error.strerror}") from error


def artifacts_folder(given: Path | None = None) -> Path:
    """Return the folder whose subfolders are models.

    That is `given`, else the environment variable DIGIT_ARTIFACTS, else the models
    inside this package, else (in a checkout) the repository's artifacts.
    """
    if given is not None:
        return given
    if value := os.environ.get(_ENVIRONMENT):
        return Path(value)
    package = Path(__file__).parent.parent
    bundled = package / "bundled"
    return bundled if bundled.is_dir() else package.parent.parent / "artifacts"


def model_names(artifacts: Path) -> list[str]:
    """Return the names of the models in that folder, sorted.

    Raises:
        ModelNotFoundError: There is no model there.
    """
    if not (names := models_in(artifacts)):
        raise ModelNotFoundError(f"{artifacts}: holds no model (a folder with a {MANIFEST_NAME})")
    return names


def is_path(model: str | Path) -> bool:
    """Return whether `model` can only be a path: no name has a separator, or is "." or ".."."""
    text = str(model)
    separators = {"/", os.sep, os.altsep}
    return text in (os.curdir, os.pardir) or any(one in text for one in separators if one)


def from_artifacts(model: str) -> str:
    """Return what the folder of models is joined with to find `model`, a path or a name."""
    return str(Path(model).absolute()) if is_path(model) else model


def model_directory(model: str | Path, artifacts: Path) -> Path:
    """Return the directory of `model`, a path or a name.

    A path is never looked up in `artifacts`. A name is, unless the folder of that name in
    the working directory holds a model itself.

    Raises:
        ModelNotFoundError: A path without a manifest.
    """
    directory = _directory(model, artifacts)
    if directory == Path(model) and not (directory / MANIFEST_NAME).exists():
        raise ModelNotFoundError(_no_model(model))
    return directory


def _directory(model: str | Path, artifacts: Path) -> Path:
    given, named = Path(model), artifacts / model
    if is_path(model) or (given / MANIFEST_NAME).exists():
        return given
    # The folder that somebody sees, rather than one that is nowhere.
    return given if given.is_dir() and not (named / MANIFEST_NAME).exists() else named


def _no_model(model: str | Path) -> str:
    given = Path(model)
    if not given.exists():
        return f"{model}: no such file or folder"
    if not given.is_dir():
        return f"{model}: is no model file, nor a model's folder"
    if inside := models_in(given):
        return f"{model}: has no {MANIFEST_NAME}; models in it: {', '.join(inside)}"
    return f"{model}: has no {MANIFEST_NAME}; copy the model's whole folder, or give another"


def model_directories(model: str | Path | None, artifacts: Path) -> list[Path]:
    """Return the directory of `model`, or those in it; without one, those in `artifacts`.

    Raises:
        ModelNotFoundError: There is no model there.
    """
    given = Path(model) if model else artifacts
    if model and ((given / MANIFEST_NAME).exists() or not models_in(given)):
        return [model_directory(model, artifacts)]
    return [given / name for name in model_names(given)]


def files_behind(model: str | Path, artifacts: Path | None = None) -> list[Path]:
    """Return what is read where `model` is named: that file, or a manifest and what it lists."""
    directory = _directory(model, artifacts_folder(artifacts))
    if not (directory / MANIFEST_NAME).is_file():
        return [Path(model)]
    files: list[Path] = []
    with suppress(DigitError):  # A damaged manifest lists nothing; whoever reads it, says so.
        files = [directory / entry.path for entry in Manifest.read(directory).files]
    return [directory / MANIFEST_NAME, *files]


def files_of(directory: Path, format: str | None = None) -> list[FoundFile]:
    """Return the files of a model directory that its manifest lists and that are there.

    Args:
        directory: The model's.
        format: Only files of this format; None for all but those that must be asked for.
    """
    manifest = Manifest.read(directory)
    labels = manifest.labels or DIGITS
    return [
        FoundFile(
            directory / entry.path,
            entry.format,
            manifest.name,
            entry,
            labels,
            manifest.unsure_below,
        )
        for entry in manifest.files
        if (directory / entry.path).is_file()
        and (entry.format == format if format else not format_of(entry.format).on_request)
    ]


def find_all(
    model: str | Path,
    format: str | None = None,
    precision: str | None = None,
    artifacts: Path | None = None,
) -> list[FoundFile]:
    """Return the files of `model`, a name or the path of a model file; at least one.

    Raises:
        ModelNotFoundError: No such file; says which there are.
        ManifestError: The manifest is damaged.
    """
    if Path(model).suffix.lstrip(".") in format_names():
        return [find(model, format, precision)]
    folder = artifacts_folder(artifacts)
    directory = _directory(model, folder)
    if not (directory / MANIFEST_NAME).exists():
        if Path(model).suffix in _KERAS_SUFFIXES or (Path(model) / _SAVED_MODEL).is_file():
            here = Path(model).exists()
            raise ModelNotFoundError(
                f"{model}: is a Keras model; export it first (digit-export --model "
                f"{shlex.quote(str(model))}), then give its name, or the path of a .onnx or "
                ".tflite file"
                if here
                else f"{model}: no such file"
            )
        if directory == Path(model):
            raise ModelNotFoundError(_no_model(model))
        known = ", ".join(model_names(folder))
        raise ModelNotFoundError(
            f"no model {str(model)!r} in {folder}; it has: {known} "
            "(or give the path of a .onnx or .tflite file)"
        )
    wanted = [file for file in files_of(directory, format) if precision in (None, file.precision)]
    if not wanted:
        raise no_such_file(directory, format, precision, files_of(directory))
    return wanted


def find(
    model_file: str | Path, format: str | None = None, precision: str | None = None
) -> FoundFile:
    """Return the model file at that path, with its manifest's entry where there is one.

    Raises:
        ModelNotFoundError: There is none, or it is of another format or precision.
    """
    path = Path(model_file)
    found = path.suffix.lstrip(".")
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: no such model file")
    if format not in (None, found):
        raise ModelNotFoundError(f"{path}: is not a {format} file")
    for file in _siblings(path):
        if file.path.resolve() == path.resolve():
            if precision not in (None, file.precision):
                raise ModelNotFoundError(f"{path}: is {file.precision}, not {precision}")
            return file
    return FoundFile(path, found, path.stem)


def _siblings(path: Path) -> list[FoundFile]:
    # A file copied out of its folder has no manifest, and that is fine.
    for directory in (path.parent, path.parent.parent):
        try:
            return files_of(directory, path.suffix.lstrip("."))
        except DigitError:
            continue
    return []
