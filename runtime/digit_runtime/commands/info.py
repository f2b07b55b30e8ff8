"""The `digit-info` command."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from digit_runtime.commands import options
from digit_runtime.commands.command import DigitCommand
from digit_runtime.formats.table import format_names
from digit_runtime.terminal import duration, one_line, percent, table

if TYPE_CHECKING:
    from digit_runtime.checks.model_file import Inspection


@click.command(cls=DigitCommand, epilog="Example:  digit-info cnn")
@click.argument("model", metavar="[MODEL|FILE]", required=False, type=click.Path(readable=False))
@options.artifacts
@options.as_json
def info(model: str | None, artifacts: Path | None, as_json: bool) -> None:
    """Show the models that are here, their files and what they were made from.

    MODEL is a name under --artifacts, the path of a model directory, or a folder of
    several, as of runs; without it, all models are shown. ./mlp is a path, mlp a name,
    unless the folder mlp here has a manifest.json. Every file's hash is checked against
    its manifest; exit status 1 if one is damaged.

    FILE is a .onnx or .tflite file. Its graph is read and told: operators, parameters,
    multiplications, what is stored and computed in int8, and what digit-export wrote into
    it. Exit status 1 if it is not what its name or its manifest calls it.
    """
    if model and Path(model).suffix.removeprefix(".") in format_names():
        return _file(Path(model), as_json)
    from digit_runtime.checks.model_folder import describe_engines, describe_model
    from digit_runtime.models.folder import artifacts_folder, model_directories

    directories = model_directories(model, artifacts_folder(artifacts))
    models = [describe_model(directory) for directory in directories]
    engines = describe_engines()
    if as_json:
        click.echo(json.dumps({"models": models, "engines": engines}, indent=2))
    else:
        overview = [_overview(models)] * (len(models) > 1)
        click.echo("\n\n".join([*overview, *map(_text, models), _engines(engines)]))
    damaged = [file["path"] for m in models for file in m["files"] if file["state"] == "damaged"]
    if damaged:
        raise click.ClickException(f"damaged: {', '.join(damaged)}; export or copy again")


def _file(path: Path, as_json: bool) -> None:
    from digit_runtime.checks.model_file import inspect

    found = inspect(path)
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=2))
    else:
        click.echo(_file_text(found))
    if found.complaints:
        raise click.ClickException(f"{path}: {'; '.join(found.complaints)}")


def _file_text(found: "Inspection") -> str:
    weights = ", ".join(f"{share:.1%} {name}" for name, share in found.weights.items())
    int8 = "not known" if found.int8_macs is None else f"{found.int8_macs:.1%} int8 with int8"
    macs = "not known" if found.macs is None else f"{found.macs:,} for one image"
    version = "opset" if found.format == "onnx" else "schema"
    facts = {
        "file": f"{found.path}, {found.bytes:,} bytes",
        "sha256": found.sha256,
        "format": f"{found.format}, {version} {found.version}",
        "precision": (found.called or "not told") + found.unknown * " (unknown precision)",
        "takes": "; ".join(found.inputs),
        "gives": "; ".join(found.outputs),
        "parameters": f"{found.parameters:,} (weights and biases of layers)",
        "weights": f"stored as {weights or 'nothing: there is no layer'}",
        "activations": found.activations,
        "MACs": f"{macs}; {int8}",
        "operators": ", ".join(f"{name} {count}" for name, count in found.operators.items()),
        **{key.removeprefix("digit."): value for key, value in found.metadata.items()},
    }
    width = max(map(len, facts)) + 1
    return "\n".join(one_line(f"{key:<{width}} {value}") for key, value in facts.items())


def _overview(models: list[dict[str, Any]]) -> str:
    """Return a table of the models and how they were trained, for a folder of several."""
    rows = []
    for model in models:
        training = model.get("training", {})
        rows.append(
            [
                model["name"],
                Path(model["folder"]).name,
                f"{training.get('recipe', '-')}, {training.get('epochs', '-')}",
                f"{model.get('model', {}).get('parameters', 0):,}",
                _held_out(training) or "-",
                duration(training["wall_s"]) if "wall_s" in training else "-",
                f"{len(model['files'])}",
            ]
        )
    header = ["model", "folder", "recipe, epochs", "parameters"]
    header += ["accuracy on\nheld-out rows", "trained\nfor", "exported\nfiles"]
    return table(header, rows, left=3)


def _held_out(training: Mapping[str, Any]) -> str | None:
    right = training.get("validation_accuracy")
    interval = training.get("held_out", {}).get("confidence_interval_95")
    margin = f" +/- {50 * (interval[1] - interval[0]):.2f}" if interval else ""
    return None if right is None else f"{percent(right)}{margin}"


def _text(model: dict[str, Any]) -> str:
    training = model.get("training", {})
    facts = {
        "model": f"{model['name']}  ({model['folder']})",
        "parameters": f"{model.get('model', {}).get('parameters', 0):,}",
        "labels": ", ".join(model["labels"]),
    }
    if training:
        facts |= {
            "recipe": f"{training.get('recipe', '?')}, {training.get('epochs', '?')} epochs, "
            f"seed {training.get('seed', '?')}",
            "trained on": f"{training.get('data', {}).get('file', '?')}, sha256 "
            f"{training.get('data', {}).get('sha256', '?')[:16]}",
        }
        if "wall_s" in training:
            facts["trained for"] = duration(training["wall_s"])
        if right := _held_out(training):
            facts["held out"] = f"{right} of the rows held out of training are right"
    if tools := model.get("tools"):
        facts["tools"] = ", ".join(f"{tool} {version}" for tool, version in tools.items())
    lines = [one_line(f"{key:<12} {value}") for key, value in facts.items()]
    from digit_runtime.models.exported import export_command

    rows = [
        [
            file["path"],
            file["precision"]
            + " (unknown)" * (not file["precision_known"])
            + " (by tolerance)" * bool(file["tolerance"]),
            f"{file['bytes'] / 1000:,.0f}",
            *(
                "-" if file[kind].get("test") is None else percent(file[kind]["test"], decimals)
                for kind, decimals in (("accuracy", 2), ("agreement", 3))
            ),
            file["state"],
        ]
        for file in model["files"]
    ]
    if not rows:
        command = export_command(Path(model["folder"]))
        return "\n".join([*lines, "", f"no exported files yet: {command}"])
    header = ["file", "precision", "size kB", "test accuracy", "agrees with Keras", "state"]
    return "\n".join([*lines, "", table(header, rows, left=2)])


def _engines(engines: list[dict[str, Any]]) -> str:
    rows = [
        [e["name"], e["reads"], "installed" if e["installed"] else f'pip install "{e["extra"]}"']
        for e in engines
    ]
    return table(["engine", "reads", "state"], rows, left=3)
