"""Which rows tell how good a file is: all that are labelled, or the record of them."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from digit_runtime.commands.compare import compare
from digit_runtime.comparison.candidates import candidates
from digit_runtime.comparison.exam import GIVEN, HELD_OUT, TRAINING, Recorded, exams
from digit_runtime.contract import Labels, Pixels
from digit_runtime.models.manifest import Manifest, sha256_of
from digit_runtime.models.reference import Golden, golden_rows

Run = Callable[..., Result]
Write = Callable[..., Path]
FAST = ("--engine", "onnxruntime", "--seconds", 0.02, "--rounds", 3, "--json")


@pytest.fixture
def mlp(artifacts: Path, tmp_path: Path) -> Path:
    """A folder of models, with the shipped mlp's int8 files alone."""
    folder = tmp_path / "models"
    shutil.copytree(artifacts / "mlp", folder / "mlp")
    manifest = Manifest.read(folder / "mlp")
    write(folder / "mlp", replace(manifest, files=tuple(manifest.select(precision="int8"))))
    return folder


def write(folder: Path, manifest: Manifest) -> None:
    (folder / "manifest.json").write_text(manifest.to_json())


def told(folder: Path, section: str, **facts: Any) -> None:
    """Change what the manifest tells in a section."""
    manifest = Manifest.read(folder)
    known = manifest.provenance.get(section, {})
    write(folder, replace(manifest, provenance={**manifest.provenance, section: known | facts}))


def results(run: Run, artifacts: Path, *options: object) -> list[dict[str, Any]]:
    result = run(compare, *FAST, "--models", "mlp", "--artifacts", artifacts, *options)
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)["results"]
    return rows


@pytest.fixture
def labelled(
    mlp: Path, test_digits: tuple[Pixels, Labels], write_pixels: Write, tmp_path: Path
) -> tuple[Path, Path]:
    """2,500 test rows and their labels, which the manifest calls the test rows."""
    data = write_pixels(tmp_path / "test.csv", test_digits[0][:2500])
    answers = "".join(f"{i},{digit}\n" for i, digit in enumerate(test_digits[1][:2500], start=1))
    labels = tmp_path / "labels.csv"
    labels.write_text("ImageId,Label\n" + answers)
    told(mlp / "mlp", "export", data={"test": sha256_of(data), "test_labels": sha256_of(labels)})
    return data, labels


def test_the_records_figure_counts_on_the_rows_it_is_of(
    run: Run, mlp: Path, labelled: tuple[Path, Path]
) -> None:
    (row,) = results(run, mlp, "--data", labelled[0], "--labels", labelled[1], "--quick")
    (file,) = Manifest.read(mlp / "mlp").select("onnx")
    assert row["accuracy_recorded"] is True
    assert row["accuracy"] == pytest.approx(file.parity["test"].accuracy, abs=1e-3)
    assert row["accuracy_rows"] == 2500


def test_a_device_that_answers_otherwise_is_asked_for_all_rows(
    run: Run, mlp: Path, labelled: tuple[Path, Path], test_digits: tuple[Pixels, Labels]
) -> None:
    path = mlp / "mlp" / "reference.npz"
    kept = golden_rows(mlp / "mlp")
    np.savez(path, pixels=kept.pixels, probabilities=np.roll(kept.probabilities, 1, axis=1))
    told(mlp / "mlp", "reference", sha256=sha256_of(path), bytes=path.stat().st_size)
    (row,) = results(run, mlp, "--data", labelled[0], "--labels", labelled[1])
    assert (row["accuracy_recorded"], row["accuracy_rows"], row["rows"]) == (False, 2500, 2000)
    from digit_runtime import load

    digits = load(mlp / "mlp/onnx/mlp-int8.onnx").predict(test_digits[0][:2500])
    assert row["accuracy"] == (digits == test_digits[1][:2500]).mean()


def test_rows_that_are_asked_for_are_asked(
    run: Run, mlp: Path, labelled: tuple[Path, Path]
) -> None:
    (row,) = results(run, mlp, "--data", labelled[0], "--labels", labelled[1], "--rows", 100)
    assert (row["accuracy_recorded"], row["accuracy_rows"], row["rows"]) == (False, 100, 100)


def test_of_a_training_file_the_rows_held_out_tell(
    run: Run, mlp: Path, digits: tuple[Pixels, Labels], write_pixels: Write, tmp_path: Path
) -> None:
    data = write_pixels(tmp_path / "train.csv", digits[0][-900:], digits[1][-900:])
    (candidate,) = candidates(["mlp"], mlp, ["litert"])
    assert exams([candidate], data, None, 900)[candidate].of == GIVEN
    told(mlp / "mlp", "training", data={"sha256": sha256_of(data)}, validation_rows=300)
    exam = exams([candidate], data, None, 900)[candidate]
    assert (exam.of, exam.start, exam.rows, exam.recorded) == (HELD_OUT, 600, 300, None)
    (row,) = results(run, mlp, "--data", data)
    assert (row["accuracy_of"], row["accuracy_rows"], row["rows"]) == (HELD_OUT, 300, 900)
    words = run(compare, *FAST[:-1], "--artifacts", mlp, "--data", data).stdout
    assert "on the 300 rows held out of its training" in " ".join(words.split())


def test_rows_trained_on_have_no_accuracy(
    run: Run, mlp: Path, digits: tuple[Pixels, Labels], write_pixels: Write, tmp_path: Path
) -> None:
    data = write_pixels(tmp_path / "train.csv", digits[0][:100], digits[1][:100])
    told(mlp / "mlp", "export", data={"train": sha256_of(data)})
    (row,) = results(run, mlp, "--data", data)
    assert (row["accuracy"], row["accuracy_of"]) == (None, TRAINING)
    refused = run(compare, *FAST, "--artifacts", mlp, "--data", data, "--goal", "accuracy>90")
    assert refused.exit_code == 2
    assert "rows that mlp was trained on" in refused.stderr


def test_two_of_a_hundred_reference_digits_may_differ() -> None:
    probabilities = np.eye(10, dtype=np.float32)[np.arange(100) % 10]
    recorded = Recorded(0.99, Golden(np.zeros((100, 784), np.uint8), probabilities))
    digits = [row % 10 for row in range(100)]
    assert recorded.holds(digits)
    assert recorded.holds([9, 9, *digits[2:]])
    assert not recorded.holds([9, 9, 9, *digits[3:]])


def test_quick_leaves_out_what_there_is_no_time_for(
    run: Run, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digit_runtime.commands import compare as command
    from digit_runtime.commands.compare_options import QUICK

    monkeypatch.setattr(command, "QUICK", replace(QUICK, budget=0.001))
    result = run(compare, "--quick", "--artifacts", artifacts, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["results"]
    (warning,) = [w for w in document["conditions"]["warnings"] if "no time for" in w]
    assert "on onnxruntime" in warning or "on litert" in warning
