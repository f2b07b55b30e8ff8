"""Find the Keras models to export, and the directory that each one's files belong to."""

import hashlib
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from digit_runtime.contract import default_names
from digit_runtime.errors import ModelNotFoundError
from digit_runtime.models.folder import is_path as named_by_path
from digit_runtime.models.manifest import MANIFEST_NAME, Manifest, sha256_of
from digit_runtime.models.provenance import read_checked
from digit_train.training.folder import interrupted
from digit_train.training.keras_files import HDF5_SUFFIXES, damage

from digit_export.errors import KerasModelError
from digit_export.keras_model.scale import PixelRange

MODEL_NAME: Final = "model.keras"
_SUFFIXES: Final = (".keras", *HDF5_SUFFIXES)
_SAVED_MODEL_NAME: Final = "saved_model.pb"
_VARIABLES: Final = "variables"
_SHOWN: Final = 10


@dataclass(frozen=True)
class Source:
    """A Keras file, or a SavedModel's folder, and the model directory it is exported into.

    `recorded` is the directory's manifest as it was found, or None. `given_labels` and
    `given_pixels` are what the user says of the model; the rest is as recorded. `replaces`
    says that the exports of another model may give way to this one's.
    """

    path: Path
    directory: Path
    recorded: Manifest | None
    given_labels: tuple[str, ...] = ()
    given_pixels: PixelRange | None = None
    replaces: bool = False

    def as_of_now(self) -> "Source":
        """Return it with the manifest that lies there now, once the model was exported.

        Raises:
            KerasModelError: The model itself has changed since, or see `ensure_own`.
            ManifestError: The manifest is damaged.
        """
        now = replace(self, recorded=_recorded(self.directory))
        if now.sha256 != self.sha256:
            raise KerasModelError(f"{self.path}: was changed while it was exported; export again")
        now.ensure_own()
        return now

    def ensure_own(self) -> None:
        """Raise KerasModelError if the directory holds exports of another model.

        Weights may change from one export to the next, and then they come from the file of
        the same name at the same place. Of the place only a hash is recorded.
        """
        model = _section(self.recorded, "model")
        own = self.current or self.path.parent == self.directory or not model or self.replaces
        if own or (
            model.get("file") == self.path.name and model.get("location") in (None, self.location)
        ):
            return
        raise KerasModelError(
            f"{self.directory}: holds the exports of another model, {model.get('file')}; rename "
            f"{self.path.name}, give another folder with --artifacts, or add --replace to "
            "replace them"
        )

    def class_names(self, classes: int) -> tuple[str, ...]:
        """Return those names that were given or recorded, or else numbers.

        Raises:
            KerasModelError: More or fewer were given than the model has classes.
        """
        if len(self.given_labels) not in (0, classes):
            raise KerasModelError(
                f"{self.path}: tells {classes} classes apart, and --class-names has "
                f"{len(self.given_labels)}"
            )
        return self.labels or default_names(classes)

    @property
    def location(self) -> str:
        """A hash that tells the model's place from others, without telling where it is."""
        return hashlib.sha256(str(self.path.resolve()).encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """The model's name, with which its files' names begin."""
        return self.recorded.name if self.recorded else self.directory.name

    @cached_property
    def sha256(self) -> str:
        """Of the Keras file; of a SavedModel, of its files' hashes."""
        hashes = [sha256_of(path) for path in self._files]
        return (
            hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
        )

    @property
    def bytes(self) -> int:
        """Size of the Keras file, or of a SavedModel."""
        return sum(path.stat().st_size for path in self._files)

    @property
    def _files(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        weights = (self.path / _VARIABLES).glob("*")
        return [self.path / _SAVED_MODEL_NAME, *sorted(weights)]

    @property
    def current(self) -> Manifest | None:
        """The recorded manifest, if it is about these very weights."""
        same = self.recorded and _section(self.recorded, "model").get("sha256") == self.sha256
        return self.recorded if same else None

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its classes; none if they are just counted from 0, as digits are."""
        names = self.given_labels or (self.current.labels if self.current else ())
        return () if names == default_names(len(names)) else names

    @property
    def recorded_pixels(self) -> PixelRange | None:
        """What the model expects of pixels from 0 to 255, as somebody said before."""
        match _section(self.current, "model").get("pixels"):
            case [float(low), float(high)]:
                return low, high
        return None

    @property
    def pixels(self) -> PixelRange | None:
        """What the model expects of pixels from 0 to 255, if somebody says so."""
        return self.given_pixels or self.recorded_pixels

    @property
    def taken_over(self) -> str | None:
        """What was said of the model before and, as nobody says otherwise, holds on; in words."""
        taken = []
        if self.recorded_pixels and not self.given_pixels:
            taken.append("--scale {:g}..{:g}".format(*self.recorded_pixels))
        if self.current and self.current.labels and not self.given_labels:
            names = self.current.labels
            more = f", ... ({len(names)} names)" if len(names) > _SHOWN else ""
            taken.append(f"--class-names {', '.join(names[:_SHOWN])}{more}")
        if not taken:
            return None
        return f"{' and '.join(taken)}, as given before: {self.directory / MANIFEST_NAME}"

    @property
    def trained_here(self) -> bool:
        """Whether digit-train made it."""
        return bool(_section(self.current, "training"))

    @property
    def trained_on(self) -> str | None:
        """SHA-256 of the CSV that it was trained on, if that is known."""
        data = _section(self.current, "training").get("data")
        return data.get("sha256") if isinstance(data, dict) else None

    @property
    def validation_rows(self) -> int | None:
        """How many of the last training rows the training held out, if that is known."""
        count = _section(self.current, "training").get("validation_rows")
        return count if isinstance(count, int) else None


def find(
    model: str,
    artifacts: Path,
    labels: tuple[str, ...] = (),
    pixels: PixelRange | None = None,
    replaces: bool = False,
) -> list[Source]:
    """Return what `model` names: one model, "all" of `artifacts`, or a Keras file.

    A model of `artifacts`, or another model.keras beside its manifest, is exported into its
    own folder, as ``digit-train`` lays it out; any other file into the folder of
    `artifacts` that has its name.

    Args:
        model: A name, "all", or a path.
        artifacts: The folder of models.
        labels: The names of the model's classes, if given.
        pixels: What the model expects of pixels from 0 to 255, if given.
        replaces: Whether it may replace the exports of another model.

    Raises:
        ModelNotFoundError: There is no such model.
        KerasModelError: The file is no Keras file by its name, or the folder that has its
            name is another model's; see `Source.ensure_own`.
        ManifestError: The directory's manifest is damaged.
    """
    if model == "all":
        found = sorted(artifacts.glob(f"*/{MODEL_NAME}"))
        if not found:
            raise ModelNotFoundError(
                f"{artifacts}: holds no */{MODEL_NAME}; train one with digit-train, or give "
                "the right folder with --artifacts"
            )
        return [_source(path, artifacts) for path in found]
    path = Path(model)
    is_saved_model = (path / _SAVED_MODEL_NAME).is_file()
    is_path = is_saved_model or path.suffix in _SUFFIXES
    if not is_path and (path / _VARIABLES).is_dir():
        raise KerasModelError(
            f"{path}: is a SavedModel without its {_SAVED_MODEL_NAME}; copy the whole folder again"
        )
    if not is_path and (path.is_file() or named_by_path(model)):
        raise KerasModelError(f"{model}: is not a .keras or .h5 file, nor a SavedModel's folder")
    if not is_path:
        path = artifacts / model / MODEL_NAME
    if is_path and path.is_dir() and not is_saved_model:
        raise KerasModelError(f"{path}: {damage(path)}")
    if not (is_saved_model or path.is_file()):
        hint = "" if is_path else "; train one with digit-train"
        raise ModelNotFoundError(f"{path}: no such file{hint}")
    source = replace(
        _source(path, artifacts), given_labels=labels, given_pixels=pixels, replaces=replaces
    )
    source.ensure_own()
    return [source]


def _source(path: Path, artifacts: Path) -> Source:
    path, artifacts = Path(os.path.abspath(path)), artifacts.absolute()
    directory = path.parent
    laid_out = (directory / MANIFEST_NAME).exists() or directory.parent == artifacts
    if path.name != MODEL_NAME or not laid_out:
        # The name of a SavedModel's folder has no suffix, only dots: digits-v1.2.
        directory = artifacts / (path.name if path.is_dir() else path.stem)
        if (directory / MODEL_NAME).exists():
            raise KerasModelError(
                f"{directory}: belongs to the {MODEL_NAME} in it; rename {path.name}, or give "
                "another folder with --artifacts"
            )
    source = Source(path, directory, _recorded(directory))
    if path.parent == directory and interrupted(directory) and not source.current:
        raise KerasModelError(
            f"{path}: is not the model that its {MANIFEST_NAME} describes, and a training there "
            "has not ended; finish it with digit-train and --resume"
        )
    return source


def _recorded(directory: Path) -> Manifest | None:
    return read_checked(directory) if (directory / MANIFEST_NAME).exists() else None


def _section(manifest: Manifest | None, key: str) -> dict[str, Any]:
    value = manifest.provenance.get(key) if manifest else None
    return value if isinstance(value, dict) else {}
