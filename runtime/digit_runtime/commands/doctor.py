"""The `digit-doctor` command."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digit_runtime.commands import options
from digit_runtime.commands.command import DigitCommand
from digit_runtime.terminal import one_line, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from digit_runtime.checks.doctor import Choice, EngineState
    from digit_runtime.checks.extras import Extra
    from digit_runtime.device import Machine

_ALL_WELL = "What is installed works; nothing is in the way."


@click.command(cls=DigitCommand, epilog="Example:  digit-doctor --artifacts artifacts")
@options.artifacts
@options.as_json
def doctor(artifacts: Path | None, as_json: bool) -> None:
    """Show what predicts on this device, with what, and what would make it better.

    The CPU and those of its instructions that matter for int8, memory, Python, which
    engines are installed and work, which extras are there, which file and engine digit-predict
    will use for each model, and the pip line for what is missing. The engines are measured
    anew, and the result is remembered for digit-predict. Exit status 1 if there is no model,
    or one that digit-predict cannot use.
    """
    from dataclasses import asdict

    from digit_runtime import device
    from digit_runtime.checks import doctor as diagnosis
    from digit_runtime.checks.extras import EXTRAS
    from digit_runtime.errors import DigitError
    from digit_runtime.models.exported import exported
    from digit_runtime.models.folder import artifacts_folder, model_names

    machine = device.look()
    folder = artifacts_folder(artifacts)
    notes: list[str] = []
    names: list[str] = []
    try:
        found = exported([folder / name for name in model_names(folder)], notes.append)
        names = [directory.name for directory in found]
    except DigitError as error:
        notes.append(str(error))
    files = diagnosis.intact_files(folder, names)
    engines = diagnosis.engines(files, machine)
    choices = diagnosis.choices(folder, names, engines)
    notes += diagnosis.notes(machine, engines, choices, files)
    if as_json:
        document = {
            "schema": 1,
            "machine": asdict(machine),
            "engines": [asdict(engine) for engine in engines],
            "extras": [
                {**asdict(e), "installed": e.installed, "pip_line": e.pip_line} for e in EXTRAS
            ],
            "models": [asdict(choice) for choice in choices],
            "notes": notes,
        }
        click.echo(json.dumps(document, indent=2))
    else:
        parts = [_machine(machine), _engines(engines), _extras(EXTRAS)]
        if choices:
            parts.append(_choices(choices))
        parts.append("\n".join(one_line(f"- {note}") for note in notes) or _ALL_WELL)
        click.echo("\n\n".join(parts))
    if unusable := [choice.model for choice in choices if choice.error]:
        raise click.ClickException(f"digit-predict cannot use {', '.join(unusable)}; see above")
    if not choices:
        raise click.ClickException("digit-predict has no model to use; see above")


def _machine(machine: "Machine") -> str:
    def size(value: int | None) -> str:
        return "unknown" if value is None else f"{value / 1e9:.1f} GB"

    flags = "unknown" if machine.flags is None else ", ".join(machine.flags) or "none"
    facts = {
        "cpu": ", ".join(dict.fromkeys((machine.cpu, machine.architecture))),
        "flags": flags,
        "CPUs": f"{machine.usable_cpus} usable of {machine.cpus or 'unknown'}",
        "memory": f"{size(machine.memory)}, {size(machine.available_memory)} available",
        "system": machine.system,
        "python": f"{machine.python}, {machine.python_bits}-bit",
    }
    return "\n".join(f"{key:<7} {value}" for key, value in facts.items())


def _engines(engines: list["EngineState"]) -> str:
    rows = [
        [
            engine.name,
            engine.reads,
            engine.version or "-",
            _state(engine),
        ]
        for engine in engines
    ]
    return table(["engine", "reads", "version", "state"], rows, left=4)


def _extras(extras: "Sequence[Extra]") -> str:
    rows = [
        [extra.name, extra.purpose, "installed" if extra.installed else extra.pip_line]
        for extra in extras
    ]
    return table(["extra", "for", "state"], rows, left=3)


def _state(engine: "EngineState") -> str:
    if engine.broken:
        return "does not work, see below"
    return engine.state if engine.version or not engine.pip_line else engine.pip_line


def _choices(choices: list["Choice"]) -> str:
    lines = []
    for choice in choices:
        if choice.path:
            lines.append(f"{choice.model}: {Path(choice.path).name} on {choice.engine}")
            lines.append(f"{'':<{len(choice.model)}}  {choice.reason}")
        else:
            lines.append(f"{choice.model}: cannot be used, see below")
    return "\n".join(map(one_line, lines))
