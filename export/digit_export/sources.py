"""Find the Keras models to export, and the directory that each one's files belong to."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from digit_runtime.errors import ModelNotFoundError
from digit_runtime.manifest import MANIFEST_NAME, Manifest, sha256_of

from digit_export.errors import KerasModelError
from digit_export.labels import counted

MODEL_NAME: Final = "model.keras"
_SAVED_MODEL_NAME: Final = "saved_model.pb"
_SUFFIXES: Final = (".keras", ".h5", ".hdf5")


@dataclass(frozen=True)
class Source:
    """A Keras file and the model directory that it is exported into.

    `recorded` is the directory's manifest as it was found, or None. `given_labels` and
    `given_scale` are what the user says of the model; what is not said is as recorded.
    """

    path: Path
    directory: Path
    recorded: Manifest | None
    given_labels: tuple[str, ...] = ()
    given_scale: float | None = None

    @property
    def name(self) -> str:
        """The model's name, with which its files' names begin."""
        return self.recorded.name if self.recorded else self.directory.name

    @cached_property
    def sha256(self) -> str:
        """Of the Keras file."""
        return sha256_of(self.path)

    @property
    def current(self) -> Manifest | None:
        """The recorded manifest, if it is about these very weights."""
        same = self.recorded and _section(self.recorded, "model").get("sha256") == self.sha256
        return self.recorded if same else None

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its classes; empty for those that are just counted from 0."""
        names = self.given_labels or (self.current.labels if self.current else ())
        return () if names == counted(len(names)) else names

    @property
    def scale(self) -> float | None:
        """What its input is to be multiplied by, if anybody says so."""
        if self.given_scale is not None:
            return self.given_scale
        value = _section(self.current, "model").get("scale")
        return value if isinstance(value, float) else None

    @property
    def trained_here(self) -> bool:
        """Whether digit-train made it, of the training rows that it says it did."""
        return bool(_section(self.current, "training"))

    @property
    def validation_rows(self) -> int | None:
        """How many of the last training rows the training held out, if that is known."""
        count = _section(self.current, "training").get("validation_rows")
        return count if isinstance(count, int) else None


def find(
    model: str, artifacts: Path, labels: tuple[str, ...] = (), scale: float | None = None
) -> list[Source]:
    """Return what `model` names: one model, "all" of `artifacts`, or a Keras file.

    A model of `artifacts`, and a model.keras beside a manifest, are exported into their
    own folder, as ``digit-train`` lays it out; any other file into a folder beside it
    that has its name.

    Args:
        model: A name, "all", or a path.
        artifacts: The folder of models.
        labels: The names of its classes, if given.
        scale: What its input is to be multiplied by, if given.

    Raises:
        ModelNotFoundError: There is no such model.
        KerasModelError: It is a SavedModel, or no Keras file by its name.
        ManifestError: The directory's manifest is damaged.
    """
    if model == "all":
        found = sorted(artifacts.glob(f"*/{MODEL_NAME}"))
        if not found:
            raise ModelNotFoundError(
                f"{artifacts}: holds no */{MODEL_NAME}; train one with digit-train, or give "
                "the right folder with --artifacts"
            )
        return [_source(path, path.parent) for path in found]
    path = Path(model)
    if (path / _SAVED_MODEL_NAME).exists():
        raise KerasModelError(
            f"{path}: is a SavedModel, which has no layers that Keras could load; load it with "
            "the program that wrote it, and save it with model.save('my.keras')"
        )
    if path.suffix in _SUFFIXES:
        return [_source(path, None, labels, scale)]
    if path.is_file() or len(path.parts) > 1:
        raise KerasModelError(f"{path}: is not a .keras or .h5 file")
    path = artifacts / model / MODEL_NAME
    return [_source(path, path.parent, labels, scale)]


def at(path: Path) -> Source:
    """Return the model whose Keras file that is; see `find` for what it raises."""
    return _source(path, None)


def _source(
    path: Path,
    directory: Path | None,
    labels: tuple[str, ...] = (),
    scale: float | None = None,
) -> Source:
    if not path.exists():
        raise ModelNotFoundError(f"{path}: no such file; train one with digit-train")
    path = path.absolute()
    if directory is None:
        laid_out = path.name == MODEL_NAME and (path.parent / MANIFEST_NAME).exists()
        directory = path.parent if laid_out else path.with_suffix("")
    directory = directory.absolute()
    recorded = Manifest.read(directory) if (directory / MANIFEST_NAME).exists() else None
    return Source(path, directory, recorded, labels, scale)


def _section(manifest: Manifest | None, key: str) -> dict[str, Any]:
    # The runtime does not check provenance, so a manifest may hold anything there.
    value = manifest.provenance.get(key) if manifest else None
    return value if isinstance(value, dict) else {}
