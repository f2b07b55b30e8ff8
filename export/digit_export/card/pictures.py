"""The card's pictures: the confusion matrix and the digits that are hardest to tell."""

import io

import numpy as np
from digit_runtime.contract import LABELS, SIDE, Pixels
from matplotlib.figure import Figure

from digit_export.card.evaluate import Evaluation
from digit_export.card.text import SHOWN


def draw_confusion(evaluation: Evaluation) -> bytes:
    """Return a PNG of the mistakes only, since the diagonal holds nearly all rows."""
    counts = np.zeros((LABELS, LABELS), int)
    np.add.at(counts, (evaluation.labels, evaluation.predicted), 1)
    mistakes = counts - np.diag(np.diag(counts))
    figure = Figure(figsize=(5.4, 5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(mistakes, cmap="Reds", vmax=max(1, mistakes.max()) * 1.3)
    for label, row in enumerate(counts):
        for prediction, count in enumerate(row):
            if count:
                color = "tab:gray" if label == prediction else "black"
                axes.text(
                    prediction, label, f"{count:,}", ha="center", va="center", size=8, color=color
                )
    axes.set(xticks=range(LABELS), yticks=range(LABELS), xlabel="prediction", ylabel="label")
    axes.tick_params(length=0)
    return _png(figure)


def draw_hardest(evaluation: Evaluation, pixels: Pixels) -> bytes:
    """Return a PNG of the rows that `Evaluation.hardest` names."""
    columns = round(SHOWN**0.5)
    figure = Figure(figsize=(7.5, 8.6), layout="constrained")
    figure.subplots(columns, columns)
    for axes in figure.axes:
        axes.set_axis_off()
    # There may be fewer rows than places for them.
    for axes, row in zip(figure.axes, evaluation.hardest(), strict=False):
        label, digit = evaluation.labels[row], evaluation.predicted[row]
        axes.imshow(pixels[row].reshape(SIDE, SIDE), cmap="gray", vmin=0, vmax=255)
        axes.set_title(
            f"no. {row + 1}, label {label}\nread as {digit}, "
            f"{evaluation.probabilities[row, digit]:.0%}",
            size=8,
            color="tab:red" if label != digit else "black",
        )
    return _png(figure)


def _png(figure: Figure) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110, metadata={"Software": None})
    return picture.getvalue()
