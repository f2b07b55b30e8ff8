"""An exported file's answers against Keras's, on the same rows."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from digit_runtime.contract import Labels, Probabilities
from digit_runtime.models.manifest import Parity
from numpy.typing import NDArray

from digit_export.convert.targets import Gate
from digit_export.parity.statistics import (
    Reliability,
    change_interval,
    kl_divergence,
    mcnemar_exact,
)

ALONE: Final = "validation, one image at a time"
"""Names the figures of a file whose answers depend on the batch, as a device may ask it."""


@dataclass(frozen=True)
class Comparison:
    """Probabilities of both, float32 ``[N, 10]``, for rows with labels, uint8 ``[N]``."""

    keras: Probabilities
    exported: Probabilities
    labels: Labels

    @cached_property
    def flipped(self) -> NDArray[np.intp]:
        """Indices of the rows where the most probable digit differs."""
        return np.flatnonzero(self.keras.argmax(axis=1) != self.exported.argmax(axis=1))

    @cached_property
    def lost(self) -> int:
        """How many rows only Keras has right."""
        labels = self.labels[self.flipped]
        return int(np.count_nonzero(self.keras[self.flipped].argmax(axis=1) == labels))

    @cached_property
    def gained(self) -> int:
        """How many rows only the file has right."""
        labels = self.labels[self.flipped]
        return int(np.count_nonzero(self.exported[self.flipped].argmax(axis=1) == labels))

    @cached_property
    def keras_reliability(self) -> Reliability:
        """How sure and how right Keras is."""
        return Reliability.of(self.keras, self.labels)

    @cached_property
    def reliability(self) -> Reliability:
        """How sure and how right the file is."""
        return Reliability.of(self.exported, self.labels)

    def flips_beyond(self, difference: float) -> int:
        """Count the changed answers that errors of up to `difference` do not explain.

        They can swap two digits whose probabilities are within twice as much: a tie.
        """
        rows = self.keras[self.flipped]
        now = np.take_along_axis(rows, self.exported[self.flipped].argmax(axis=1)[:, None], axis=1)
        return int(np.count_nonzero(rows.max(axis=1) - now[:, 0] > 2 * difference))

    def figures(self) -> Parity:
        """Return what the manifest records."""
        difference = np.abs(self.exported - self.keras)
        low, high = change_interval(self.lost, self.gained, len(self.labels))
        return Parity(
            rows=len(self.keras),
            agreement=1 - len(self.flipped) / len(self.keras),
            max_difference=_rounded(difference.max()),
            mean_difference=_rounded(difference.mean(dtype=np.float64)),
            accuracy=_accuracy(self.exported, self.labels),
            keras_accuracy=_accuracy(self.keras, self.labels),
            change_low=round(low, 7),
            change_high=round(high, 7),
            mcnemar_p=_rounded(mcnemar_exact(self.lost, self.gained)),
            kl_divergence=_rounded(kl_divergence(self.keras, self.exported)),
            ece=round(self.reliability.error, 6),
            keras_ece=round(self.keras_reliability.error, 6),
        )

    def misses(self, gate: Gate) -> list[str]:
        """Return in words what does not pass `gate`; nothing if all does."""
        if not np.isfinite(self.exported).all():
            return ["has probabilities that are not numbers"]
        figures = self.figures()
        found = []
        if gate.max_difference is not None and figures.max_difference > gate.max_difference:
            found.append(f"difference {figures.max_difference:.1e} > {gate.max_difference:.0e}")
        if gate.min_agreement is not None:
            flips = self.flips_beyond(gate.max_difference or 0.0)
            if flips > len(self.keras) * (1 - gate.min_agreement):
                agreement = 1 - flips / len(self.keras)
                found.append(f"agreement {agreement:.3%} < {gate.min_agreement:.1%}")
        if gate.max_accuracy_loss is not None:
            lost = self.lost - self.gained
            if lost > len(self.keras) * gate.max_accuracy_loss:
                points = 100 * lost / len(self.keras)
                found.append(f"accuracy -{points:.2f} points, limit {_points(gate)}")
        return found


def _accuracy(probabilities: Probabilities, labels: Labels) -> float:
    return int(np.count_nonzero(probabilities.argmax(axis=1) == labels)) / len(labels)


def _rounded(difference: float) -> float:
    # Further digits are those of this CPU's arithmetic, not of the file.
    return float(f"{difference:.2e}")


def _points(gate: Gate) -> str:
    return f"{100 * (gate.max_accuracy_loss or 0):.2f}"
