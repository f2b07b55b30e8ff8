"""What a recipe is: everything that decides how a network is trained, except data and seed."""

from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Literal


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
class Phase:
    """Some epochs under one learning-rate schedule, with an optimizer that starts anew."""

    epochs: int
    learning_rate: float
    """Constant for "constant"; the peak for "one-cycle"."""
    schedule: Literal["constant", "one-cycle"]
    batch_size: int
    augmentation: Augmentation | None = None
    lessons: Literal["wide", "near"] | None = None
    """Which of the teacher's lessons; None for a training without a teacher."""
    outliers: bool = True
    """Whether what is no digit stays among a lesson's rows."""
    sketched: float = 0.0
    """Frames and scribbles of many families that come to a lesson, as a share of its rows."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides how a network is trained, except data and seed."""

    phases: tuple[Phase, ...]
    optimizer: Literal["sgd", "adamw"]
    validation_fraction: float
    """The last rows of the file, never trained on."""
    scaling: Literal["min-max", "rescale"]
    dropout: float = 0.5
    batch_norm: bool = False
    """Normalize before each ReLU while training; folded away before publishing."""
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    """Of the training's arithmetic; the published weights are float32 in any case."""
    start: str | None = None
    """The teacher's member whose weights the training goes on from."""
    start_share: float = 0.0
    """How much of the starting weights is averaged into the published ones: Wortsman et al.,
    "Robust fine-tuning of zero-shot models" (CVPR 2022)."""

    @property
    def taught(self) -> bool:
        """Tell whether a teacher is needed."""
        return any(phase.lessons for phase in self.phases)

    @property
    def sketched(self) -> bool:
        """Tell whether frames and scribbles come to its lessons."""
        return any(phase.sketched for phase in self.phases)

    @property
    def epochs(self) -> int:
        """The epochs of all phases."""
        return sum(phase.epochs for phase in self.phases)

    def with_epochs(self, epochs: int) -> "Recipe":
        """Return the recipe stretched or shortened, each phase keeping its share."""
        ends = [
            round(end * epochs / self.epochs) for end in accumulate(p.epochs for p in self.phases)
        ]
        lengths = [end - start for start, end in pairwise([0, *ends])]
        phases = (
            replace(phase, epochs=length)
            for phase, length in zip(self.phases, lengths, strict=True)
            if length
        )
        return replace(self, phases=tuple(phases))

    def followed_by(self, *lengths: int) -> "Recipe":
        """Return the recipe with more phases of so many epochs, each like its last one.

        A constant rate stays. A one-cycle schedule ended at nothing; what follows it rises
        only to a tenth of its peak, since the network is trained already.
        """
        last = self.phases[-1]
        like = replace(
            last,
            learning_rate=last.learning_rate * (1 if last.schedule == "constant" else 0.1),
            augmentation=last.augmentation and replace(last.augmentation, ramp_epochs=0),
        )
        more = (replace(like, epochs=epochs) for epochs in lengths)
        return replace(self, phases=(*self.phases, *more))

    def at(self, epoch: int) -> tuple[Phase, int]:
        """Return the phase of an epoch, and the epoch's number in it, both from 1."""
        for phase in self.phases:
            if epoch <= phase.epochs:
                return phase, epoch
            epoch -= phase.epochs
        raise ValueError(f"the recipe has only {self.epochs} epochs")
