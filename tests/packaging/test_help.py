import re
import subprocess
import sys

import pytest

COMMANDS = {
    "digit-data": "digit_train.commands.data:data",
    "digit-train": "digit_train.commands.train:train",
    "digit-export": "digit_export.commands.export:export",
    "digit-predict": "digit_runtime.commands.predict:predict",
    "digit-compare": "digit_runtime.commands.compare:compare",
    "digit-info": "digit_runtime.commands.info:info",
    "digit-verify": "digit_runtime.commands.verify:verify",
    "digit-doctor": "digit_runtime.commands.doctor:doctor",
    "digit-serve": "digit_runtime.commands.serve:serve",
    "digit-card": "digit_export.commands.card:card",
    "digit-batch": "digit_runtime.commands.batch:batch",
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
        f"try: c(['--help'], prog_name={command!r})\n"
        "finally: print('modules', *sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    usage, modules = result.stdout.rsplit("modules ", 1)
    assert usage.startswith(f"Usage: {command}")
    assert re.search(rf"Example:\s+{command} ", usage)
    assert not HEAVY & set(modules.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_the_entry_point_is_installed(command: str) -> None:
    from importlib.metadata import entry_points

    (entry,) = entry_points(group="console_scripts", name=command)
    assert entry.value == COMMANDS[command]
