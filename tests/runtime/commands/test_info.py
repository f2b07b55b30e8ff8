import json
import shutil
from collections.abc import Callable
from pathlib import Path

from click.testing import Result
from digit_runtime.commands.info import info

Run = Callable[..., Result]


def test_all_models_and_engines_are_listed(run: Run, artifacts: Path) -> None:
    result = run(info, "--artifacts", artifacts)
    assert result.exit_code == 0, result.output
    for word in ("mlp-int8.onnx", "cnn-int8.tflite", "1,413,834", "onnxruntime", "litert"):
        assert word in result.stdout


def test_how_long_a_training_took_has_its_units(run: Run, artifacts: Path) -> None:
    lines = run(info, "--artifacts", artifacts).stdout.splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["accuracy", "on", "trained", "exported"],
        ["model", "folder", "recipe,", "epochs", "parameters", "held-out", "rows", "for", "files"],
    ]
    seconds = json.loads((artifacts / "mlp" / "manifest.json").read_text())["training"]["wall_s"]
    assert f" {seconds // 60:.0f} min {round(seconds) % 60} s " in lines[4]


def test_a_folder_of_runs_is_a_table_of_them(run: Run, artifacts: Path, tmp_path: Path) -> None:
    for seed in ("first", "second"):
        shutil.copytree(artifacts / "mlp", tmp_path / "runs" / seed)
    lines = run(info, tmp_path / "runs").stdout.splitlines()
    assert [line.split()[:2] for line in lines[3:5]] == [["mlp", "first"], ["mlp", "second"]]


def test_a_run_says_how_good_it_is(run: Run, artifacts: Path) -> None:
    training = json.loads((artifacts / "mlp" / "manifest.json").read_text())["training"]
    right = f"{training['validation_accuracy']:.2%}"
    assert f"held out     {right} +/- " in run(info, "mlp", "--artifacts", artifacts).stdout


def test_what_a_training_does_not_tell_is_not_said(
    run: Run, artifacts: Path, tmp_path: Path
) -> None:
    shutil.copytree(artifacts / "mlp", tmp_path / "mlp")
    path = tmp_path / "mlp" / "manifest.json"
    document = json.loads(path.read_text())
    document["training"] = {"recipe": "mine", "epochs": 3}
    path.write_text(json.dumps(document))
    said = run(info, "./mlp").stdout
    assert "recipe       mine, 3 epochs" in said
    assert "held out" not in said and "trained for" not in said


def test_json_has_the_provenance_and_each_file(run: Run, artifacts: Path) -> None:
    result = run(info, "mlp", "--artifacts", artifacts, "--json")
    (model,) = json.loads(result.stdout)["models"]
    assert model["training"]["data"]["rows"] == 42_000
    states = {file["path"]: file["state"] for file in model["files"]}
    assert states["onnx/mlp-int8.onnx"] == "intact"


def test_a_damaged_file_is_shown_and_fails(run: Run, artifacts: Path, tmp_path: Path) -> None:
    shutil.copytree(artifacts / "mlp", tmp_path / "mlp")
    (tmp_path / "mlp" / "onnx" / "mlp-int8.onnx").write_bytes(b"short")
    (tmp_path / "mlp" / "tflite" / "mlp-int8.tflite").unlink()
    result = run(info, tmp_path / "mlp")
    assert result.exit_code == 1
    assert "damaged: onnx/mlp-int8.onnx" in result.stderr
    assert "not here" in result.stdout


def test_an_unknown_model_is_one_line(run: Run, artifacts: Path) -> None:
    result = run(info, "lenet", "--artifacts", artifacts)
    assert result.exit_code == 1
    assert "lenet: has no manifest.json; models beside it: " in result.stderr
    assert "cnn, mlp" in result.stderr
