"""Names of files are shown on one line, whatever is in them, and change nothing else there."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from digit_runtime.commands.info import info
from digit_runtime.commands.predict import predict
from digit_runtime.commands.read import read
from digit_runtime.commands.serve import serve
from digit_runtime.commands.verify import verify

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="refuses such names")
NUMBER = Path(__file__).parents[2] / "cases" / "pictures" / "number_2026.png"
Run = Callable[..., Result]
FAST = ("--engine", "onnxruntime")
# A line break, what makes letters red, and what makes them run to the left.
NAME = "a\n\x1b[31mb\u202ec"
SHOWN = r"a\n\x1b[31mb\u202ec"


@pytest.mark.parametrize(
    ("command", "arguments", "status", "words"),
    [
        (predict, ["{}.csv"], 1, "{}.csv: no such file"),
        (predict, ["{}.png"], 1, "{}.png: cannot be read as an image"),
        (predict, [NUMBER, "--model", "./{}"], 1, "{}: no such file or folder"),
        (serve, ["{}"], 2, "unexpected extra argument ({})"),
        (read, [NUMBER, "--show", "{}.gif"], 2, "--show {}.gif: is written as PNG"),
        (read, ["{}.png", "-o", "{}.png"], 2, "-o {}.png would write over {}.png"),
        (info, ["{}"], 1, "{}: has no manifest.json"),
        (info, ["{}.onnx"], 1, "{}.onnx: no such model file"),
        (verify, ["./{}"], 1, "{}: "),
        (serve, ["--host", "{}"], 1, "cannot listen at {}, port"),
        (serve, ["--host", "a..b"], 1, "cannot listen at a..b, port"),
    ],
)
def test_an_error_is_one_line(
    command: Any, arguments: list[object], status: int, words: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / f"{NAME}.png").write_text("no picture")
    result = run(command, *(str(argument).replace("{}", NAME) for argument in arguments))
    assert result.exit_code == status
    assert result.stdout == ""
    *usage, error = result.stderr.splitlines()
    assert words.replace("{}", SHOWN) in error
    assert len(usage) == (3 if status == 2 else 0)
    assert "\x1b" not in result.stderr


def test_what_was_read_is_a_line_for_each_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.png").write_bytes(NUMBER.read_bytes())
    (tmp_path / "bad.png").write_text("no picture")
    names = [f"{NAME}.png", "bad.png", f"{NAME}.tif"]
    result = run(read, *names, "-o", "out.csv", *FAST)
    first, second, third = result.stdout.splitlines()
    assert first.startswith(f"{SHOWN}.png   2026  ")
    assert second.startswith("bad.png   cannot be read")
    assert third == f"{SHOWN}.tif   no such file"
    # Programs get the name as it is.
    with open("out.csv", encoding="utf-8", newline="") as stream:
        assert [row[0] for row in csv.reader(stream)][1:5] == [names[0]] * 4
    assert json.loads(run(read, *names, "--json", *FAST).stdout)[0]["file"] == names[0]


def test_what_was_predicted_is_a_line_for_each_picture(run: Run, tmp_path: Path) -> None:
    for name in (NAME, "c"):
        (tmp_path / f"{name}.png").write_bytes(NUMBER.read_bytes())
    (tmp_path / f"z{NAME}.png").write_text("no picture")
    (tmp_path / f"zz{NAME}.png").write_text("no picture")
    result = run(predict, ".", *FAST)
    first, second = result.stdout.splitlines()
    assert first.startswith(f"{SHOWN}.png: ") and second.startswith("c.png: ")
    assert [line.partition(": cannot")[0] for line in result.stderr.splitlines()] == [
        f"Error: z{SHOWN}.png",
        f"Error: zz{SHOWN}.png",
    ]


def test_where_the_answers_are_is_one_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",".join(["0"] * 784) + "\n")
    result = run(predict, "a.csv", "-o", f"{NAME}.csv", "--model", "mlp", *FAST)
    assert result.stdout.startswith(f"1 digit to {SHOWN}.csv in ")
    assert result.stdout.count("\n") == 1
    assert (tmp_path / f"{NAME}.csv").exists()


def test_a_model_in_a_folder_of_any_name_is_told_in_so_many_lines(
    run: Run, tmp_path: Path, artifacts: Path
) -> None:
    (tmp_path / NAME).symlink_to(artifacts / "mlp")
    for command in (info, verify):
        named = run(command, f"./{NAME}", "--artifacts", artifacts).stdout
        plain = run(command, "mlp", "--artifacts", artifacts).stdout
        assert f"({SHOWN})" in named
        assert len(named.splitlines()) == len(plain.splitlines())


@pytest.mark.parametrize("command", ["read", "predict"])
def test_letters_that_an_output_has_not_are_escaped(command: str, tmp_path: Path) -> None:
    (tmp_path / "数.png").write_bytes(NUMBER.read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "digit_runtime", command, "数.png", *FAST],
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "cp1252"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(r"\u6570.png")
