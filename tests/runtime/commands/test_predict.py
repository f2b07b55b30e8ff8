import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from digit_runtime import load
from digit_runtime.commands.predict import predict
from digit_runtime.contract import Labels, Pixels

Run = Callable[..., Result]
Write = Callable[..., Path]


@pytest.fixture
def sample(
    test_digits: tuple[Pixels, Labels], write_pixels: Write, tmp_path: Path
) -> tuple[Path, Path]:
    """The first 300 test digits as a CSV, and their labels as another."""
    pixels, labels = test_digits[0][:300], test_digits[1][:300]
    answers = tmp_path / "labels.csv"
    rows = "".join(f"{i},{label}\n" for i, label in enumerate(labels, start=1))
    answers.write_text("ImageId,Label\n" + rows)
    return write_pixels(tmp_path / "digits.csv", pixels), answers


def test_writes_kaggles_submission_and_scores_it(
    run: Run, sample: tuple[Path, Path], artifacts: Path, test_digits: tuple[Pixels, Labels]
) -> None:
    result = run(predict, sample[0], "--artifacts", artifacts, "--labels", sample[1])
    assert result.exit_code == 0, result.output
    expected = load("cnn", artifacts=artifacts).predict(test_digits[0][:300])
    lines = Path("submission.csv").read_bytes().split(b"\n")
    assert lines[:3] == [b"ImageId,Label", f"1,{expected[0]}".encode(), f"2,{expected[1]}".encode()]
    assert lines[-2:] == [f"300,{expected[-1]}".encode(), b""]
    correct = int((expected == test_digits[1][:300]).sum())
    assert f"({correct} of 300)" in result.stdout
    assert "recall" in result.stdout


@pytest.mark.parametrize("engine", ["onnxruntime", "litert"])
@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_json_says_what_was_used(
    engine: str, model: str, run: Run, sample: tuple[Path, Path], artifacts: Path
) -> None:
    options = ["--artifacts", artifacts, "--engine", engine, "--threads", 1, "--json"]
    result = run(predict, sample[0], "--model", model, *options, "--labels", sample[1])
    document: dict[str, Any] = json.loads(result.stdout)
    assert document["engine"] == engine
    assert document["threads"] == 1
    assert document["precision"] == "int8"
    assert document["score"]["accuracy"] > 0.95
    assert np.sum(document["score"]["confusion"]) == 300


def test_standard_input_to_standard_output(
    run: Run, sample: tuple[Path, Path], artifacts: Path
) -> None:
    zipped = gzip.compress(sample[0].read_bytes())
    result = run(predict, "-", "-o", "-", "--artifacts", artifacts, input=zipped)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("ImageId,Label\n1,")
    assert result.stdout.count("\n") == 301
    assert "300 digits to standard output" in result.stderr


def test_a_label_column_is_ignored_and_said_so(
    run: Run, test_digits: tuple[Pixels, Labels], write_pixels: Write, artifacts: Path
) -> None:
    wrong = (test_digits[1][:20] + 1) % 10
    path = write_pixels(Path("a.csv").resolve(), test_digits[0][:20], wrong)
    result = run(predict, path, "--artifacts", artifacts)
    assert result.exit_code == 0
    assert "ignoring the label column" in result.stderr
    first = Path("submission.csv").read_text().splitlines()[1]
    assert first == f"1,{load('cnn', artifacts=artifacts).predict(test_digits[0][:1])[0]}"


def test_probabilities_go_to_a_file_of_their_own(
    run: Run, sample: tuple[Path, Path], artifacts: Path
) -> None:
    result = run(predict, sample[0], "--artifacts", artifacts, "--probabilities", "p.csv")
    assert result.exit_code == 0
    table = np.loadtxt("p.csv", delimiter=",", skiprows=1)
    assert table.shape == (300, 11)
    np.testing.assert_allclose(table[:, 1:].sum(axis=1), 1, atol=1e-4)
    chosen = np.loadtxt("submission.csv", delimiter=",", skiprows=1)[:, 1]
    np.testing.assert_array_equal(table[:, 1:].argmax(axis=1), chosen)


BAD_INPUTS = {
    "missing": (None, "no such file"),
    "empty": (lambda lines: [], "is empty"),
    "too few columns": (lambda lines: [line[:50] for line in lines], "expected 784"),
    "text": (lambda lines: [*lines[:7], "x" + lines[7][1:]], "row 7, column pixel0: 'x"),
    "minus one": (lambda lines: [*lines[:7], "-1" + lines[7][1:]], "row 7, column pixel0: '-1'"),
    "256": (lambda lines: [*lines[:7], "256" + lines[7][1:]], "row 7, column pixel0: '256'"),
    "1.5": (lambda lines: [*lines[:7], "1.5" + lines[7][1:]], "row 7, column pixel0: '1.5'"),
    "empty cell": (lambda lines: [*lines[:7], lines[7][1:]], "column pixel0: an empty cell"),
    "ragged": (lambda lines: [*lines[:7], lines[7] + ",0"], "row 7 has 785 columns"),
    "binary": (lambda lines: ["\x89PNG\r\n\x1a\n\x00\x00"], "is not text"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_input_is_one_line_and_leaves_the_old_output(
    case: str, run: Run, sample: tuple[Path, Path], artifacts: Path
) -> None:
    change, message = BAD_INPUTS[case]
    Path("submission.csv").write_text("old")
    lines = sample[0].read_text().split("\n")
    sample[0].unlink()
    if change is not None:
        sample[0].write_text("\n".join(change(lines)))
    result = run(predict, sample[0], "--artifacts", artifacts)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {sample[0]}: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert Path("submission.csv").read_text() == "old"
    assert not list(Path().glob(".*.part"))


def test_an_unwritable_output_is_one_line(
    run: Run, sample: tuple[Path, Path], artifacts: Path
) -> None:
    Path("folder").mkdir()
    result = run(predict, sample[0], "--artifacts", artifacts, "-o", "folder")
    assert result.exit_code == 1
    assert "folder: is a folder" in result.stderr
    result = run(predict, sample[0], "--artifacts", artifacts, "-o", "/proc/a.csv")
    assert result.exit_code == 1
    assert "/proc/a.csv: cannot be written" in result.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line(run: Run, sample: tuple[Path, Path], artifacts: Path) -> None:
    result = run(predict, sample[0], "--artifacts", artifacts, "-o", "/dev/full")
    assert result.exit_code == 1
    assert result.stderr == "Error: /dev/full: cannot be written: No space left on device\n"


def test_labels_of_another_length_publish_nothing(
    run: Run, sample: tuple[Path, Path], artifacts: Path
) -> None:
    sample[1].write_text("ImageId,Label\n1,1\n")
    result = run(predict, sample[0], "--artifacts", artifacts, "--labels", sample[1])
    assert result.exit_code == 1
    assert "has 1 rows" in result.stderr
    assert not Path("submission.csv").exists()


def test_wrong_usage_exits_with_2(run: Run, sample: tuple[Path, Path]) -> None:
    assert run(predict).exit_code == 2
    assert run(predict, sample[0], "--threads", 0).exit_code == 2
    assert run(predict, sample[0], "--format", "pickle").exit_code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("signum", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_an_interrupted_run_leaves_the_old_output(
    signum: int, status: int, sample: tuple[Path, Path], artifacts: Path, tmp_path: Path
) -> None:
    target = tmp_path / "submission.csv"
    target.write_text("old")
    script = "from digit_runtime.commands.predict import predict; predict()"
    command = [sys.executable, "-c", script, "-", "--artifacts", str(artifacts)]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    # The rest of the input never comes: the command waits, its output half written.
    process.stdin.write(sample[0].read_text())
    process.stdin.flush()
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob(".*.part")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signum)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == status
    assert "Traceback" not in errors
    assert target.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["digits.csv", "labels.csv", "submission.csv"]
