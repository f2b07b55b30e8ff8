"""A finished training, to go on with for some more epochs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
from digit_runtime.errors import ManifestError, ModelNotFoundError, PixelsError, first_line
from digit_runtime.models.manifest import MANIFEST_NAME, Manifest, sha256_of

from digit_train.training import history, keras_files, temperature
from digit_train.training.recipe import Recipe
from digit_train.training.recipes import RECIPES


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
        training: Any = manifest.provenance.get("training")
        try:
            added = tuple(map(int, training.get("more_epochs", ())))
            found = cls(
                folder,
                manifest.name,
                str(training["recipe"]),
                int(training["seed"]),
                int(training["epochs"]) - sum(added),
                added,
                str(training["data"]["sha256"]),
                float(training.get("logit_gain", 1.0)),
            )
            found.recipe(1)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ManifestError(
                f"{folder / MANIFEST_NAME}: tells of no training that digit-train could go on with"
            ) from error
        return found

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
            ModelFileError: Its model.keras is missing or damaged.
            ModelNotFoundError: So is its history.
        """
        model = keras_files.load(self.folder / "model.keras")
        try:
            temperature.apply(model, 1 / self.logit_gain)
            return model, history.read_csv(self.folder / "history.csv")
        except (OSError, ValueError, TypeError) as error:
            raise ModelNotFoundError(
                f"{self.folder}: cannot be gone on with: {first_line(error)}"
            ) from error
