import importlib
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner
from digit_runtime.commands.command import DigitCommand, DigitGroup

COMMANDS = {
    "digit-data": "digit_train.commands.data:data",
    "digit-train": "digit_train.commands.train:train",
    "digit-export": "digit_export.commands.export:export",
    "digit-predict": "digit_runtime.commands.entry:predict",
    "digit-read": "digit_runtime.commands.entry:read",
    "digit-compare": "digit_runtime.commands.entry:compare",
    "digit-info": "digit_runtime.commands.entry:info",
    "digit-verify": "digit_runtime.commands.entry:verify",
    "digit-doctor": "digit_runtime.commands.entry:doctor",
    "digit-serve": "digit_runtime.commands.entry:serve",
    "digit-card": "digit_export.commands.card:card",
    "digit-keras-predict": "digit_export.commands.keras_predict:keras_predict",
    "digit-batch": "digit_runtime.commands.entry:batch",
}
HEAVY = {
    *("tensorflow", "keras", "onnx", "onnxruntime", "tf2onnx", "pandas", "matplotlib"),
    *("pyarrow", "ray", "starlette", "uvicorn"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_imports_nothing_heavy(command: str) -> None:
    module, name = COMMANDS[command].split(":")
    script = (
        f"import sys; from {module} import {name} as c\n"
        f"try: c(['-h'], prog_name={command!r})\n"
        "finally: print('modules', *sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    usage, modules = result.stdout.rsplit("modules ", 1)
    assert usage.startswith(f"Usage: {command}")
    assert re.search(rf"Example:\s+{command} ", usage)
    assert not HEAVY & set(modules.split())


def test_labels_are_those_of_rows() -> None:
    from digit_export.commands.export import export

    shown = CliRunner().invoke(export, ["--help"]).stdout
    assert "--class-names NAME" in shown
    assert " --labels" not in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_the_entry_point_is_installed(command: str) -> None:
    from importlib.metadata import entry_points

    (entry,) = entry_points(group="console_scripts", name=command)
    assert entry.value == COMMANDS[command]


def subcommands(group: click.Command, words: str) -> list[tuple[str, click.Command]]:
    found = [(words, group)]
    for name, command in getattr(group, "commands", {}).items():
        found += subcommands(command, f"{words} {name}")
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_every_subcommand_has_help_and_version_and_says_errors_in_one_line(command: str) -> None:
    module, attribute = COMMANDS[command].split(":")
    if module.endswith("entry"):
        module = module.replace("entry", attribute)
    whole = getattr(importlib.import_module(module), attribute)
    for words, one in subcommands(whole, command):
        _, *rest = words.split()
        assert isinstance(one, (DigitCommand, DigitGroup)), words
        usage = CliRunner().invoke(whole, [*rest, "-h"], prog_name=command)
        assert (usage.exit_code, usage.stderr) == (0, "") and words in usage.stdout
        told = CliRunner().invoke(whole, [*rest, "--version"], prog_name=command)
        assert told.exit_code == 0 and re.fullmatch(rf"{words} \d\S+\n", told.stdout), told.output


@pytest.mark.parametrize("command", COMMANDS)
def test_the_version_is_told(command: str) -> None:
    from importlib.metadata import version

    module, name = COMMANDS[command].split(":")
    script = f"from {module} import {name} as c; c(['--version'], prog_name={command!r})"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    runtime = module.startswith("digit_runtime")
    number = version("digit-runtime" if runtime else "digit-toolkit")
    assert (result.stdout, result.returncode) == (f"{command} {number}\n", 0)


def test_the_module_tells_which_commands_there_are() -> None:
    def module(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "digit_runtime", *arguments]
        return subprocess.run(command, capture_output=True, text=True)

    from digit_runtime import __version__

    runtime = [name for name in COMMANDS if COMMANDS[name].startswith("digit_runtime")]
    assert all(name in module().stdout for name in runtime)
    assert module("--version").stdout == f"digit-runtime {__version__}\n"
    assert module("predict", "--help").stdout.startswith("Usage: digit-predict ")
    wrong = module("fly")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "digit-predict" in wrong.stderr
