import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from digit_runtime import load
from digit_runtime.commands.predict import predict
from digit_runtime.contract import Labels, Pixels
from digit_runtime.models.manifest import sha256_of
from digit_runtime.models.reference import golden_rows
from PIL import Image

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
@pytest.mark.parametrize("model", ["mlp", "tiny", "cnn"])
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


def test_a_label_column_is_scored(
    run: Run, test_digits: tuple[Pixels, Labels], write_pixels: Write, artifacts: Path
) -> None:
    pixels, labels = test_digits[0][:60], test_digits[1][:60].copy()
    labels[:3] = (labels[:3] + 1) % 10
    path = write_pixels(Path("a.csv").resolve(), pixels, labels)
    correct = int((load("mlp", artifacts=artifacts).predict(pixels) == labels).sum())
    options = ["--artifacts", artifacts, "--model", "mlp", "--hardest", "found"]
    result = run(predict, path, *options)
    assert result.exit_code == 0, result.output
    assert re.search(
        rf"accuracy  {correct / 60:.2%}  \({correct} of 60\), 95 % interval", result.stdout
    )
    lines = Path("found/hardest.csv").read_text().splitlines()
    assert lines[0] == "file,row,label,predicted,p_label,p_predicted"
    assert len(lines) == 61
    assert {int(line.split(",")[1]) for line in lines[1:4]} == {1, 2, 3}
    with Image.open("found/hardest.png") as picture:
        assert picture.size[0] > 800
    document = json.loads(run(predict, path, *options, "--json").stdout)
    assert document["score"]["correct"] == correct
    assert document["training_rows"] is None


def test_the_hardest_digits_need_labels(
    run: Run, sample: tuple[Path, Path], tmp_path: Path
) -> None:
    header, *lines = sample[0].read_text().splitlines()
    Path("a.csv").write_text("\n".join(["label," + header, *("?," + line for line in lines)]))
    Image.new("L", (28, 28)).save("a.png")
    before = sorted(tmp_path.iterdir())
    for inputs, status, message in (
        (["digits.csv"], 2, "--hardest needs labels: a label column, or --labels"),
        (["a.png"], 2, "--hardest is not for pictures"),
        (["digits.csv", "digits.csv"], 1, "--hardest needs labels, and no row has one"),
        (["a.csv"], 1, "the label column is not scored: a.csv: row 1, column label: '?' is not"),
    ):
        result = run(predict, *inputs, "--hardest", "found", "--model", "mlp")
        assert result.exit_code == status and message in result.stderr, result.output
        assert sorted(tmp_path.iterdir()) == before


def test_labels_that_are_none_of_the_model_are_not_scored(
    run: Run, sample: tuple[Path, Path]
) -> None:
    header, *lines = sample[0].read_text().splitlines()
    Path("a.csv").write_text("\n".join(["label," + header, *("?," + line for line in lines)]))
    result = run(predict, "a.csv", "--model", "mlp")
    assert result.exit_code == 0, result.output
    assert "the label column is not scored: a.csv: row 1, column label: '?' is not" in result.stderr
    assert "accuracy" not in result.stdout


def test_training_rows_are_called_that(
    run: Run, digits: tuple[Pixels, Labels], write_pixels: Write, artifacts: Path
) -> None:
    """A copy of a model whose manifest says that it was trained on a file of 300 rows."""
    shutil.copytree(artifacts / "mlp", Path("models/mlp"))
    path = write_pixels(Path("train.csv"), digits[0][:300], digits[1][:300])
    manifest = Path("models/mlp/manifest.json")
    document = json.loads(manifest.read_text())
    data = {"file": "train.csv", "sha256": sha256_of(path), "rows": 300}
    document["training"] |= {"data": data, "validation_rows": 100}
    manifest.write_text(json.dumps(document))
    with zipfile.ZipFile("train.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(path)
    Path("train.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    for name in ("train.csv", "train.csv.gz", "train.csv.zip"):
        result = run(predict, name, "--artifacts", "models", "--model", "mlp", "--json")
        assert result.exit_code == 0, result.output
        assert "is the file that the model was trained on" in result.stderr
        found = json.loads(result.stdout)
        assert (found["training_rows"]["rows"], found["score"]["rows"]) == (200, 100)
    text = run(predict, "train.csv", "--artifacts", "models", "--model", "mlp").stdout
    assert "the model has seen them, so this is no accuracy" in text
    assert "held out of the training: accuracy" in text
    write_pixels(Path("part.csv"), digits[0][:150], digits[1][:150])
    result = run(predict, "part.csv", "--artifacts", "models", "--model", "mlp")
    assert "is the file that" not in result.stderr


def test_a_part_of_the_training_rows_is_noticed_by_those_that_the_model_carries(
    run: Run, digits: tuple[Pixels, Labels], write_pixels: Write, artifacts: Path
) -> None:
    reference = {row.tobytes() for row in golden_rows(artifacts / "mlp").pixels}
    rows = [index for index, row in enumerate(digits[0]) if row.tobytes() in reference]
    assert len(rows) == 100
    chosen = [*range(40), *rows[:3]]
    write_pixels(Path("part.csv"), digits[0][chosen], digits[1][chosen])
    result = run(predict, "part.csv", "--artifacts", artifacts, "--model", "mlp")
    assert "part.csv has 3 of the 100 training rows that the model carries" in result.stderr


def test_several_inputs_are_one_submission(
    run: Run, test_digits: tuple[Pixels, Labels], write_pixels: Write
) -> None:
    pixels, labels = test_digits[0][:90], test_digits[1][:90]
    Path("more").mkdir()
    write_pixels(Path("a.csv"), pixels[:30], labels[:30])
    np.save("more/b.npy", pixels[30:50])
    frame = pd.DataFrame(pixels[50:70], columns=[f"pixel{index}" for index in range(784)])
    frame.assign(label=labels[50:70]).sort_index(axis=1).to_parquet("more/c.parquet")
    nested = pd.DataFrame({"pixels": [row.tobytes() for row in pixels[70:]]})
    nested.to_parquet("more/d.parquet")
    write_pixels(Path("whole.csv"), pixels)
    result = run(predict, "a.csv", "more", "--model", "mlp", "-o", "several.csv")
    assert result.exit_code == 0, result.output
    assert "of 50), 95 % interval" in result.stdout
    assert run(predict, "whole.csv", "--model", "mlp", "-o", "one.csv").exit_code == 0
    several, one = (Path(f"{name}.csv").read_text().splitlines() for name in ("several", "one"))
    assert several[0] == f"{one[0]},File"
    assert [line.rpartition(",")[0] for line in several[1:]] == one[1:]
    files = [line.rpartition(",")[2] for line in several[1:]]
    parts = [("a.csv", 30), ("more/b.npy", 20), ("more/c.parquet", 20), ("more/d.parquet", 20)]
    assert files == [name for name, count in parts for _ in range(count)]


def test_nothing_is_written_over_what_is_read(run: Run, sample: tuple[Path, Path]) -> None:
    before = sample[0].read_bytes(), sample[1].read_bytes()
    Path("link.csv").symlink_to(sample[0])
    for options in (
        ["-o", sample[0]],
        ["-o", "link.csv"],
        ["--probabilities", sample[0]],
        ["--labels", sample[1], "-o", sample[1]],
        ["-o", "x.csv", "--probabilities", "./x.csv"],
    ):
        result = run(predict, sample[0], "--model", "mlp", *options)
        assert result.exit_code == 2, result.output
        assert "name another file with" in result.stderr
    assert (sample[0].read_bytes(), sample[1].read_bytes()) == before
    assert not Path("x.csv").exists()


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
    assert "has 1 row," in result.stderr
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


def test_a_file_that_nobody_named_is_not_replaced_silently(
    run: Run, write_pixels: Callable[..., Path], tmp_path: Path, digits: tuple[Pixels, Labels]
) -> None:
    rows = write_pixels(tmp_path / "rows.csv", digits[0][:3])
    said = "note: submission.csv was there before and is replaced; -o names another file"
    for again in (False, True):
        result = run(predict, rows, "--model", "mlp", "--engine", "numpy")
        assert result.exit_code == 0, result.output
        assert (said in result.stderr) == again
    named = run(predict, rows, "--model", "mlp", "--engine", "numpy", "-o", "submission.csv")
    assert "replaced" not in named.stderr


@pytest.mark.parametrize("noise", [0, 3, 40])
def test_rows_of_which_the_model_is_unsure_are_told(
    noise: int,
    run: Run,
    artifacts: Path,
    write_pixels: Write,
    tmp_path: Path,
    test_digits: tuple[Pixels, Labels],
) -> None:
    classifier = load("tiny", engine="numpy", artifacts=artifacts)
    assert classifier.unsure_below is not None
    sure = test_digits[0][:600]
    sure = sure[~classifier.unsure(classifier.predict_proba(sure))][:550]
    pixels = sure.copy()
    pixels[-noise or len(pixels) :] = np.random.default_rng(0).integers(0, 256, (noise, 784))
    expected = 1 + np.flatnonzero(classifier.unsure(classifier.predict_proba(pixels)))
    assert (len(expected) == 0) == (noise == 0)
    rows = write_pixels(tmp_path / "rows.csv", pixels)
    words = (rows, "--model", "tiny", "--engine", "numpy", "--artifacts", artifacts)
    result = run(predict, *words)
    assert result.exit_code == 0, result.output
    lines = [line for line in result.stdout.splitlines() if line.startswith("unsure ")]
    assert len(lines) == bool(noise)
    for line in lines:
        assert f"({len(expected)} of 550), less probable than {classifier.unsure_below:.4f}" in line
        assert f": ImageId {', '.join(map(str, expected[:5]))}" in line
        assert line.endswith(", ...; --probabilities writes all") == (len(expected) > 5)
    document = json.loads(run(predict, *words, "--json").stdout)
    assert document["unsure"] == len(expected)
    assert document["unsure_below"] == classifier.unsure_below
    header, *written = Path("submission.csv").read_text().splitlines()
    assert header == "ImageId,Label" and all(line.count(",") == 1 for line in written)
