"""A model's folder: nothing is replaced unasked, nothing of an older model stays, one writes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from digit_export.commands.export import export
from digit_runtime.contract import Labels, Pixels
from digit_runtime.errors import OutputError
from digit_runtime.models.manifest import Manifest, sha256_of
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


def test_a_publish_that_fails_changes_nothing_and_is_finished_by_resuming(
    run: Run, rows: Path, tmp_path: Path
) -> None:
    usual = ["--model", "mlp", "--data", rows, "--recipe", "notebook", "--out", "it"]
    assert run(train, *usual, "--epochs", 1).exit_code == 0
    picture = tmp_path / "it" / "held-out.png"
    picture.unlink()
    picture.mkdir()
    before = contents(tmp_path / "it")
    result = run(train, *usual, "--epochs", 2, "--replace")
    assert result.exit_code == 1
    assert "held-out.png: is a folder" in result.stderr
    now = contents(tmp_path / "it")
    assert {name: now[name] for name in before} == before
    # As if it had been killed between two renames.
    (tmp_path / "it" / "model.keras").write_bytes(now["checkpoint/epoch-0002.keras"])
    refused = run(export, "--model", "it/model.keras", "--data", rows)
    assert refused.exit_code == 1
    assert "is not the model that its manifest.json describes" in refused.stderr
    assert "--resume" in refused.stderr
    picture.rmdir()
    result = run(train, *usual, "--epochs", 2, "--resume")
    assert result.exit_code == 0, result.output
    manifest = Manifest.read(tmp_path / "it")
    assert manifest.provenance["training"]["epochs"] == 2
    assert sha256_of(tmp_path / "it" / "model.keras") == manifest.provenance["model"]["sha256"]


def test_files_are_written_all_or_none(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(OutputError, match="b: is a folder"):
        folder.write(tmp_path, {"a": b"1", "b": b"2", "c": b"3"})
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    (tmp_path / "b").rmdir()
    folder.write(tmp_path, {"a": b"1", "b": b"2", "c": b"3"})
    assert contents(tmp_path) == {"a": b"1", "b": b"2", "c": b"3"}


@pytest.mark.skipif(sys.platform == "win32", reason="it cannot lock a folder")
@pytest.mark.parametrize("model", ["mlp", "teacher"])
def test_two_trainings_do_not_share_a_folder(run: Run, rows: Path, model: str) -> None:
    with folder.claimed(Path("two")):
        result = run(train, "--model", model, "--data", rows, "--out", "two")
        assert result.exit_code == 1
        assert "two: another training is writing there" in result.stderr
    assert not Path("two").exists()


@pytest.mark.parametrize(
    ("out", "said"),
    [("afile/m", "Not a directory"), ("m", "File exists")],
)
def test_a_folder_that_cannot_be_written_is_told_before_the_first_epoch(
    run: Run, rows: Path, out: str, said: str
) -> None:
    Path("afile").write_text("")
    Path("m").mkdir()
    Path("m/checkpoint").write_text("")
    options = ["--recipe", "notebook", "--epochs", 1, "--out", out]
    result = run(train, "--model", "mlp", "--data", rows, *options)
    assert result.exit_code == 1
    assert result.stderr == f"Error: {Path(out, 'checkpoint')}: cannot be written: {said}\n"


@pytest.mark.parametrize("out", ["ty", "ty/mlp", "ty/lessons", "linked"])
def test_a_teacher_is_not_written_over_by_its_student(run: Run, rows: Path, out: str) -> None:
    Path("ty/mlp").mkdir(parents=True)
    Path("ty/mlp/model.keras").write_text("a member")
    Path("linked").mkdir()
    Path("linked/model.keras").symlink_to("../ty/mlp/model.keras")
    options = ["--teacher", "ty", "--out", out, "--replace"]
    result = run(train, "--model", "mlp", "--data", rows, *options)
    assert result.exit_code == 2
    assert "would write over ty" in result.stderr
    assert Path("ty/mlp/model.keras").read_text() == "a member"


@pytest.mark.parametrize(
    "option", [["--resume"], ["--seed", 77], ["--recipe", "notebook"], ["--replace"],
               ["--more-epochs", 1]],
)  # fmt: skip
def test_what_does_not_apply_to_a_teacher_is_refused(
    run: Run, rows: Path, option: list[object]
) -> None:
    result = run(train, "--model", "teacher", "--data", rows, "--out", "new", *option)
    assert result.exit_code == 2
    assert f"leave out {option[0]}" in result.stderr
    assert not Path("new").exists()


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
