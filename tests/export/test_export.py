"""The `digit-export` command on a real, small-but-trained mlp."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_export.convert.targets import select
from digit_export.parity.parity import ALONE
from digit_export.publish.outcome import UP_TO_DATE
from digit_runtime import load
from digit_runtime.engines.table import engine_for
from digit_runtime.models.manifest import Manifest, read_verified

Run = Any
PATHS = [target.path("mlp") for target in select("all", "all")]


def test_every_target_is_exported_and_listed_with_its_hash(exported: Run) -> None:
    assert exported.result.exit_code == 0, exported.result.output
    manifest = Manifest.read(exported.directory)
    assert [file.path for file in manifest.files] == PATHS
    for file in manifest.files:
        read_verified(exported.directory / file.path, file)


def test_the_table_has_a_line_for_every_target(exported: Run) -> None:
    lines = exported.result.stdout.splitlines()
    for path in PATHS:
        (line,) = [line for line in lines if line.startswith(f"{Path(path).name} ")]
        assert line.endswith("exported")


def test_nothing_but_the_commands_own_progress_is_on_stderr(exported: Run) -> None:
    assert all(line.startswith("mlp") for line in exported.result.stderr.splitlines())


def test_parity_is_recorded_on_held_out_and_on_test_rows(exported: Run) -> None:
    for file in exported.manifest["files"]:
        rows = {split: parity["rows"] for split, parity in file["parity"].items()}
        # Dynamic quantization looks at the whole batch, so it is also asked as a device may.
        if file["path"] == "onnx/mlp-dynamic.onnx":
            assert rows.pop(ALONE) == 4000
        assert rows == {"validation": 4000, "test": 4000}
        for parity in file["parity"].values():
            assert 0.9 < parity["accuracy"] < 1
            assert parity["agreement"] >= 0.997


def test_recorded_accuracy_is_what_the_runtime_measures(
    exported: Run, test_digits: tuple[Any, Any]
) -> None:
    pixels, labels = test_digits[0][:4000], test_digits[1][:4000]
    for file in exported.manifest["files"]:
        engine = engine_for(file["format"]).name
        predicted = load(exported.directory / file["path"], engine=engine).predict(pixels)
        assert np.mean(predicted == labels) == pytest.approx(file["parity"]["test"]["accuracy"])


def test_training_facts_survive_and_export_facts_are_added(exported: Run) -> None:
    manifest = exported.manifest
    assert manifest["training"]["validation_rows"] == 4000
    assert manifest["model"]["parameters"] == 266_610
    assert manifest["calibration"]["rows"] == 500
    assert set(manifest["export"]["tools"]) >= {"tensorflow", "tf2onnx", "onnxruntime"}


def test_reference_rows_are_predicted_by_the_float32_files(exported: Run) -> None:
    content = (exported.directory / "reference.npz").read_bytes()
    recorded = exported.manifest["reference"]
    assert recorded["sha256"] == hashlib.sha256(content).hexdigest()
    with np.load(exported.directory / "reference.npz", allow_pickle=False) as rows:
        assert rows["pixels"].shape == (100, 784)
        assert np.bincount(rows["labels"]).tolist() == [10] * 10
        for path in ("onnx/mlp-float32.onnx", "tflite/mlp-float32.tflite"):
            exported_answers = load(exported.directory / path).predict_proba(rows["pixels"])
            np.testing.assert_allclose(exported_answers, rows["probabilities"], atol=1e-4)


def test_the_card_has_a_line_for_every_file_and_the_data_licence(exported: Run) -> None:
    card = (exported.directory / "README.md").read_text("utf-8")
    for file in exported.manifest["files"]:
        line = next(line for line in card.splitlines() if f"`{file['path']}`" in line)
        assert f"{file['parity']['test']['accuracy']:.2%}" in line
    assert "Yann LeCun and Corinna Cortes" in card
    assert "CC BY-SA 3.0" in card


def test_the_footers_commands_run(exported: Run, tmp_path: Path) -> None:
    commands = exported.result.stdout.split("next:\n")[1].splitlines()
    words = [shlex.split(command) for command in commands]
    assert [command[0] for command in words] == ["digit-predict", "digit-compare"]
    for command in words:
        function = command[0].removeprefix("digit-")
        code = f"from digit_runtime.commands.{function} import {function}; {function}()"
        extra = ["--seconds", "0.01", "--rows", "50"] if function == "compare" else []
        done = subprocess.run(
            [sys.executable, "-c", code, *command[1:], *extra],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert len((tmp_path / "submission-mlp.csv").read_text().splitlines()) == 4001


def test_a_second_run_has_nothing_to_do(copy: Path, exported: Run, run_export: Any) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    again = run_export(copy)
    assert again.result.exit_code == 0, again.result.output
    assert again.result.stdout.count("up to date") == len(PATHS)
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


def test_a_damaged_or_missing_file_is_made_again_and_recognized(
    copy: Path, exported: Run, run_export: Any
) -> None:
    (copy / "onnx/mlp-float32.onnx").write_bytes(b"junk")
    (copy / "onnx/mlp-float16.onnx").unlink()
    again = run_export(copy, "--format", "onnx")
    assert again.result.exit_code == 0, again.result.output
    lines = again.result.stdout.splitlines()
    assert [line.split()[-1] for line in lines if line.endswith(("reproduced", "date"))] == [
        "reproduced",
        "reproduced",
        "date",
        "date",
    ]
    assert again.files() == exported.files()


def test_missing_reference_rows_are_restored(copy: Path, exported: Run, run_export: Any) -> None:
    (copy / "reference.npz").unlink()
    again = run_export(copy, "--format", "onnx", "--precision", "float32")
    assert again.result.exit_code == 0, again.result.output
    assert again.files() == exported.files()


def test_a_file_that_no_longer_works_here_is_not_restored(
    copy: Path, exported: Run, run_export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digit_runtime.models.classifier import Classifier

    def broken(self: Classifier, pixels: Any) -> Any:
        return np.full((len(pixels), 10), 0.1, np.float32)

    (copy / "onnx/mlp-int8.onnx").unlink()
    monkeypatch.setattr(Classifier, "predict_proba", broken)
    again = run_export(copy, "--format", "onnx", "--precision", "int8")
    assert again.result.exit_code == 1
    assert "not published: validation agreement" in again.result.stdout
    assert not (copy / "onnx/mlp-int8.onnx").exists()


def test_force_measures_again_and_comes_to_the_same(
    copy: Path, exported: Run, run_export: Any
) -> None:
    again = run_export(copy, "--format", "onnx", "--precision", "dynamic", "--force")
    assert again.result.exit_code == 0, again.result.output
    assert again.result.stdout.splitlines()[4].endswith("exported")
    assert again.files() == exported.files()


def test_another_process_writes_the_same_bytes(
    mlp: Path, exported: Run, lay_out: Callable[..., Path], data: Path, tmp_path: Path
) -> None:
    directory = lay_out(mlp, tmp_path / "mlp")
    where = ["--artifacts", str(tmp_path), "--data", str(data / "train.csv")]
    subprocess.run(
        [sys.executable, "-c", "from digit_export.commands.export import export; export()", *where],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=True,
        capture_output=True,
    )
    written = {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }
    assert written == exported.files()


def test_json_tells_the_same(copy: Path, exported: Run, run_export: Any) -> None:
    again = run_export(copy, "--json", "--precision", "int8")
    (model,) = json.loads(again.result.stdout)["models"]
    assert [file["status"] for file in model["files"]] == [UP_TO_DATE] * 2
    recorded = {file["path"]: file for file in exported.manifest["files"]}
    for file in model["files"]:
        same = recorded[str(Path(file["path"]).relative_to(copy).as_posix())]
        assert file["sha256"] == same["sha256"]
        assert file["parity"] == same["parity"]


def test_files_of_other_weights_are_no_longer_listed(
    copy: Path, exported: Run, digits: tuple[Any, Any], run_export: Any
) -> None:
    from digit_export.keras_model.network import keras

    model = keras.saving.load_model(copy / "model.keras", compile=False)
    weights = model.get_weights()
    model.set_weights([weights[0] * 1.001, *weights[1:]])
    model.save(copy / "model.keras")
    again = run_export(copy, "--format", "onnx", "--precision", "int8")
    assert again.result.exit_code == 0, again.result.output
    assert [file["path"] for file in again.manifest["files"]] == ["onnx/mlp-int8.onnx"]
    assert "training" not in again.manifest


def test_another_seed_calibrates_on_other_rows_and_keeps_what_it_does_not_concern(
    copy: Path, exported: Run, run_export: Any
) -> None:
    again = run_export(copy, "--format", "onnx", "--precision", "int8", "--seed", "1")
    assert again.result.exit_code == 0, again.result.output
    assert again.manifest["calibration"]["sha256"] != exported.manifest["calibration"]["sha256"]
    listed = [file["path"] for file in again.manifest["files"]]
    assert listed == [path for path in PATHS if path != "tflite/mlp-int8.tflite"]


def test_rows_of_another_csv_than_it_was_trained_on_are_noted(
    copy: Path, run_export: Any, data: Path
) -> None:
    path = copy / "manifest.json"
    document = json.loads(path.read_text())
    for sha256, noted in ((hashlib.sha256(b"").hexdigest(), True), (None, False)):
        own = hashlib.sha256((data / "train.csv").read_bytes()).hexdigest()
        document["training"]["data"] = {"sha256": sha256 or own}
        path.write_text(json.dumps(document))
        again = run_export(copy, "--format", "onnx", "--precision", "float32", "--force")
        assert again.result.exit_code == 0, again.result.output
        said = f"mlp: note: {data / 'train.csv'} is not the CSV that it was trained on; "
        assert (said in again.result.stderr) == noted
