"""A model that was trained and not exported yet is told of, and in nobody's way."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result
from digit_runtime import ModelNotFoundError, load
from digit_runtime.commands.compare import compare
from digit_runtime.commands.doctor import doctor
from digit_runtime.commands.info import info
from digit_runtime.commands.predict import predict
from digit_runtime.commands.verify import verify
from digit_runtime.models.reference import golden_rows

Run = Callable[..., Result]
EXPORT = "digit-export --model cnn --artifacts 'my runs'"
QUICK = ("--seconds", 0.02, "--rounds", 2, "--rows", 50, "--engine", "numpy")


@pytest.fixture
def runs(artifacts: Path, tmp_path: Path) -> Path:
    """The mlp with its files and a cnn as digit-train leaves it."""
    folder = tmp_path / "my runs"
    shutil.copytree(artifacts / "mlp", folder / "mlp")
    (folder / "cnn").mkdir()
    document = json.loads((artifacts / "cnn" / "manifest.json").read_text())
    for key in ("reference", "calibration", "export", "evidence", "evaluation"):
        document.pop(key, None)
    (folder / "cnn" / "manifest.json").write_text(json.dumps(document | {"files": []}))
    return folder


@pytest.mark.parametrize("words", [[compare, *QUICK], [verify, "--precision", "int8"]])
def test_where_none_is_named_others_are_used(words: list[object], runs: Path, run: Run) -> None:
    command, *options = words
    assert isinstance(command, click.Command)
    result = run(command, "--artifacts", "my runs", *options)
    assert result.exit_code == 0, result.output
    what = "has no int8 file" if command is verify else "is not exported yet"
    assert f"note: my runs/cnn: {what}: {EXPORT}\n" in result.stderr
    assert "int8" in result.stdout
    assert "cnn" not in result.stdout


def test_the_doctor_notes_it(runs: Path, run: Run) -> None:
    result = run(doctor, "--artifacts", "my runs")
    assert result.exit_code == 0, result.output
    assert f"- my runs/cnn: is not exported yet: {EXPORT}\n" in result.stdout


@pytest.mark.parametrize("command", [compare, verify, doctor])
def test_where_none_is_left_that_is_an_error(command: click.Command, runs: Path, run: Run) -> None:
    shutil.rmtree(runs / "mlp")
    result = run(command, "--artifacts", "my runs")
    assert result.exit_code == 1
    assert f"my runs/cnn: is not exported yet: {EXPORT}\n" in result.output


@pytest.mark.parametrize(
    "words",
    [
        [compare, "--models", "cnn", "--models", "mlp"],
        [verify, "cnn"],
        [predict, "rows.csv", "--model", "cnn"],
    ],
)
def test_one_that_is_named_is_an_error_that_says_how_to_export_it(
    words: list[object], runs: Path, run: Run
) -> None:
    Path("rows.csv").write_text(",".join(["0"] * 784) + "\n")
    command, *options = words
    assert isinstance(command, click.Command)
    result = run(command, *options, "--artifacts", "my runs")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("Error: my runs/cnn: ") and line.endswith(EXPORT)


def test_what_is_missing_is_exported_where_it_is_missing(runs: Path, run: Run) -> None:
    assert f"no exported files yet: {EXPORT}\n" in run(info, "--artifacts", "my runs").stdout
    with pytest.raises(ModelNotFoundError) as caught:
        load("mlp", format="html", artifacts="my runs")
    assert str(caught.value).endswith(
        "digit-export --model mlp --artifacts 'my runs' --format html"
    )
    with pytest.raises(ModelNotFoundError) as caught:
        golden_rows(Path("my runs", "cnn"))
    assert str(caught.value).endswith(EXPORT)


def test_a_damaged_manifest_is_not_taken_for_one_of_a_model_without_files(
    runs: Path, run: Run
) -> None:
    (runs / "cnn" / "manifest.json").write_text("{")
    for command in (compare, verify):
        result = run(command, "--artifacts", "my runs")
        assert result.exit_code == 1
        assert "my runs/cnn/manifest.json: is not valid JSON" in result.stderr
