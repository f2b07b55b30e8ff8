"""The `digit-train` command."""

import os
from pathlib import Path

import click
from digit_runtime.commands.command import DigitCommand

from digit_train.commands import options


@click.command(
    cls=DigitCommand,
    epilog="Example:  digit-train --model mlp --data data/train.csv --out artifacts/mlp",
)
@click.option("--model", type=click.Choice(["mlp", "cnn"]), required=True, help="Which network.")
@options.data(
    "data/train.csv",
    "CSV with a label column. A test_labels.csv beside it adds the test accuracy.",
)
@click.option(
    "--recipe", type=click.Choice(["edge", "notebook"]), default="edge", show_default=True
)
@click.option("--epochs", type=click.IntRange(min=1), help="Instead of the recipe's own number.")
@options.seed(largest=100_000)
@click.option("--resume", is_flag=True, help="Continue the training interrupted in --out.")
@options.out(None, "Model directory.  [default: artifacts/MODEL]")
@click.option(
    "--replace",
    is_flag=True,
    help="Replace the model that --out holds; its exports and its card go with it.",
)
def train(
    model: str,
    data: Path,
    recipe: str,
    epochs: int | None,
    seed: int,
    resume: bool,
    out: Path | None,
    replace: bool,
) -> None:
    """Train one of the two networks, from a CSV to a model directory.

    Each epoch is checkpointed; a killed training goes on with --resume. What --out held
    before stays until the new model is complete, and is not replaced unasked.
    """
    from digit_train.training.folder import holds_model

    out = out or Path("artifacts") / model
    # Who resumes was asked when the training began.
    if holds_model(out) and not (replace or resume or (out / "checkpoint").exists()):
        raise click.UsageError(
            f"{out}: holds a model, with all that was made of it; add --replace to train another "
            "in its place, or give a new folder with --out"
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from digit_train.training import run
    from digit_train.training.history import Epoch

    def report(epoch: Epoch) -> None:
        click.echo(
            f"epoch {epoch.epoch:3}  loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.4f}  "
            f"val_loss {epoch.val_loss:.4f}  val_accuracy {epoch.val_accuracy:.4f}  "
            f"{epoch.wall_s:.1f} s",
            err=True,
        )

    manifest = run.train(model, data, out, recipe, epochs, seed, resume, report)
    training = manifest.provenance["training"]
    click.echo(f"model                {out / 'model.keras'}")
    click.echo(f"validation accuracy  {training['validation_accuracy']:.4%}")
    if training["test_accuracy"] is not None:
        click.echo(f"test accuracy        {training['test_accuracy']:.4%}")
    click.echo(f"training time        {training['wall_s']:.0f} s ({training['cpu_s']:.0f} CPU s)")
    click.echo(f"next                 digit-export --model {out / 'model.keras'}")
