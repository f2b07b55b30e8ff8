import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from click.testing import Result
from digit_runtime.contract import Labels, Pixels
from digit_runtime.models.manifest import Manifest
from digit_train.commands.train import train
from digit_train.training import recipes, run
from digit_train.training.history import Epoch
from digit_train.training.recipe import Phase

Run = Callable[..., Result]
Write = Callable[..., Path]
COMMAND = [sys.executable, "-c", "from digit_train.commands.train import train; train()"]


@pytest.fixture(scope="module")
def data(
    digits: tuple[Pixels, Labels],
    write_pixels: Write,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """3,000 real training rows, and the next 500 as a labelled test set beside them."""
    folder = tmp_path_factory.mktemp("data")
    write_pixels(folder / "test.csv", digits[0][3000:3500])
    answers = "".join(f"{i},{label}\n" for i, label in enumerate(digits[1][3000:3500], start=1))
    (folder / "test_labels.csv").write_text("ImageId,Label\n" + answers)
    return write_pixels(folder / "train.csv", digits[0][:3000], digits[1][:3000])


def test_the_next_command_can_be_pasted_whatever_the_names(run: Run, data: Path) -> None:
    options = ["--recipe", "notebook", "--epochs", 1, "--out", "we ird $(touch x)"]
    result = run(train, "--model", "mlp", "--data", data, *options)
    assert result.exit_code == 0, result.output
    assert "digit-export --model 'we ird $(touch x)/model.keras' --data" in result.stdout


def test_a_model_directory_is_made(run: Run, data: Path, digits: tuple[Pixels, Labels]) -> None:
    options = ["--recipe", "notebook", "--epochs", 8, "--out", "mlp"]
    result = run(train, "--model", "mlp", "--data", data, *options)
    assert result.exit_code == 0, result.output
    assert sorted(os.listdir("mlp")) == [
        "held-out.csv", "held-out.png", "history.csv", "history.png", "manifest.json",
        "model.keras",
    ]  # fmt: skip
    manifest = Manifest.read(Path("mlp"))
    training = manifest.provenance["training"]
    assert manifest.files == ()
    assert training["data"]["rows"] == 3000
    assert training["validation_rows"] == 600
    assert training["validation_accuracy"] > 0.8
    model = keras.saving.load_model("mlp/model.keras")
    assert getattr(model, "optimizer", None) is None
    right = model.predict(digits[0][3000:3500], verbose=0).argmax(axis=1) == digits[1][3000:3500]
    assert training["test_accuracy"] == pytest.approx(right.mean())
    assert f"{right.mean():.4%}" in result.stdout
    with open("mlp/history.csv") as stream:
        history = list(csv.DictReader(stream))
    assert [row["epoch"] for row in history] == [str(n) for n in range(1, 9)]
    assert float(history[-1]["loss"]) < float(history[0]["loss"])
    assert float(history[-1]["val_accuracy"]) == pytest.approx(
        training["validation_accuracy"], abs=1e-5
    )
    assert Path("mlp/history.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("model", ["mlp", "tiny", "cnn"])
def test_resume_continues_exactly(
    model: str,
    digits: tuple[Pixels, Labels],
    write_pixels: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Shuffling, augmentation, dropout, schedule and optimizer all go on where they were."""
    data = write_pixels(tmp_path / "train.csv", digits[0][:400], digits[1][:400])
    recipe = recipes.RECIPES["edge", model]
    small = replace(
        recipe,
        validation_fraction=0.25,
        phases=tuple(replace(phase, batch_size=100) for phase in recipe.phases),
    )
    monkeypatch.setitem(recipes.RECIPES, ("edge", model), small)
    epochs = 3
    whole = tmp_path / "whole"
    run.train(model, data, whole, epochs=epochs)

    def stop(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise KeyboardInterrupt

    parts = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        run.train(model, data, parts, epochs=epochs, report=stop)
    assert not (parts / "model.keras").exists()
    seen: list[int] = []
    run.train(model, data, parts, epochs=epochs, resume=True, report=lambda e: seen.append(e.epoch))
    assert seen == [3]
    assert not (parts / "checkpoint").exists()
    expected, got = (
        keras.saving.load_model(out / "model.keras").get_weights() for out in (whole, parts)
    )
    for one, other in zip(expected, got, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_training_resumes(data: Path, tmp_path: Path) -> None:
    options = ["--model", "mlp", "--data", str(data), "--epochs", "20", "--out", str(tmp_path)]
    process = subprocess.Popen([*COMMAND, *options], stderr=subprocess.DEVNULL)
    state = tmp_path / "checkpoint" / "state.json"
    deadline = time.monotonic() + 120
    while not state.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "model.keras").exists()
    before = len(json.loads(state.read_text())["history"])
    done = subprocess.run(
        [*COMMAND, *options, "--resume"], capture_output=True, text=True, check=True
    )
    assert f"epoch {before + 1:3} " in done.stderr
    assert f"epoch {before:3} " not in done.stderr
    accuracy = Manifest.read(tmp_path).provenance["training"]["validation_accuracy"]
    assert accuracy > 0.8


def test_an_interrupted_training_is_neither_lost_nor_mistaken(run: Run, data: Path) -> None:
    def stop(epoch: Epoch) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        from digit_train.training.run import train as start

        start("mlp", data, Path("out"), epochs=5, report=stop)
    options = ["--model", "mlp", "--data", data, "--out", "out"]
    again = run(train, *options, "--epochs", 5)
    assert again.exit_code == 1
    assert "add --resume to continue it" in again.stderr
    other = run(train, *options, "--epochs", 5, "--seed", 1, "--resume")
    assert other.exit_code == 1
    assert "another seed" in other.stderr


def test_bad_test_rows_beside_are_told_before_the_first_epoch(run: Run, data: Path) -> None:
    for name in ("train.csv", "test.csv"):
        Path(name).write_bytes((data.parent / name).read_bytes())
    Path("test_labels.csv").write_text("ImageId,Label\n1,3\n")
    result = run(train, "--model", "mlp", "--data", "train.csv", "--out", "out")
    assert result.exit_code == 1
    assert result.stderr == "Error: test_labels.csv: has 1 label, test.csv has 500 rows\n"
    assert not Path("out").exists()


def test_nothing_to_resume_is_one_line(run: Run, data: Path) -> None:
    result = run(train, "--model", "mlp", "--data", data, "--out", "out", "--resume")
    assert result.exit_code == 1
    assert "no interrupted training to resume" in result.stderr


@pytest.mark.parametrize(("epochs", "batch_size"), [(2, 32), (1, 3000)])
def test_a_diverging_training_stops_with_its_reason(
    epochs: int, batch_size: int, run: Run, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hot = replace(
        recipes.RECIPES["notebook", "mlp"],
        phases=(Phase(epochs, learning_rate=1e30, schedule="constant", batch_size=batch_size),),
    )
    monkeypatch.setitem(recipes.RECIPES, ("notebook", "mlp"), hot)
    result = run(train, "--model", "mlp", "--data", data, "--recipe", "notebook", "--out", "out")
    assert result.exit_code == 1
    assert "the loss became" in result.stderr
    assert "learning rate" in result.stderr
    assert not Path("out/model.keras").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [*lines[:5], "x" + lines[5][1:]], "row 5, column label: 'x"),
        (lambda lines: [*lines[:5], lines[5] + ",1"], "row 5 has 786 columns"),
        (lambda lines: [line.split(",", 1)[1] for line in lines if line], "has no label column"),
        (lambda lines: lines[:2], "too few to train"),
        (lambda lines: [lines[0], *lines[1:2] * 40], "has rows of the digit 8 only"),
    ],
)
def test_bad_data_is_named_by_row_and_column(
    change: Callable[[list[str]], list[str]], message: str, run: Run, data: Path
) -> None:
    Path("bad.csv").write_text("\n".join(change(data.read_text().split("\n"))))
    result = run(train, "--model", "mlp", "--data", "bad.csv", "--out", "out")
    assert result.exit_code == 1
    assert "bad.csv: has 1 row, " in result.stderr or "too few" not in message
    assert "bad.csv: " in result.stderr
    assert message in result.stderr
    assert not Path("out").exists()
