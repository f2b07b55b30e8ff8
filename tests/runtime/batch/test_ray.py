"""Runs on Ray itself: a cluster of two nodes, workers that die, and interruptions."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from click.testing import Result
from digit_runtime.batch.parts import Part
from digit_runtime.batch.sources import find
from digit_runtime.commands.predict import predict
from digit_runtime.contract import Labels, Pixels

from .conftest import FORMAT, NEEDS_RAY, answers, errors, numbered, write_parquet

COMMAND = "from digit_runtime.commands.batch import batch; batch()"
# As Ray's C++ side does now and then when it is to shut down.
ENDED_BY_RAY = f"""
import os
from digit_runtime.batch.ray_cluster import ray
ray.shutdown = lambda: os._exit(1)
{COMMAND}
"""
SMALL = 100 << 20
# Ray leaves sockets open, and warns itself of its own plans.
pytestmark = [
    NEEDS_RAY,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:`use_:DeprecationWarning"),
    pytest.mark.skipif(sys.platform == "win32", reason="ray.cluster_utils needs POSIX"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[str, str]]:
    """Two nodes with one CPU each; yields its address and that for Ray Client."""
    from ray.cluster_utils import Cluster

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # A test need not write a token into the user's home.
        patch.setenv("RAY_AUTH_MODE", "disabled")
        # Ray Client's server forks with gRPC running, and dies of that now and then (ray#63202).
        patch.setenv("GRPC_ENABLE_FORK_SUPPORT", "0")
        node = {"num_cpus": 1, "object_store_memory": SMALL}
        head = {**node, "include_dashboard": False, "ray_client_server_port": port}
        nodes = Cluster(initialize_head=True, head_node_args=head)
        try:
            nodes.add_node(**node)
            yield nodes.address, f"ray://127.0.0.1:{port}"
        finally:
            nodes.shutdown()


@pytest.fixture(scope="module")
def connected(cluster: tuple[str, str]) -> Iterator[None]:
    """Keep this process connected, so that not every run has to start the same processes."""
    from digit_runtime.batch.ray_cluster import connected

    with connected(cluster[0], 0) as cpus:
        assert cpus == 2
        yield


def predicted(run: Callable[..., Result], artifacts: Path, data: Path) -> dict[int, int]:
    result = run(predict, data, "--model", "mlp", "--artifacts", artifacts, *FORMAT)
    assert result.exit_code == 0, result.output
    lines = Path("submission.csv").read_text().splitlines()[1:]
    return {int(line.split(",")[0]): int(line.split(",")[1]) for line in lines}


@pytest.mark.usefixtures("connected")
def test_two_nodes_answer_like_digit_predict(
    score: Callable[..., dict[str, Any]],
    run: Callable[..., Result],
    artifacts: Path,
    test_digits: tuple[Pixels, Labels],
    write_pixels: Callable[..., Path],
    tmp_path: Path,
) -> None:
    plain = write_pixels(tmp_path / "plain.csv", test_digits[0][:2000])
    zipped = tmp_path / "zipped.csv.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes(), 1))
    np.save(tmp_path / "array.npy", test_digits[0][:2000])
    write_parquet(tmp_path / "table.parquet", test_digits[0][:2000], 400)
    summary = score(tmp_path, "-o", "out", "--part-rows", 400)
    assert (summary["workers"], summary["workers_killed"]) == (2, 0)
    assert (summary["rows_in"], summary["rows_out"], summary["rows_bad"]) == (8000, 8000, 0)
    wanted = predicted(run, artifacts, plain)
    found = answers(Path("out"))
    assert sorted(found) == ["array.npy", "plain.csv", "table.parquet", "zipped.csv.gz"]
    assert all(rows == wanted for rows in found.values())


@pytest.mark.usefixtures("connected")
def test_a_worker_killed_in_mid_run_loses_and_doubles_nothing(
    batch: Callable[..., Result],
    expected: Labels,
    test_digits: tuple[Pixels, Labels],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    from digit_runtime.batch import ray_cluster

    class Dying(ray_cluster.Worker):
        """Kills its process in the middle of the part with row 1001, the first time."""

        def __init__(self, *arguments: Any) -> None:
            from digit_runtime.batch.results import Results

            super().__init__(*arguments)
            add = Results.add

            def add_or_die(results: Any, numbers: Any, *others: Any) -> None:
                add(results, numbers, *others)
                if 1001 in numbers:
                    try:
                        (tmp_path / "killed").touch(exist_ok=False)
                    except FileExistsError:
                        return
                    os.kill(os.getpid(), signal.SIGKILL)

            Results.add = add_or_die  # type: ignore[method-assign, assignment]

    monkeypatch.setattr(ray_cluster, "Worker", Dying)
    np.save("digits.npy", test_digits[0][:3000])
    output = batch("digits.npy", "-o", "out", "--part-rows", 1000, "--json").stdout
    assert (tmp_path / "killed").exists()
    # Where the command has not connected itself, Ray tells of the death before it.
    summary = json.loads(output[output.index("{\n") :])
    assert (summary["rows_out"], summary["workers_killed"]) == (3000, 1)
    assert answers(Path("out"))["digits.npy"] == numbered(expected)
    assert errors(Path("out")) == []
    assert not Path("out", "_unfinished").exists()


@pytest.mark.usefixtures("connected")
def test_a_machine_without_an_engine_is_one_line(
    batch: Callable[..., Result],
    test_digits: tuple[Pixels, Labels],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from digit_runtime.batch import ray_cluster

    class Unable(ray_cluster.Worker):
        def __init__(self, job: Any, model: bytes) -> None:
            super().__init__(replace(job, engine="litert"), model)

    monkeypatch.setattr(ray_cluster, "Worker", Unable)
    np.save("digits.npy", test_digits[0][:10])
    result = batch("digits.npy", "-o", "out")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: a worker failed: digit_runtime.errors.Engine")
    assert "the engine litert does not read .onnx files" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(Path("out").glob("*.parquet"))


def start(
    folder: Path, artifacts: Path, *arguments: str, command: str = COMMAND
) -> subprocess.Popen[str]:
    options = ["--artifacts", str(artifacts), "--json", *FORMAT]
    return subprocess.Popen(
        [sys.executable, "-c", command, *arguments, *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "RAY_AUTH_MODE": "disabled"},
    )


@pytest.fixture
def mark(monkeypatch: pytest.MonkeyPatch) -> str:
    """What all processes begun from here on have in their environment."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("needs Linux's /proc")
    monkeypatch.setenv("DIGIT_TEST_MARK", mark := uuid4().hex)
    return mark


def wait_for_a_result(process: subprocess.Popen[str], folder: Path) -> None:
    deadline = time.monotonic() + 120
    while not list(folder.glob("out/*.parquet")):
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def failure(process: subprocess.Popen[str]) -> str:
    """Return the one line with which a command failed; a slow machine shows progress before."""
    output, complaints = process.communicate(timeout=120)
    assert (process.returncode, output) == (1, "")
    (line,) = (line for line in complaints.splitlines() if "rows scored" not in line)
    return line


def test_ray_client_scores_on_the_cluster(
    cluster: tuple[str, str],
    artifacts: Path,
    expected: Labels,
    test_digits: tuple[Pixels, Labels],
    tmp_path: Path,
) -> None:
    np.save(tmp_path / "digits.npy", test_digits[0][:3000])
    arguments = ["digits.npy", "-o", "out", "--model", "mlp", "--address", cluster[1]]
    process = start(tmp_path, artifacts, *arguments)
    output, complaints = process.communicate(timeout=120)
    assert [line for line in complaints.splitlines() if "rows scored" not in line] == []
    assert json.loads(output)["rows_out"] == 3000
    assert answers(tmp_path / "out")["digits.npy"] == numbered(expected)


def test_an_interrupted_run_leaves_whole_results_and_goes_on(
    artifacts: Path, test_digits: tuple[Pixels, Labels], tmp_path: Path
) -> None:
    np.save(tmp_path / "digits.npy", test_digits[0][:6000])
    arguments = ["digits.npy", "-o", "out", "--model", "cnn", "--workers", "2"]
    process = start(tmp_path, artifacts, *arguments, "--part-rows", "1000")
    wait_for_a_result(process, tmp_path)
    process.send_signal(signal.SIGINT)
    output, complaints = process.communicate(timeout=60)
    assert (process.returncode, output) == (130, "")
    assert complaints.splitlines()[-1] == "interrupted"
    assert not (tmp_path / "out" / "_unfinished").exists()
    done = len(list(tmp_path.glob("out/*.parquet")))
    assert 1 <= done < 6
    assert sum(map(len, answers(tmp_path / "out").values())) == 1000 * done
    process = start(tmp_path, artifacts, *arguments, "--part-rows", "1000")
    output, complaints = process.communicate(timeout=120)
    assert [line for line in complaints.splitlines() if "rows scored" not in line] == []
    summary = json.loads(output)
    assert (summary["parts_kept"], summary["parts_scored"]) == (done, 6 - done)
    assert len(answers(tmp_path / "out")["digits.npy"]) == 6000


def test_a_run_that_ray_itself_ends_says_so_and_goes_on_with_the_same_command(
    artifacts: Path,
    test_digits: tuple[Pixels, Labels],
    tmp_path: Path,
    mark: str,
) -> None:
    np.save(tmp_path / "digits.npy", test_digits[0][:12_000])
    arguments = ["digits.npy", "-o", "out", "--model", "mlp", "--workers", "2"]
    process = start(tmp_path, artifacts, *arguments, "--part-rows", "200")
    wait_for_a_result(process, tmp_path)
    for pid, command in alive(mark).items():
        if "raylet/raylet\0" in command:
            os.kill(pid, signal.SIGKILL)
    # It calls _exit(1), or raises an error of its own before.
    line = failure(process)
    assert line.startswith("Error: ")
    assert line.endswith("what was scored is kept, the same command goes on")
    process = start(tmp_path, artifacts, *arguments, "--part-rows", "200")
    output, _ = process.communicate(timeout=120)
    assert json.loads(output)["rows_out"] == 12_000


def alive(mark: str) -> dict[int, str]:
    """Return number and command of all processes that inherited a mark in their environment."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found[int(process.name)] = (process / "cmdline").read_text()
        except OSError:  # It has just ended, or is not ours.
            continue
    return found


@pytest.mark.parametrize(("part", "command"), [(0, ENDED_BY_RAY), (5, COMMAND)], ids=["ray", "run"])
def test_an_output_error_ends_the_run_at_once_and_leaves_nothing_running(
    part: int,
    command: str,
    artifacts: Path,
    test_digits: tuple[Pixels, Labels],
    tmp_path: Path,
    mark: str,
) -> None:
    np.save(tmp_path / "digits.npy", test_digits[0][:6000])
    (source,) = find([str(tmp_path / "digits.npy")], "out").sources
    # A folder lies where the results of this part have to go.
    blocked = tmp_path / "out" / f"{Part(source, part, 0, 0, 0, None).name}.parquet"
    (blocked / "in the way").mkdir(parents=True)
    arguments = ["digits.npy", "-o", "out", "--model", "mlp", "--workers", "2"]
    process = start(tmp_path, artifacts, *arguments, "--part-rows", "1000", command=command)
    assert failure(process).startswith(f"Error: {blocked}: cannot be written: ")
    assert not (tmp_path / "out" / "_unfinished").exists()
    ended(mark)


def ended(mark: str) -> None:
    """Wait until nothing that inherited a mark is alive any more, which takes seconds."""
    deadline = time.monotonic() + 20
    while left := alive(mark):
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def test_a_killed_command_leaves_nothing_running_and_touches_no_other_run(
    artifacts: Path,
    test_digits: tuple[Pixels, Labels],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mark: str,
) -> None:
    np.save(tmp_path / "digits.npy", test_digits[0][:8000])
    arguments = ["--model", "mlp", "--workers", "1", "--part-rows", "500"]
    killed = start(tmp_path, artifacts, "digits.npy", "-o", "out", *arguments)
    monkeypatch.setenv("DIGIT_TEST_MARK", "of the other")
    (tmp_path / "other").mkdir()
    other = start(tmp_path / "other", artifacts, "../digits.npy", "-o", "out", *arguments)
    wait_for_a_result(killed, tmp_path)
    wait_for_a_result(other, tmp_path / "other")
    killed.kill()
    _, complaints = killed.communicate()
    assert complaints.splitlines()[-1].startswith("Error: the run was killed, or Ray lost")
    ended(mark)
    output, complaints = other.communicate(timeout=120)
    assert [line for line in complaints.splitlines() if "rows scored" not in line] == []
    assert json.loads(output)["rows_out"] == 8000


def test_a_command_that_is_killed_while_ray_starts_leaves_nothing_running(
    artifacts: Path, tmp_path: Path, mark: str
) -> None:
    np.save(tmp_path / "digits.npy", np.zeros((10, 784), np.uint8))
    process = start(tmp_path, artifacts, "digits.npy", "-o", "out", "--model", "mlp")
    deadline = time.monotonic() + 60
    while not any("raylet/raylet\0" in command for command in alive(mark).values()):
        assert process.poll() is None
        assert time.monotonic() < deadline
    process.kill()
    process.communicate()
    ended(mark)


def test_a_killed_command_leaves_the_cluster_that_it_was_given(
    cluster: tuple[str, str],
    artifacts: Path,
    test_digits: tuple[Pixels, Labels],
    tmp_path: Path,
    mark: str,
) -> None:
    np.save(tmp_path / "digits.npy", test_digits[0][:8000])
    arguments = ["digits.npy", "-o", "out", "--model", "mlp", "--part-rows", "500"]
    process = start(tmp_path, artifacts, *arguments, "--address", cluster[0])
    wait_for_a_result(process, tmp_path)
    process.kill()
    process.communicate()
    ended(mark)
    process = start(tmp_path, artifacts, *arguments, "--address", cluster[0])
    output, _ = process.communicate(timeout=120)
    assert json.loads(output)["rows_out"] == 8000


def test_a_cluster_that_is_not_there_is_one_line(artifacts: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "digits.npy", np.zeros((1, 784), np.uint8))
    process = start(tmp_path, artifacts, "digits.npy", "-o", "out", "--address", "nonsense")
    assert failure(process).startswith("Error: Ray at nonsense cannot be reached")
