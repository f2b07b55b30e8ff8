"""A model's folder: nothing is replaced unasked, nothing of an older model stays, one writes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from digit_runtime.contract import Labels, Pixels
from digit_runtime.errors import OutputError
from digit_runtime.models.manifest import Manifest
from digit_train.commands.train import train
from digit_train.training import folder

Run = Callable[..., Result]


@pytest.fixture
def shipped(artifacts: Path, tmp_path: Path) -> Path:
    """A copy of the shipped mlp, with its exports, its card and its pictures."""
    return Path(shutil.copytree(artifacts / "mlp", tmp_path / "artifacts" / "mlp"))


@pytest.fixture
def rows(digits: tuple[Pixels, Labels], write_pixels: Callable[..., Path], tmp_path: Path) -> Path:
    return write_pixels(tmp_path / "train.csv", digits[0][:400], digits[1][:400])


def contents(directory: Path) -> dict[str, bytes]:
    files = [path for path in directory.rglob("*") if path.is_file()]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def test_a_model_is_not_replaced_unasked(run: Run, shipped: Path, rows: Path) -> None:
    before = contents(shipped)
    result = run(train, "--model", "mlp", "--data", rows, "--epochs", 1)
    assert result.exit_code == 2
    assert "artifacts/mlp: holds a model" in result.stderr
    assert "--replace" in result.stderr
    assert contents(shipped) == before


def test_nothing_of_the_replaced_model_stays(run: Run, shipped: Path, rows: Path) -> None:
    (shipped / "notes.txt").write_text("somebody's own")
    options = ["--recipe", "notebook", "--epochs", 1, "--replace"]
    result = run(train, "--model", "mlp", "--data", rows, *options)
    assert result.exit_code == 0, result.output
    assert sorted(contents(shipped)) == [
        "held-out.csv", "held-out.png", "history.csv", "history.png", "manifest.json",
        "model.keras", "notes.txt",
    ]  # fmt: skip
    assert Manifest.read(shipped).files == ()
    assert not (shipped / "onnx").exists()


def test_a_manifest_cannot_have_the_new_model_removed(shipped: Path) -> None:
    manifest = (shipped / "manifest.json").read_text()
    (shipped / "manifest.json").write_text(manifest.replace("onnx/mlp-int8.onnx", "model.keras"))
    assert shipped / "model.keras" not in folder.listed(shipped)


def test_a_second_writer_waits_for_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "PATIENCE_S", 0.2)
    code = (
        "import sys; from pathlib import Path; from digit_train.training.folder import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "mlp")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(OutputError, match="another command has been writing there"),
            folder.locked(tmp_path / "mlp"),
        ):
            pass
        other.kill()
    with folder.locked(tmp_path / "mlp"):
        assert not (tmp_path / "mlp").exists()
