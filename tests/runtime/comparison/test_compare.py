import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from digit_runtime import load
from digit_runtime.commands.compare import compare
from digit_runtime.comparison.candidates import candidates
from digit_runtime.contract import Labels, Pixels
from digit_runtime.engines.table import Engine

Run = Callable[..., Result]
Write = Callable[..., Path]

QUICK = ("--models", "mlp", "--seconds", 0.02, "--rounds", 3)


def test_every_file_is_measured_with_every_engine(
    run: Run,
    artifacts: Path,
    test_digits: tuple[Pixels, Labels],
    write_pixels: Write,
) -> None:
    pixels, labels = test_digits[0][:500], test_digits[1][:500]
    data = write_pixels(Path("a.csv"), pixels, labels)
    result = run(compare, *QUICK, "--artifacts", artifacts, "--data", data, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["schema"] == 3
    assert document["settings"]["threads"] == 1
    assert document["settings"]["rows"] == 500
    shipped = {("onnx", "int8", "onnxruntime"), ("tflite", "int8", "litert")}
    measured = {(r["format"], r["precision"], r["engine"]): r for r in document["results"]}
    assert shipped <= set(measured)
    for key in shipped:
        row = measured[key]
        file = artifacts / "mlp" / key[0] / f"mlp-int8.{key[0]}"
        assert row["bytes"] == file.stat().st_size
        assert row["accuracy"] == (load(file, engine=key[2]).predict(pixels) == labels).mean()
        assert 0 < row["p50_low_ms"] <= row["p50_ms"] <= row["p50_high_ms"]
        assert row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]
        assert (row["rounds"], row["rows"]) == (3, 500)
        assert row["load_ms"] > 0
        assert row["images_per_s"] > 1000 / row["p95_ms"] / 100
        assert 10e6 < row["peak_bytes"] < 1e9


@pytest.mark.parametrize("style", [[], ["--markdown"], ["--csv"]])
def test_every_style_lists_the_same_rows(style: list[str], run: Run, artifacts: Path) -> None:
    result = run(compare, *QUICK, "--artifacts", artifacts, *style)
    assert result.exit_code == 0, result.output
    for engine in ("onnxruntime", "litert"):
        assert engine in result.stdout
    if style == ["--csv"]:
        rows = list(csv.DictReader(io.StringIO(result.stdout)))
        assert {row["model"] for row in rows} == {"mlp"}
        assert all(float(row["p50_ms"]) > 0 for row in rows)
        assert all(row["accuracy"] == "" for row in rows)


def test_the_table_says_how_certain_its_accuracy_is(
    run: Run, artifacts: Path, test_digits: tuple[Pixels, Labels], write_pixels: Write
) -> None:
    wrong = test_digits[1][:100].copy()
    wrong[:50] = (wrong[:50] + 1) % 10
    data = write_pixels(Path("a.csv"), test_digits[0][:100], wrong)
    result = run(compare, *QUICK, "--artifacts", artifacts, "--data", data)
    # Wilson: 9.62 points at a half.
    words = " ".join(result.stdout.split())
    assert re.search(r"Accuracy: on 100 rows, \+/- 9\.6\d points \(95 %\)\.", words)
    assert "Rank: one more than the number of rows of the same model" in words


def test_the_rows_used_can_be_limited(
    run: Run, artifacts: Path, test_digits: tuple[Pixels, Labels], write_pixels: Write
) -> None:
    data = write_pixels(Path("a.csv"), test_digits[0][:50])
    result = run(compare, *QUICK, "--artifacts", artifacts, "--data", data, "--rows", 40, "--json")
    assert json.loads(result.stdout)["settings"]["rows"] == 40
    assert {row["accuracy"] for row in json.loads(result.stdout)["results"]} == {None}


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--models", "lenet"], 1, "lenet: has no manifest.json"),
        (["--labels", "a.csv"], 2, "--labels needs --data"),
        (["--data", "none.csv"], 1, "none.csv: no such file"),
    ],
)
def test_mistakes_are_one_line(
    options: list[str], status: int, message: str, run: Run, artifacts: Path
) -> None:
    result = run(compare, "--artifacts", artifacts, *options)
    assert result.exit_code == status
    assert message in result.stderr


def test_numpy_is_measured_where_it_is_asked_for_or_alone(
    run: Run, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (*QUICK, "--artifacts", artifacts, "--json")
    usual = json.loads(run(compare, *options).stdout)["results"]
    assert "numpy" not in {row["engine"] for row in usual}
    chosen = run(compare, *options, "--engine", "numpy", "--engine", "litert")
    rows = json.loads(chosen.stdout)["results"]
    assert {(row["format"], row["engine"]) for row in rows} == {
        ("onnx", "numpy"),
        ("tflite", "litert"),
    }
    there = Engine.installed_package
    monkeypatch.setattr(
        Engine,
        "installed_package",
        lambda self: there(self) if self.last_resort else None,
    )
    assert {candidate.engine for candidate in candidates(["mlp"], artifacts)} == {"numpy"}
    missing = run(compare, *options, "--engine", "litert")
    assert missing.exit_code == 1
    assert 'the engine litert is not installed: pip install "digit-runtime[tflite]"' in (
        missing.stderr
    )


def test_a_folder_without_models_says_so(run: Run, tmp_path: Path) -> None:
    result = run(compare, "--artifacts", tmp_path)
    assert result.exit_code == 1
    assert "holds no model" in result.stderr
