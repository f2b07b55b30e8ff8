"""The whole command on the shipped mlp: goals, baselines, pictures, turns, Ctrl-C."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from digit_runtime.commands.compare import compare
from digit_runtime.comparison import rounds
from digit_runtime.comparison.candidates import candidates
from digit_runtime.comparison.measured import Plan
from digit_runtime.contract import Labels, Pixels
from digit_runtime.measuring.process import Process

Run = Callable[..., Result]
FEW = ("--models", "mlp", "--engine", "onnxruntime", "--engine", "litert")
FAST = (*FEW, "--seconds", 0.02, "--rounds", 3)


@pytest.fixture
def labelled(
    test_digits: tuple[Pixels, Labels], write_pixels: Callable[..., Path], tmp_path: Path
) -> Path:
    return write_pixels(tmp_path / "labelled.csv", test_digits[0][:300], test_digits[1][:300])


def test_the_goal_picks_a_row_and_says_why(run: Run, artifacts: Path, labelled: Path) -> None:
    options = (*FAST, "--artifacts", artifacts, "--data", labelled)
    result = run(compare, *options, "--goal", "latency<1s,accuracy>=90,size<300kB")
    assert result.exit_code == 0, result.output
    assert re.search(
        r"Best.*mlp (onnx|tflite) (int8|dynamic) on (onnxruntime|litert)", result.stdout
    )
    none = run(compare, *options, "--goal", "size<1kB", "--json")
    assert none.exit_code == 1
    assert json.loads(none.stdout)["goal"]["best"] is None
    assert "no file and engine fits the goal" in none.stderr


@pytest.mark.parametrize("goal", ["latency", "speed<1", "size<1 furlong", "accuracy>=99,"])
def test_a_goal_that_cannot_be_read_is_wrong_usage(goal: str, run: Run) -> None:
    assert run(compare, "--goal", goal).exit_code == 2


def test_a_baseline_fails_what_got_worse(run: Run, artifacts: Path, tmp_path: Path) -> None:
    options = (*FAST, "--artifacts", artifacts)
    old = json.loads(run(compare, *options, "--json").stdout)
    baseline = tmp_path / "old.json"
    baseline.write_text(json.dumps(old))
    same = run(compare, *options, "--baseline", baseline, "--fail-over", "10000%")
    assert same.exit_code == 0, same.output
    for row in old["results"]:
        row["bytes"] //= 2
    baseline.write_text(json.dumps(old))
    worse = run(compare, *options, "--baseline", baseline, "--fail-over", "10%")
    assert worse.exit_code == 1
    assert re.search(r"size kB .* \+100.0% +worse", worse.stdout)


@pytest.mark.parametrize("name", ["plot.png", "plot.html"])
def test_the_picture_is_drawn(
    name: str, run: Run, artifacts: Path, labelled: Path, tmp_path: Path
) -> None:
    options = (*FAST, "--artifacts", artifacts, "--data", labelled, "--plot", name)
    result = run(compare, *options)
    assert result.exit_code == 0, result.output
    content = (tmp_path / name).read_bytes()
    if name.endswith("png"):
        assert content.startswith(b"\x89PNG")
    else:
        page = content.decode()
        assert "<svg" in page and "int8" in page
        assert not re.search(r"(src|href)=[\"']?https?:", page)


def test_candidates_take_turns(
    artifacts: Path, test_digits: tuple[Pixels, Labels], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = Process.ask

    def listen(self: Process, do: str, **arguments: object) -> dict[str, object]:
        if do == "latency":
            asked.append(self._name)
        return ask(self, do, **arguments)

    monkeypatch.setattr(Process, "ask", listen)
    chosen = candidates(["mlp"], artifacts, ["onnxruntime"])
    outcome = rounds.run(chosen, test_digits[0][:60], Plan(rounds=3, seconds=0.02))
    assert len(asked) == 3 * len(chosen)
    assert asked[: len(chosen)] * 3 == asked
    assert len(set(asked)) == len(chosen)
    for samples in outcome.samples:
        found = [digit for turn in samples.rounds for digit in turn.digits]
        assert len(found) == 60


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_prints_what_is_done_and_leaves_no_process(artifacts: Path) -> None:
    # A test run in the background hands down that SIGINT is ignored.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from digit_runtime.commands.compare import compare; compare()"
    )
    options = ["--artifacts", str(artifacts), "--models", "mlp", "--rounds", "5000", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *options, "--engine", "litert", "--seconds", "3000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("measuring"):
            break
    time.sleep(1)
    os.kill(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    document = json.loads(output)
    assert document["interrupted"] is True
    assert document["results"][0]["rounds"] >= 1
    children = subprocess.run(["pgrep", "-s", str(process.pid)], capture_output=True).stdout
    assert children == b""


def test_without_keras_its_rows_say_what_is_missing(run: Run, artifacts: Path) -> None:
    result = run(
        compare, *FAST, "--artifacts", artifacts, "--with-keras", "--keras-python", "no-python"
    )
    assert result.exit_code == 1
    assert "no-python" in result.stderr


def test_keras_is_a_row_on_request(run: Run, artifacts: Path) -> None:
    result = run(compare, *FAST, "--artifacts", artifacts, "--with-keras", "--json")
    assert result.exit_code == 0, result.output
    rows = json.loads(result.stdout)["results"]
    assert "keras" in {row["engine"] for row in rows}


def test_programs_are_rows_where_they_or_their_engine_are_named(
    run: Run, artifacts: Path, labelled: Path
) -> None:
    pytest.importorskip("wasmtime")
    options = ("--models", "tiny", "--artifacts", artifacts, "--data", labelled, "--json")
    quick = ("--seconds", 0.02, "--rounds", 2, "--rows", 100)
    for named in (
        ["--engine", "wasmtime"],
        ["--format", "html", "--format", "html"],
    ):
        result = run(compare, *options, *quick, *named)
        assert result.exit_code == 0, result.output
        (row,) = json.loads(result.stdout)["results"]
        assert (row["format"], row["engine"]) == ("html", "wasmtime")
        assert row["accuracy"] >= 0.97
    chosen = candidates(["tiny"], artifacts, formats=["tflite", "html"])
    assert {one.format for one in chosen} == {"tflite", "html"}
    assert {one.format for one in candidates(["tiny"], artifacts)} <= {"onnx", "tflite"}


def test_a_format_that_is_not_there_is_named(run: Run, artifacts: Path) -> None:
    result = run(compare, "--models", "mlp", "--artifacts", artifacts, "--format", "html")
    assert result.exit_code == 1
    assert "no html file of mlp" in result.stderr
