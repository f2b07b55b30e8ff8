"""The `digit-train` command."""

import os
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from digit_runtime.commands.command import DigitCommand, say
from digit_runtime.commands.outputs import refuse_overwriting
from digit_runtime.terminal import duration, native_stderr_silenced, one_line

from digit_train.commands import options

if TYPE_CHECKING:
    from digit_train.training.finished import Finished
    from digit_train.training.history import Epoch


@click.command(
    cls=DigitCommand,
    epilog="Example:  digit-train --model mlp --data data/train.csv --out runs/mlp",
)
@click.option(
    "--model",
    type=click.Choice(["tiny", "mlp", "cnn", "teacher"]),
    required=True,
    help="Which network; the teacher is an ensemble that the others learn from.",
)
@options.data(
    "data/train.csv",
    "CSV with a label column. A test_labels.csv beside it adds the test accuracy.",
)
@click.option(
    "--recipe",
    type=click.Choice(["distilled", "edge", "notebook"]),
    help="[default: distilled with --teacher, else edge]",
)
@click.option(
    "--teacher",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the teacher to learn from, made by --model teacher.",
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
@click.option(
    "--more-epochs",
    type=click.IntRange(min=1),
    help="Go on with the finished model in --out for so many epochs, by its own recipe.",
)
@click.pass_context
def train(
    ctx: click.Context,
    model: str,
    data: Path,
    recipe: str | None,
    teacher: Path | None,
    epochs: int | None,
    seed: int,
    resume: bool,
    out: Path | None,
    replace: bool,
    more_epochs: int | None,
) -> None:
    """Train one of the networks, from a CSV to a model directory.

    With --teacher it learns an ensemble's answers, to tell digits from what is none, and to
    read digits that are turned, faint or noisy. The ensemble is made by --model teacher,
    which needs the fonts that digit-data others fetches into the folder of --data.

    Each epoch is checkpointed; a killed training goes on with --resume. What --out held
    before stays until the new model is complete, and is not replaced unasked.

    The rows held out are scored: accuracy, confusions, and in held-out.csv and held-out.png
    those that were hardest.
    """
    from digit_train.training.folder import (
        claimed,
        holds_model,
        interrupted,
        listed,
        read_of_teacher,
        written,
    )

    out = out or Path("artifacts") / model
    read = read_of_teacher(teacher) if teacher else []
    refuse_overwriting({"--out": [out, *written(out)]}, [data, *read])
    if model == "teacher":
        _refuse(
            ctx,
            ("recipe", "seed", "resume", "replace", "more_epochs"),
            "a teacher's members have recipes and seeds of their own, and it goes on by itself",
        )
    if more_epochs:
        _refuse(
            ctx,
            ("recipe", "epochs", "seed"),
            "--more-epochs goes on by the model's own recipe and seed",
        )
    recipe = recipe or ("distilled" if teacher else "edge")
    from digit_train.training.recipes import RECIPES

    if (recipe, model) not in RECIPES and model != "teacher":
        raise click.UsageError(f"the {model} has no recipe {recipe}")
    if teacher and (model == "teacher" or not RECIPES[recipe, model].taught):
        raise click.UsageError("--teacher is for the recipe distilled of tiny, mlp and cnn")
    ctx.with_resource(claimed(out))
    # Who resumes was asked when the training began.
    replace = replace or resume or interrupted(out) or bool(more_epochs and not listed(out))
    if holds_model(out) and not replace:
        add = "" if model == "teacher" else "add --replace to train another in its place, or "
        raise click.UsageError(
            f"{out}: holds a model, with all that was made of it; {add}give a new folder with --out"
        )
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # What TensorFlow says of CPUs and GPUs before it reads that setting tells nobody anything.
    with native_stderr_silenced():
        import tensorflow as tf

        tf.config.list_physical_devices()
        # It warns as soon as there are five networks, each of which has a graph of its own.
        tf.get_logger().setLevel("ERROR")
        from digit_train.training import run
    from digit_train.training.history import Epoch

    def report(epoch: Epoch) -> None:
        click.echo(
            f"epoch {epoch.epoch:3}  loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.4f}  "
            f"val_loss {epoch.val_loss:.4f}  val_accuracy {epoch.val_accuracy:.4f}  "
            f"{epoch.wall_s:.1f} s",
            err=True,
        )

    if model == "teacher":
        _teach(data, out, epochs, report)
        return
    finished = _finished(model, out, teacher) if more_epochs else None
    manifest = run.train(
        model, data, out, recipe, more_epochs or epochs, seed, resume, report, finished, teacher
    )
    training = manifest.provenance["training"]
    click.echo(_held_out_text(training["held_out"], out))
    if passing := training.get("sketches_passing"):
        shares = ", ".join(f"{kind} {share:.1%}" for kind, share in passing.items())
        click.echo(f"pass for a digit     {shares}, of families not trained with")
    say(f"model                {out / 'model.keras'}")
    if training["test_accuracy"] is not None:
        click.echo(f"test accuracy        {training['test_accuracy']:.4%}")
    wall, cpu = duration(training["wall_s"]), duration(training["cpu_s"])
    click.echo(f"training time        {wall} ({cpu} of CPU time)")
    _say_next("digit-export", "--model", out / "model.keras", "--data", data)


def _teach(data: Path, out: Path, epochs: int | None, report: Callable[["Epoch"], None]) -> None:
    from digit_train.data.others import FOLDER
    from digit_train.training.teach import teach

    found = teach(data, out, data.parent / FOLDER, epochs, partial(say, err=True), report)
    say(f"teacher              {out}")
    click.echo(f"validation accuracy  {found['validation_accuracy']:.2%}")
    _say_next("digit-train", "--model", "tiny", "--data", data, "--teacher", out)


def _say_next(*command: str | Path) -> None:
    say(f"next                 {shlex.join(map(str, command))}")


def _refuse(ctx: click.Context, names: Sequence[str], reason: str) -> None:
    for name in names:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{reason}: leave out --{name.replace('_', '-')}")


def _finished(model: str, out: Path, teacher: Path | None) -> "Finished":
    from digit_train.training.finished import Finished

    finished = Finished.read(out)
    if finished.model != model:
        raise click.UsageError(f"{out}: holds the {finished.model}, not the {model}")
    if teacher and not finished.recipe(1).taught:
        raise click.UsageError(f"{out}: its {model} learnt without a teacher: leave out --teacher")
    return finished


def _held_out_text(held_out: dict[str, Any], out: Path) -> str:
    import numpy as np
    from digit_runtime.predicting.score import Score

    return (
        f"{held_out['rows']:,} rows were held out of the training:\n"
        f"{Score(np.array(held_out['confusion']))}\n"
        + one_line(f"hardest rows         {out / 'held-out.csv'}, {out / 'held-out.png'}")
    )
