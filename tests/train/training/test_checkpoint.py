"""A checkpoint that was changed, cut or mixed up is refused in one line; a full disk is named."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from click.testing import Result
from digit_runtime.contract import Labels, Pixels
from digit_runtime.errors import OutputError
from digit_train.commands.train import train as command
from digit_train.training import models
from digit_train.training.checkpoint import Checkpoint, ResumeError
from digit_train.training.history import Epoch
from digit_train.training.run import train


@pytest.fixture(scope="module")
def stopped(
    digits: tuple[Pixels, Labels],
    write_pixels: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder with train.csv and a training of it that was interrupted after two epochs."""
    folder = tmp_path_factory.mktemp("stopped")
    data = write_pixels(folder / "train.csv", digits[0][:400], digits[1][:400])

    def stop(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train("mlp", data, folder / "mlp", "notebook", epochs=3, report=stop)
    return folder


@pytest.fixture
def resume(
    stopped: Path, tmp_path: Path, run: Callable[..., Result]
) -> Callable[[Callable[[Path], object]], Result]:
    """Change a copy of its checkpoint, then resume."""
    shutil.copytree(stopped, tmp_path / "copy")

    def change_and_resume(change: Callable[[Path], object]) -> Result:
        change(tmp_path / "copy" / "mlp" / "checkpoint")
        options = ["--recipe", "notebook", "--epochs", 3, "--out", "copy/mlp", "--resume"]
        return run(command, "--model", "mlp", "--data", "copy/train.csv", *options)

    return change_and_resume


def state(**changes: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        document = json.loads((folder / "state.json").read_text())
        for key, value in changes.items():
            document[key] = value(document[key]) if callable(value) else value
        (folder / "state.json").write_text(json.dumps(document))

    return change


def another(name: str, **options: Any) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        model = models.build(name, models.rescaling())
        if options:
            model.compile(**options)
        model.save(folder / "epoch-0002.keras")

    return change


Resume = Callable[[Callable[[Path], object]], Result]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (state(identity=[]), "identity"),
        (state(history=lambda rows: [rows[0], rows[1] | {"loss": "x"}]), "loss"),
        (state(history=lambda rows: rows * 3), "not counted from 1"),
        (state(history=[]), "not counted from 1"),
        (state(history=lambda rows: rows[:1]), "epoch-0001.keras"),
        (lambda folder: (folder / "state.json").write_text("[" * 100_000), "not valid JSON"),
        (lambda folder: (folder / "state.json").write_text("{}"), "lacks"),
        (lambda folder: (folder / "epoch-0002.keras").unlink(), "epoch-0002.keras"),
        (another("mlp"), "epoch-0002.keras is another file"),
        (another("cnn", loss="categorical_crossentropy"), "epoch-0002.keras is another file"),
    ],
)
def test_a_checkpoint_that_is_not_as_it_was_left_is_refused(
    change: Callable[[Path], object], said: str, resume: Resume
) -> None:
    result = resume(change)
    assert result.exit_code == 1, result.output
    assert "checkpoint: damaged checkpoint (" in result.stderr
    assert said in result.stderr
    assert result.stderr.strip().endswith("; delete it to start anew")
    assert not Path("copy/mlp/model.keras").exists()


def test_as_it_was_left_it_is_resumed(resume: Resume) -> None:
    result = resume(lambda folder: None)
    assert result.exit_code == 0, result.output
    assert not Path("copy/mlp/checkpoint").exists()


def test_a_damaged_model_file_is_not_resumed_from(stopped: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(stopped / "mlp" / "checkpoint", tmp_path / "checkpoint"))
    identity = json.loads((folder / "state.json").read_text())["identity"]
    content = bytearray((folder / "epoch-0002.keras").read_bytes())
    content[len(content) // 2] ^= 255
    (folder / "epoch-0002.keras").write_bytes(content)
    with pytest.raises(ResumeError, match=r"damaged checkpoint .*; delete it to start anew"):
        Checkpoint(folder, identity).load()


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_a_full_disk_is_named_and_leaves_no_half_checkpoint(tmp_path: Path) -> None:
    import resource

    checkpoint = Checkpoint(tmp_path / "checkpoint", {})
    model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10)])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OutputError, match=r".+: cannot be written: File too large"):
            checkpoint.save(model, [Epoch(1, 1.0, 0.5, 1.0, 0.5, 0.01, 1.0, 1.0)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.rglob("*.keras")) == []
