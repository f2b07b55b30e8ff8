"""A finished training, to go on with for some more epochs."""

from dataclasses import dataclass
from pathlib import Path

import keras
from digit_runtime.errors import (
    ManifestError,
    ModelDamagedError,
    ModelNotFoundError,
    PixelsError,
    first_line,
)
from digit_runtime.models.manifest import MANIFEST_NAME, Manifest, sha256_of
from digit_runtime.storage.records import RecordError, build
from digit_runtime.terminal import plural

from digit_train.training import history, keras_files, temperature
from digit_train.training.recipe import Recipe
from digit_train.training.recipes import RECIPES


@dataclass(frozen=True)
class _File:
    sha256: str


@dataclass(frozen=True)
class _Training:
    recipe: str
    seed: int
    epochs: int
    data: _File
    more_epochs: tuple[int, ...] = ()
    logit_gain: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.seed <= 100_000:
            raise ValueError(f"no seed is {self.seed}")
        if min(self.first, *self.more_epochs, 1) < 1:
            raise ValueError("a number of epochs is less than 1")
        if not temperature.LEAST <= self.logit_gain <= temperature.MOST:
            raise ValueError(f"no logit_gain is {self.logit_gain}")

    @property
    def first(self) -> int:
        return self.epochs - sum(self.more_epochs)


@dataclass(frozen=True)
class _Provenance:
    model: _File
    training: _Training


@dataclass(frozen=True)
class Finished:
    """What a model directory tells of its training.

    Attributes:
        first: The epochs of the training itself.
        added: Those of each time that it was gone on with.
    """

    folder: Path
    model: str
    recipe_name: str
    seed: int
    first: int
    added: tuple[int, ...]
    data_sha256: str
    model_sha256: str
    logit_gain: float = 1.0
    """What its logits were multiplied by when it was calibrated; training knows nothing of it."""

    @classmethod
    def read(cls, folder: Path) -> "Finished":
        """Read it from the manifest.

        Raises:
            ModelNotFoundError: There is no model.
            ManifestError: Its manifest is damaged, or is not one of digit-train's.
        """
        manifest = Manifest.read(folder)
        try:
            told = build(_Provenance, dict(manifest.provenance))
            if (told.training.recipe, manifest.name) not in RECIPES:
                raise RecordError(f"the {manifest.name} has no recipe {told.training.recipe}")
        except RecordError as error:
            raise ManifestError(
                f"{folder / MANIFEST_NAME}: tells of no training that digit-train could go on "
                f"with: {error}"
            ) from error
        training = told.training
        return cls(
            folder,
            manifest.name,
            training.recipe,
            training.seed,
            training.first,
            training.more_epochs,
            training.data.sha256,
            told.model.sha256,
            training.logit_gain,
        )

    def recipe(self, more: int) -> Recipe:
        """Return the recipe from the first epoch to the last of `more` new ones."""
        recipe = RECIPES[self.recipe_name, self.model].with_epochs(self.first)
        return recipe.followed_by(*self.added, more)

    def check(self, data: Path) -> None:
        """Refuse other rows: some may be those that were held out.

        Raises:
            PixelsError: They are others.
        """
        if sha256_of(data) != self.data_sha256:
            raise PixelsError(
                f"{data}: is not the file that {self.folder} was trained on, so the rows held out "
                "would be others: give that file, or train anew into another folder"
            )

    def load(self) -> tuple[keras.Model, list[history.Epoch]]:
        """Return the network and its history.

        Raises:
            ModelFileError: Its model.keras is missing, damaged or another one.
            ModelNotFoundError: So is its history.
        """
        file, rows = self.folder / "model.keras", self.folder / "history.csv"
        model = keras_files.load(file)
        if sha256_of(file) != self.model_sha256:
            raise ModelDamagedError(
                f"{file}: differs from the file its manifest describes (sha256); copy it again"
            )
        try:
            epochs = history.read_csv(rows)
        except (OSError, ValueError) as error:
            raise ModelNotFoundError(
                f"{self.folder}: cannot be gone on with: {first_line(error)}"
            ) from error
        if len(epochs) != (told := self.first + sum(self.added)):
            raise ModelNotFoundError(
                f"{rows}: has {plural(len(epochs), 'epoch')}, its manifest says {told:,}; copy "
                "it again"
            )
        temperature.apply(model, 1 / self.logit_gain)
        return model, epochs
