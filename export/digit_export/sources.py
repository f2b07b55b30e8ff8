"""Find the Keras models to export, and the directory that each one's files belong to."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from digit_runtime.errors import ModelNotFoundError
from digit_runtime.manifest import MANIFEST_NAME, Manifest

from digit_export.data import sha256_of
from digit_export.errors import KerasModelError

MODEL_NAME: Final = "model.keras"


@dataclass(frozen=True)
class Source:
    """A Keras file and the model directory that it is exported into.

    `recorded` is the directory's manifest as it was found, or None.
    """

    path: Path
    directory: Path
    recorded: Manifest | None

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
    def validation_rows(self) -> int | None:
        """How many of the last training rows the training held out, if that is known."""
        count = _section(self.current, "training").get("validation_rows")
        return count if isinstance(count, int) else None


def find(model: str, artifacts: Path) -> list[Source]:
    """Return what `model` names: one model, "all" of `artifacts`, or a ``.keras`` file.

    A file called model.keras is exported into its own folder, as ``digit-train`` lays it
    out; any other into a folder beside it that has its name.

    Raises:
        ModelNotFoundError: There is no such model.
        KerasModelError: The file is not called ``.keras``.
        ManifestError: The directory's manifest is damaged.
    """
    if model == "all":
        found = sorted(artifacts.glob(f"*/{MODEL_NAME}"))
        if not found:
            raise ModelNotFoundError(
                f"{artifacts}: holds no */{MODEL_NAME}; train one with digit-train, or give "
                "the right folder with --artifacts"
            )
        return [_source(path) for path in found]
    path = Path(model)
    if path.suffix != ".keras" and (path.is_file() or len(path.parts) > 1):
        raise KerasModelError(f"{path}: is not a .keras file")
    if path.suffix != ".keras":
        path = artifacts / model / MODEL_NAME
    if not path.is_file():
        raise ModelNotFoundError(f"{path}: no such file; train one with digit-train")
    return [_source(path)]


def _source(path: Path) -> Source:
    path = path.absolute()
    directory = path.parent if path.name == MODEL_NAME else path.with_suffix("")
    recorded = Manifest.read(directory) if (directory / MANIFEST_NAME).exists() else None
    return Source(path, directory, recorded)


def _section(manifest: Manifest | None, key: str) -> dict[str, Any]:
    # The runtime does not check provenance, so a manifest may hold anything there.
    value = manifest.provenance.get(key) if manifest else None
    return value if isinstance(value, dict) else {}
