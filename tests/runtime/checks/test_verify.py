import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import Result
from digit_runtime import load
from digit_runtime.checks.verify import Tolerance
from digit_runtime.commands.verify import verify
from digit_runtime.engines.table import Engine
from numpy.typing import NDArray
from onnx import numpy_helper

Run = Callable[..., Result]
Array = NDArray[Any]
INT8 = "onnx/mlp-int8.onnx"


@pytest.fixture
def mlp(artifacts: Path, tmp_path: Path) -> Path:
    """A model directory with both int8 files, as in the runtime's wheel."""
    directory = tmp_path / "models" / "mlp"
    for name in ("manifest.json", "reference.npz", INT8, "tflite/mlp-int8.tflite"):
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(artifacts / "mlp" / name, target)
    return directory


def record(directory: Path, **changes: Any) -> None:
    """Make the manifest say what is there, and of the .onnx file what is given."""
    path = directory / "manifest.json"
    document = json.loads(path.read_text())
    for entry in [*document["files"], {"path": "reference.npz"}]:
        file = directory / entry["path"]
        if file.exists():
            described = document["reference"] if entry["path"] == "reference.npz" else entry
            described["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
            described["bytes"] = file.stat().st_size
        if entry["path"] == INT8:
            entry.update(changes)
    path.write_text(json.dumps(document))


def set_reference(directory: Path, change: Callable[[Array], None]) -> None:
    """Let the reference be what the .onnx file answers, changed."""
    with np.load(directory / "reference.npz") as old:
        pixels, labels = old["pixels"], old["labels"]
    probabilities = load(directory / INT8, engine="numpy").predict_proba(pixels)
    change(probabilities)
    np.savez_compressed(
        directory / "reference.npz", pixels=pixels, labels=labels, probabilities=probabilities
    )


def set_constant(path: Path, name: str, change: Callable[[Array], Array]) -> None:
    model = onnx.load(path)
    (constant,) = (c for c in model.graph.initializer if c.name == name)
    constant.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(constant).copy()), name))
    onnx.save(model, path)


def test_shipped_models_answer_as_keras_did(run: Run, artifacts: Path) -> None:
    result = run(verify, "--artifacts", artifacts, "--precision", "int8")
    assert result.exit_code == 0, result.output
    # Where it takes long, it says how far it is.
    assert [line for line in result.stderr.splitlines() if "verifying" not in line] == []
    for engine in ("onnxruntime", "litert", "numpy"):
        assert engine in result.stdout
    assert "FAILED" not in result.stdout
    assert result.stdout.endswith("checks of cnn, mlp, tiny\n")


def test_json_tells_every_check(run: Run, mlp: Path) -> None:
    result = run(verify, mlp, "--engine", "onnxruntime", "--engine", "litert", "--json")
    document = json.loads(result.stdout)
    assert document["ok"] is True
    (report,) = document["models"]
    assert {(c["path"], c["engine"]) for c in report["checks"]} == {
        (INT8, "onnxruntime"),
        ("tflite/mlp-int8.tflite", "litert"),
    }
    for check in report["checks"]:
        assert check["rows"] == 100
        assert check["failure"] is None
        assert 0 < check["max_difference"] < 0.5
    states = {file["path"]: file["state"] for file in report["files"]}
    assert states["reference.npz"] == states[INT8] == "intact"
    assert states["model.keras"] == "not here"


@pytest.mark.parametrize(
    ("gate", "shift", "passes"),
    [
        ({"max_difference": 1e-4, "min_agreement": 1.0}, 5e-5, True),
        ({"max_difference": 1e-4, "min_agreement": 1.0}, 2e-4, False),
        ({"max_difference": 1e-2}, 5e-3, True),
        ({"max_difference": 1e-2}, 2e-2, False),
        ({"min_agreement": 0.997}, 0.05, True),
        ({}, 0.05, True),
    ],
)
def test_probabilities_may_differ_as_the_gate_allows(
    gate: dict[str, float], shift: float, passes: bool, run: Run, mlp: Path
) -> None:
    def change(probabilities: Array) -> None:
        row = probabilities[6]
        row[row.argmax()] -= shift

    set_reference(mlp, change)
    record(mlp, gate=gate)
    result = run(verify, mlp, "--engine", "numpy")
    assert (result.exit_code == 0) is passes
    rows = [line.split(": ")[1] for line in result.stdout.splitlines() if ": row " in line]
    assert rows == ([] if passes else ["row 7"])
    if not passes:
        assert f"differs by {shift:.1e}, more than" in result.stdout
        assert result.stderr == "Error: 1 of the checks failed; see above\n"


@pytest.mark.parametrize(("changed", "passes"), [(2, True), (3, False)])
def test_few_digits_of_a_quantized_file_may_be_others(
    changed: int, passes: bool, run: Run, mlp: Path
) -> None:
    def change(probabilities: Array) -> None:
        probabilities[10 : 10 + changed] = np.roll(probabilities[10 : 10 + changed], 1, axis=1)

    set_reference(mlp, change)
    record(mlp)
    result = run(verify, mlp, "--engine", "numpy")
    assert (result.exit_code == 0) is passes, result.output
    rows = [line for line in result.stdout.splitlines() if ": row " in line]
    assert [line.split(": ")[1] for line in rows] == [f"row {11 + i}" for i in range(changed)]
    expected = load(mlp / INT8).predict(np.load(mlp / "reference.npz")["pixels"])[10]
    assert f"Keras sees {(expected + 1) % 10}, this device {expected};" in rows[0]
    assert ("3 of 100 digits changed, more than 2" in result.stdout) is not passes


def test_a_file_of_another_model_fails_and_is_not_listed_at_length(run: Run, mlp: Path) -> None:
    set_constant(mlp / INT8, "probabilities/Gemm.weight_quantized", lambda w: -w)
    record(mlp)
    result = run(verify, mlp)
    assert result.exit_code == 1
    assert "FAILED" in result.stdout
    assert "--json lists all" in result.stdout
    document = json.loads(run(verify, mlp, "--json").stdout)
    assert document["ok"] is False
    by_engine = {check["engine"]: check for check in document["models"][0]["checks"]}
    assert len(by_engine["numpy"]["differences"]) > 90
    assert by_engine["litert"]["failure"] is None


def test_answers_that_are_not_numbers_fail(run: Run, mlp: Path) -> None:
    name = "probabilities/Gemm.vector_quantized_scale"
    set_constant(mlp / INT8, name, lambda scale: np.full_like(scale, np.nan))
    record(mlp)
    result = run(verify, mlp, "--engine", "numpy", "--json")
    assert result.exit_code == 1
    (check,) = json.loads(result.stdout)["models"][0]["checks"]
    assert check["failure"] == "has probabilities that are not numbers"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (INT8, f"damaged: {INT8}"),
        ("model.keras", "damaged: model.keras"),
        ("reference.npz", "reference.npz: has 9 bytes, its manifest says"),
    ],
)
def test_a_damaged_file_fails(name: str, message: str, run: Run, mlp: Path) -> None:
    (mlp / name).write_bytes(b"truncated")
    result = run(verify, "mlp", "--artifacts", mlp.parent)
    assert result.exit_code == 1
    assert message in result.output
    assert result.stderr.count("\n") == 1
    if name != "reference.npz":
        assert result.stderr == "Error: 1 of the checks failed; see above\n"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04junk", b"\x93NUMPY junk"])
def test_reference_rows_that_are_no_npz_are_refused(content: bytes, run: Run, mlp: Path) -> None:
    (mlp / "reference.npz").write_bytes(content)
    record(mlp)
    result = run(verify, mlp)
    assert result.exit_code == 1
    assert "reference.npz: not readable" in result.stderr


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (None, "describes no reference rows"),
        ("reference.npz", "as 'reference'; expected an object"),
        ({"file": "../reference.npz", "sha256": "", "bytes": 1}, "not a path inside its folder"),
        ({"file": "gone.npz", "sha256": "", "bytes": 1}, "gone.npz: no such"),
    ],
)
def test_a_manifest_without_reference_rows_says_so(
    reference: object, message: str, run: Run, mlp: Path
) -> None:
    path = mlp / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"reference": reference}))
    result = run(verify, mlp)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_formats_without_engine_are_told_but_do_not_count(
    run: Run, mlp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Engine.installed_package
    monkeypatch.setattr(
        Engine,
        "installed_package",
        lambda self: None if self.format == "tflite" else there(self),
    )
    result = run(verify, mlp)
    assert result.exit_code == 0, result.output
    assert "not run: no engine installed" in result.stdout
    alone = run(verify, mlp, "--format", "tflite")
    assert alone.exit_code == 1
    assert "nothing was checked" in alone.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lenet"], "lenet: has no manifest.json"),
        (["mlp", "--precision", "float32"], "has no float32 file; present: onnx int8"),
        (["mlp", "--format", "tflite", "--engine", "numpy"], "has no file that numpy reads"),
    ],
)
def test_what_cannot_be_checked_is_one_line(
    arguments: list[str], message: str, run: Run, mlp: Path
) -> None:
    result = run(verify, *arguments, "--artifacts", mlp.parent)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("gate", "difference", "changed"),
    [
        ({"max_difference": 1e-4, "min_agreement": 1.0}, 1e-4, None),
        ({"max_difference": 1e-2}, 1e-2, None),
        ({"min_agreement": 0.997, "max_accuracy_loss": 0.001}, None, 2),
        ({"min_agreement": 0.05}, None, 99),
        ({"min_agreement": 1.0}, None, 0),
    ],
)
def test_a_gate_for_thousands_of_rows_is_brought_to_the_rows_at_hand(
    gate: dict[str, float], difference: float | None, changed: int | None
) -> None:
    assert Tolerance.of(gate, 100) == Tolerance(difference, changed)


def test_chance_fails_a_file_at_its_limit_once_in_a_hundred_times() -> None:
    limit = Tolerance.of({"min_agreement": 0.98}, 100).changed
    assert limit is not None
    drawn = np.random.default_rng(0).binomial(100, 0.02, 100_000)
    assert 0.001 < (drawn > limit).mean() <= 0.01


def test_the_gate_is_told(run: Run, mlp: Path) -> None:
    result = run(verify, "mlp", "--artifacts", mlp.parent)
    assert "99.7% same" in result.stdout
    (check, *_) = json.loads(run(verify, "mlp", "--artifacts", mlp.parent, "--json").stdout)[
        "models"
    ][0]["checks"]
    assert check["gate"]["min_agreement"] == 0.997
    assert check["tolerance"] == {}


def test_a_file_published_under_a_tolerance_is_held_to_that(run: Run, mlp: Path) -> None:
    """Its answers are another model's, which only so wide a gate lets pass."""
    set_constant(mlp / INT8, "probabilities/Gemm.weight_quantized", lambda w: -w)
    record(mlp)
    strict = run(verify, mlp, "--format", "onnx")
    assert strict.exit_code == 1
    assert "digits changed, more than 2" in strict.stdout
    record(mlp, gate={"min_agreement": 0.01}, tolerance={"min_agreement": 0.01})
    wide = run(verify, mlp, "--format", "onnx")
    assert wide.exit_code == 0, wide.output
    assert "1.0% same (--tolerance)" in wide.stdout
