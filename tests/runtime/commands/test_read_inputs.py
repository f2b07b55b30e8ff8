"""digit-read: what its arguments may be, and where its answers go."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result
from digit_runtime.commands.predict import predict
from digit_runtime.commands.read import read

NUMBER = Path(__file__).parents[2] / "cases" / "pictures" / "number_2026.png"
Run = Callable[..., Result]
FAST = ("--engine", "onnxruntime")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_name_that_is_no_text_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"bad\xff.png")).write_bytes(NUMBER.read_bytes())
    command: list[str | bytes] = [
        sys.executable,
        "-m",
        "digit_runtime",
        "read",
        b"bad\xff.png",
        *FAST,
    ]
    strict = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    for output in ("b.csv", "-"):
        done = subprocess.run(
            [*command, "-o", output], cwd=tmp_path, env=strict, capture_output=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        rows = done.stdout if output == "-" else (tmp_path / output).read_bytes()
        assert rows.count(b"bad\xff.png,1,1,") == 4


def test_json_gives_way_to_a_csv_on_standard_output(run: Run) -> None:
    result = run(read, NUMBER, "--json", "-o", "-", *FAST)
    assert result.stdout.count("\n") == 5 and result.stdout.startswith("File,")
    assert json.loads(result.stderr)[0]["error"] is None


@pytest.mark.skipif(sys.platform == "win32", reason="its shell shuts no stream")
@pytest.mark.parametrize("command", ["read", "predict"])
def test_a_shut_standard_input_is_told_once(command: str) -> None:
    done = subprocess.run(
        f"exec {sys.executable} -m digit_runtime {command} - <&-",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1 and "is closed" in done.stdout + done.stderr
    assert done.stderr.count("standard input") <= 1 and "Traceback" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no named pipes")
def test_a_picture_comes_through_a_named_pipe(run: Run, tmp_path: Path) -> None:
    for command, answer in ((read, "pipe.png   2026 "), (predict, "pipe.png: ")):
        os.mkfifo(tmp_path / "pipe.png")
        writer = threading.Thread(
            target=(tmp_path / "pipe.png").write_bytes, args=[NUMBER.read_bytes()], daemon=True
        )
        writer.start()
        assert run(command, "pipe.png", *FAST).stdout.startswith(answer)
        writer.join(10)
        (tmp_path / "pipe.png").unlink()


def test_a_device_without_content_is_an_empty_file(run: Run) -> None:
    assert run(read, os.devnull, *FAST).stdout == f"{os.devnull}   is empty\n"


@pytest.mark.parametrize("option", ["-o", "--show", "--artifacts"])
def test_an_empty_name_is_not_the_current_folder(option: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(NUMBER.read_bytes())
    assert run(read, "", *FAST).stdout == "''   no such file\n"
    refused = run(predict, "", *FAST)
    assert refused.exit_code == 2 and "'': no such file" in refused.stderr
    refused = run(read, "a.png", option, "", *FAST)
    assert refused.exit_code == 2 and "'': no such file" in refused.stderr


@pytest.mark.parametrize("name", ["x.tif", "x.webp", "x.pdf", "-"])
def test_a_picture_is_shown_as_png_or_jpeg_only(name: str, run: Run, tmp_path: Path) -> None:
    refused = run(read, NUMBER, "--show", name, *FAST)
    assert refused.exit_code == 2 and ".png or .jpg" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_pattern_means_files_and_folders_only_where_no_file_is(run: Run, tmp_path: Path) -> None:
    for name in ("a.png", "sub/b.png", "sub/deeper/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(NUMBER.read_bytes())
    (tmp_path / "subordinate").mkdir()
    for pattern, found in {
        "*": ["a.png"],
        "s*": ["sub/b.png"],
        "sub/**/*.png": ["sub/b.png", "sub/deeper/c.png"],
    }.items():
        result = run(read, pattern, "--json", *FAST)
        assert result.exit_code == 0, result.output
        assert [Path(file["file"]).as_posix() for file in json.loads(result.stdout)] == found


@pytest.mark.parametrize("command", [read, predict])
def test_missing_folders_are_made_as_the_help_says(
    command: click.Command, run: Run, tmp_path: Path
) -> None:
    said = " ".join(run(command, "--help").stdout.split())
    assert re.search(r"[Mm]issing folders [^.;]*are made", said)
    assert run(command, NUMBER, "-o", "new/folder/a.csv", *FAST).exit_code == 0
    assert (tmp_path / "new/folder/a.csv").read_text().startswith(("File,", "ImageId,"))
