"""The runtime's wheel alone, in an environment that holds nothing else."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from digit_runtime.contract import Labels, Pixels

ROOT = Path(__file__).parents[2]
FORBIDDEN = {"tensorflow", "keras", "onnx", "tf2onnx", "pandas", "digit-toolkit"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", out, ROOT / "runtime"],
        check=True,
        capture_output=True,
    )
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_has_the_page(wheel: Path) -> None:
    page = {"index.html", "app.css", "app.js", "icon.svg"}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {f"digit_runtime/serve/static/{name}" for name in page} <= names
    assert "digit_runtime/serve/openapi.json" in names


@pytest.mark.parametrize("extra", ["onnx", "tflite"])
def test_the_wheel_predicts_in_an_empty_environment(
    extra: str,
    wheel: Path,
    tmp_path: Path,
    test_digits: tuple[Pixels, Labels],
    write_pixels: Callable[..., Path],
) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    scripts = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    constraints = ROOT / "constraints.txt"
    pip: list[str | Path] = [scripts / "python", "-m", "pip", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "install", "-q", f"{wheel}[{extra}]", "-c", constraints],
        check=True,
        capture_output=True,
    )
    listed = subprocess.run([*pip, "list", "--format=json"], check=True, capture_output=True)
    installed = {package["name"].lower() for package in json.loads(listed.stdout)}
    assert not FORBIDDEN & installed

    pixels, labels = test_digits[0][:500], test_digits[1][:500]
    data = write_pixels(tmp_path / "a.csv", pixels)
    answers = tmp_path / "labels.csv"
    rows = "".join(f"{i},{label}\n" for i, label in enumerate(labels, start=1))
    answers.write_text("ImageId,Label\n" + rows)
    for model in ("mlp", "tiny", "cnn"):
        result = subprocess.run(
            [scripts / "digit-predict", data, "--labels", answers, "--model", model, "--json"],
            check=True,
            capture_output=True,
            cwd=tmp_path,
        )
        document = json.loads(result.stdout)
        assert document["precision"] == "int8"
        assert str(tmp_path / "env") in document["file"]
        assert document["score"]["accuracy"] > 0.97
    submission = (tmp_path / "submission.csv").read_text().splitlines()
    assert len(submission) == 501


def test_without_an_engine_numpy_predicts(
    wheel: Path,
    tmp_path: Path,
    test_digits: tuple[Pixels, Labels],
    write_pixels: Callable[..., Path],
) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    scripts = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run(
        [scripts / "python", "-m", "pip", "install", "-q", wheel, "-c", ROOT / "constraints.txt"],
        check=True,
        capture_output=True,
    )
    write_pixels(tmp_path / "a.csv", test_digits[0][:100])
    result = subprocess.run(
        [scripts / "digit-predict", "a.csv", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(result.stdout)["engine"] == "numpy"
    assert result.stderr.startswith("note: no engine for .onnx files is installed, so numpy")
    assert result.stderr.endswith('pip install "digit-runtime[onnx]"\n')
    assert result.stderr.count("\n") == 1
    lines = (tmp_path / "submission.csv").read_text().splitlines()[1:]
    digits = [int(line.split(",")[1]) for line in lines]
    assert np.mean(digits == test_digits[1][:100]) > 0.97
    result = subprocess.run(
        [scripts / "digit-batch", "a.csv", "-o", "out"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert result.stderr == (
        'Error: digit-batch needs pyarrow, fsspec, ray: pip install "digit-runtime[batch]"\n'
    )
