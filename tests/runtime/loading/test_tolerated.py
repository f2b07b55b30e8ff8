"""A file that passed by --tolerance only is the last choice, and commands say which it is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from digit_runtime.commands.info import info
from digit_runtime.commands.predict import predict
from digit_runtime.contract import Labels, Pixels
from digit_runtime.loading.auto import preferred
from digit_runtime.models.folder import find_all

Run = Callable[..., Result]


@pytest.fixture
def tolerated(artifacts: Path, tmp_path: Path) -> Path:
    """The shipped mlp, whose TFLite int8 file passed by --tolerance only."""
    folder = Path(shutil.copytree(artifacts / "mlp", tmp_path / "own" / "mlp"))
    document = json.loads((folder / "manifest.json").read_text())
    for file in document["files"]:
        if file["path"] == "tflite/mlp-int8.tflite":
            file["tolerance"] = {"min_agreement": 0.1}
    (folder / "manifest.json").write_text(json.dumps(document))
    return folder.parent


def test_it_is_the_last_choice(tolerated: Path) -> None:
    pairs = preferred(find_all("mlp", artifacts=tolerated))
    assert pairs[-1].file.format == "tflite"
    assert pairs[-1].file.tolerated
    # Even after the engine that is nobody's choice otherwise.
    assert any(pair.engine.last_resort and not pair.file.tolerated for pair in pairs[:-1])


def test_predict_and_info_say_so(
    tolerated: Path,
    run: Run,
    digits: tuple[Pixels, Labels],
    write_pixels: Callable[..., Path],
    tmp_path: Path,
) -> None:
    rows = write_pixels(tmp_path / "rows.csv", digits[0][:3])
    where = ["--model", "mlp", "--precision", "int8", "--artifacts", tolerated]
    asked = run(predict, rows, *where, "--format", "tflite", "--engine", "litert")
    assert "mlp-int8.tflite was published by --tolerance only" in asked.stderr
    other = run(predict, rows, *where, "--format", "onnx", "--engine", "numpy")
    assert "--tolerance" not in other.stderr
    shown = run(info, "mlp", "--artifacts", tolerated).stdout
    (line,) = [line for line in shown.splitlines() if "mlp-int8.tflite" in line]
    assert "int8 (by tolerance)" in line
