"""How each network is trained, as data: one frozen `Recipe` per line of the table."""

from dataclasses import dataclass, replace
from typing import Final, Literal


@dataclass(frozen=True)
class Augmentation:
    """Random distortions of each training image, drawn anew in every epoch.

    Uniform within plus and minus the value given, except for the elastic field, which
    follows Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural
    Networks" (ICDAR 2003): uniform noise, smoothed by a Gaussian of `elastic_sigma`
    pixels, times `elastic_alpha` pixels.
    """

    rotation: float = 0.0
    """Degrees."""
    scale: float = 0.0
    """Fraction, drawn for width and height separately."""
    shear: float = 0.0
    """Horizontal, in pixels a pixel of height: the slant of the handwriting."""
    shift: float = 0.0
    """Pixels, drawn for both axes separately."""
    elastic_alpha: float = 0.0
    elastic_sigma: float = 4.0
    ramp_epochs: int = 0
    """Epochs over which the distortions grow from nothing to full strength, so that the
    network first learns the digits as they are."""

    def at(self, epoch: int) -> "Augmentation":
        """Return the strength for an epoch, counted from 1."""
        share = min(1.0, (epoch - 1) / self.ramp_epochs) if self.ramp_epochs else 1.0
        return replace(
            self,
            rotation=share * self.rotation,
            scale=share * self.scale,
            shear=share * self.shear,
            shift=share * self.shift,
            elastic_alpha=share * self.elastic_alpha,
        )


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is trained, except data and seed."""

    epochs: int
    batch_size: int
    optimizer: Literal["sgd", "adamw"]
    learning_rate: float
    """Constant for "constant"; the peak for "one-cycle"."""
    schedule: Literal["constant", "one-cycle"]
    validation_fraction: float
    """The last rows of the file, never trained on."""
    scaling: Literal["min-max", "rescale"]
    dropout: float = 0.5
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    augmentation: Augmentation | None = None


RECIPES: Final[dict[tuple[str, str], Recipe]] = {
    ("notebook", "mlp"): Recipe(
        epochs=50,
        batch_size=32,
        optimizer="sgd",
        learning_rate=0.01,
        schedule="constant",
        validation_fraction=0.2,
        scaling="min-max",
    ),
    ("notebook", "cnn"): Recipe(
        epochs=15,
        batch_size=32,
        optimizer="sgd",
        learning_rate=0.01,
        schedule="constant",
        validation_fraction=0.2,
        scaling="min-max",
    ),
    ("edge", "mlp"): Recipe(
        epochs=300,
        batch_size=256,
        optimizer="adamw",
        learning_rate=2e-3,
        schedule="one-cycle",
        validation_fraction=0.05,
        scaling="rescale",
        weight_decay=1e-3,
        label_smoothing=0.02,
        augmentation=Augmentation(
            rotation=10, scale=0.12, shear=0.12, shift=1.0, elastic_alpha=34, ramp_epochs=10
        ),
    ),
    ("edge", "cnn"): Recipe(
        epochs=30,
        batch_size=128,
        optimizer="adamw",
        learning_rate=1e-3,
        schedule="one-cycle",
        validation_fraction=0.05,
        scaling="rescale",
        dropout=0.3,
        weight_decay=1e-2,
        label_smoothing=0.05,
        augmentation=Augmentation(
            rotation=12, scale=0.15, shear=0.2, shift=2.0, elastic_alpha=30, ramp_epochs=5
        ),
    ),
}
