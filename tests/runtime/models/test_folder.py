"""A path is never looked up among the models that are installed; a name is."""

import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result
from digit_runtime import ManifestError, ModelNotFoundError, load
from digit_runtime.commands.info import info
from digit_runtime.commands.predict import predict
from digit_runtime.commands.verify import verify
from digit_runtime.models.folder import is_path, model_directory

Run = Callable[..., Result]


@pytest.fixture(params=["none", "empty", "half"])
def given(request: pytest.FixtureRequest, tmp_path: Path, artifacts: Path) -> str:
    """Name no model, though there is a shipped one of that name."""
    if request.param != "none":
        (tmp_path / "mlp").mkdir()
    if request.param == "half":
        shutil.copytree(artifacts / "mlp" / "onnx", tmp_path / "mlp" / "onnx")
    return "no such file or folder" if request.param == "none" else "has no manifest.json"


@pytest.mark.parametrize("path", ["./mlp", "mlp/", "{}/mlp"])
@pytest.mark.parametrize("command", [info, verify, predict])
def test_a_path_without_a_model_is_an_error_that_names_it(
    command: click.Command, path: str, given: str, run: Run, artifacts: Path, tmp_path: Path
) -> None:
    path = path.format(tmp_path)
    (tmp_path / "rows.csv").write_text(",".join(["0"] * 783 + ["9"]) + "\n")
    words = ["rows.csv", "--model", path] if command is predict else [path]
    result = run(command, *words, "--artifacts", artifacts)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {path}: {given}")


def test_a_name_is_the_shipped_model_unless_the_folder_here_has_a_manifest(
    run: Run, artifacts: Path, tmp_path: Path
) -> None:
    (tmp_path / "mlp").mkdir()
    assert run(info, "mlp", "--artifacts", artifacts).exit_code == 0
    assert model_directory("mlp", artifacts) == artifacts / "mlp"
    (tmp_path / "mlp" / "manifest.json").write_bytes(b"")
    assert model_directory("mlp", artifacts) == Path("mlp")


@pytest.mark.parametrize("command", [info, verify])
def test_a_folder_without_a_model_is_called_what_it_was_called(
    command: click.Command, run: Run, artifacts: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    result = run(command, "empty", "--artifacts", artifacts)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: empty: has no manifest.json")
    with pytest.raises(ModelNotFoundError, match=r"^empty: has no manifest"):
        load("empty", artifacts=artifacts)


def test_a_manifest_that_is_a_folder_cannot_be_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "art" / "mlp" / "manifest.json").mkdir(parents=True)
    for command in (info, verify):
        result = run(command, "mlp", "--artifacts", "art")
        assert result.exit_code == 1
        assert "manifest.json: is a folder" in result.stderr
    with pytest.raises(ManifestError, match="is a folder"):
        load("mlp", artifacts="art")


@pytest.mark.parametrize(
    ("model", "path"), [("mlp", False), ("-dash", False), (".", True), ("..", True), ("a/b", True)]
)
def test_a_separator_makes_a_path(model: str, path: bool) -> None:
    assert is_path(model) is path
