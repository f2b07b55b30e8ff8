"""What happened in each epoch, as CSV rows and as a picture."""

import csv
import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from digit_runtime.contract import LABELS


@dataclass(frozen=True)
class Epoch:
    """One epoch. Losses are mean cross-entropy, accuracies fractions, times seconds."""

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    wall_s: float
    cpu_s: float


def to_csv(history: list[Epoch]) -> bytes:
    """Return a CSV file with one row per epoch."""
    text = io.StringIO(newline="")
    rows = csv.DictWriter(text, [field.name for field in fields(Epoch)], lineterminator="\n")
    rows.writeheader()
    rows.writerows(
        {key: round(value, 6) for key, value in asdict(epoch).items()} for epoch in history
    )
    return text.getvalue().encode()


def read_csv(path: Path) -> list[Epoch]:
    """Read what `to_csv` wrote.

    Raises:
        OSError: There is no such file, or it cannot be read.
        ValueError: It holds something else.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            history = [
                Epoch(int(row.pop("epoch")), **{key: float(value) for key, value in row.items()})
                for row in csv.DictReader(stream)
            ]
        check(history)
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise ValueError(f"{path}: is not a history of digit-train: {error}") from error
    return history


def check(history: Sequence[Epoch]) -> None:
    """Raise ValueError if its epochs are not counted from 1, or hold what is no number."""
    if not history or any(epoch.epoch != row for row, epoch in enumerate(history, 1)):
        raise ValueError("its epochs are not counted from 1")
    for epoch in history:
        if not all(map(math.isfinite, asdict(epoch).values())):
            raise ValueError(f"epoch {epoch.epoch} holds what is no number")


def least_loss(smoothing: float) -> float:
    """Return the least cross-entropy that label smoothing leaves: that of the target itself."""
    if not smoothing:
        return 0.0
    other = smoothing / LABELS
    right = 1 - smoothing + other
    return -right * math.log(right) - (LABELS - 1) * other * math.log(other)


def reading(settings: Mapping[str, Any]) -> str:
    """Return what must be known to read the curves of a recipe, one line; or nothing."""
    phases = settings["phases"]
    notes = []
    if smoothing := settings["label_smoothing"]:
        notes.append(
            f"label smoothing {smoothing:g}: no loss is below {least_loss(smoothing):.2f} (dotted)"
        )
    if any(phase.get("lessons") for phase in phases):
        notes.append("training rows are distorted and partly spoiled, validation rows are not")
        if any(phase.get("outliers") for phase in phases):
            notes.append(
                "one training row in six or more shows no digit: its loss is 2.3 at best, its "
                "answer mostly counts as wrong"
            )
    elif any(phase.get("augmentation") for phase in phases):
        notes.append("training rows are distorted, validation rows are not, so they are easier")
    return "; ".join(notes)


def draw(history: list[Epoch], title: str, settings: Mapping[str, Any]) -> bytes:
    """Draw loss and error rate over the epochs, training and validation, as a PNG.

    The error rate has a logarithmic axis: on digits nearly all of the story lies
    between 97 and 100 % accuracy.

    Args:
        history: The epochs.
        title: The picture's.
        settings: The recipe's, for the line that says how to read the curves.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter, LogLocator

    epochs = [epoch.epoch for epoch in history]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    left.plot(epochs, [epoch.loss for epoch in history], "--", color="tab:gray", label="training")
    left.plot(epochs, [epoch.val_loss for epoch in history], color="tab:blue", label="validation")
    left.set(xlabel="epoch", ylabel="cross-entropy", yscale="log")
    if floor := least_loss(settings["label_smoothing"]):
        left.axhline(floor, linestyle=":", color="tab:red")
    if note := reading(settings):
        figure.supxlabel("\n".join(textwrap.wrap(note, 120)), fontsize=8)
    for name, style, color in (
        ("accuracy", "--", "tab:gray"),
        ("val_accuracy", "-", "tab:blue"),
    ):
        errors = [100 * (1 - getattr(epoch, name)) for epoch in history]
        right.plot(epochs, errors, style, color=color)
    right.set(xlabel="epoch", ylabel="error rate (%)", yscale="log")
    for axes in (left, right):
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        # The numbers between are told only where little is on the axis, and there is room.
        axes.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(0.7, 0.4)))
        axes.grid(alpha=0.3, which="both")
    left.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    return picture.getvalue()
