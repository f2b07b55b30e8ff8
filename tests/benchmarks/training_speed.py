"""CPU-seconds until the notebook's final validation accuracy: recipe edge against notebook.

Both recipes train on the same rows (the last 20 % held out), one after the other, each
until an epoch ends at or above the accuracy with which the notebook ended, or the recipe
is over. Prints every epoch and the ratio:

    python tests/benchmarks/training_speed.py --model cnn --data data/train.csv
"""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import click

NOTEBOOK_ACCURACY = {"mlp": 0.9738, "cnn": 0.9871}
VALIDATION_FRACTION = 0.2


class Reached(Exception):
    """The accuracy is reached: raised to stop the training."""


@click.command()
@click.option("--model", type=click.Choice(["mlp", "tiny", "cnn"]), required=True)
@click.option("--data", type=click.Path(path_type=Path, exists=True), default="data/train.csv")
@click.option("--seed", default=0)
def main(model: str, data: Path, seed: int) -> None:
    """Print CPU-seconds to the notebook's accuracy for both recipes, and their ratio."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from digit_runtime import read_csv
    from digit_train.training.checkpoint import Checkpoint
    from digit_train.training.fit import fit
    from digit_train.training.history import Epoch
    from digit_train.training.recipes import RECIPES

    goal = NOTEBOOK_ACCURACY[model]
    pixels, labels = read_csv(data)
    assert labels is not None
    seconds = {}
    for name in ("edge", "notebook"):
        recipe = replace(RECIPES[name, model], validation_fraction=VALIDATION_FRACTION)
        epochs: list[Epoch] = []

        def report(epoch: Epoch, name: str = name, epochs: list[Epoch] = epochs) -> None:
            epochs.append(epoch)
            click.echo(
                f"{name:8}  epoch {epoch.epoch:3}  validation accuracy {epoch.val_accuracy:.4f}  "
                f"{sum(e.cpu_s for e in epochs):7.0f} CPU s  "
                f"{sum(e.wall_s for e in epochs):7.0f} s"
            )
            if epoch.val_accuracy >= goal:
                raise Reached

        with tempfile.TemporaryDirectory() as folder:
            try:
                fit(
                    model, recipe, pixels, labels, seed, Checkpoint(Path(folder), {}), False, report
                )
                click.echo(f"{name} ended below {goal:.2%}; its whole time counts")
            except Reached:
                pass
        seconds[name] = sum(epoch.cpu_s for epoch in epochs)
    click.echo(
        f"{model} to {goal:.2%}: notebook {seconds['notebook']:.0f} CPU s, edge "
        f"{seconds['edge']:.0f} CPU s: {seconds['notebook'] / seconds['edge']:.1f} times fewer"
    )


if __name__ == "__main__":
    main()
