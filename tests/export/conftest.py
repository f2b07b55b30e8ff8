import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from digit_export.commands.export import export
from digit_export.keras_model.network import Network, keras
from digit_runtime.contract import Labels, Pixels
from digit_train.training import models

Digits = tuple[Pixels, Labels]


# Fewer rows than this make the gates' percentages coarse: a row must not decide.
TRAINED, HELD_OUT, TESTED = 8000, 4000, 4000


def write_csv(path: Path, pixels: Pixels, labels: Labels | None = None) -> None:
    header = [f"pixel{column}" for column in range(784)]
    rows = pixels if labels is None else np.column_stack([labels, pixels])
    lines = [",".join(header if labels is None else ["label", *header])]
    lines += [",".join(map(str, row)) for row in rows.tolist()]
    path.write_text("\n".join(lines) + "\n")


def write_labels(path: Path, labels: Labels) -> None:
    rows = [f"{row},{label}" for row, label in enumerate(labels, 1)]
    path.write_text("\n".join(["ImageId,Label", *rows]) + "\n")


@pytest.fixture(scope="session")
def data(digits: Digits, test_digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.csv, test.csv and test_labels.csv."""
    folder = tmp_path_factory.mktemp("data")
    rows = TRAINED + HELD_OUT
    write_csv(folder / "train.csv", digits[0][:rows], digits[1][:rows])
    write_csv(folder / "test.csv", test_digits[0][:TESTED])
    write_labels(folder / "test_labels.csv", test_digits[1][:TESTED])
    return folder


def trained(model: Any, digits: Digits, epochs: int) -> Any:
    pixels, labels = digits
    model.compile("adam", "sparse_categorical_crossentropy")
    keras.utils.set_random_seed(0)
    model.fit(pixels[:TRAINED], labels[:TRAINED], batch_size=64, epochs=epochs, verbose=0)
    model.optimizer = None
    return model


@pytest.fixture(scope="session")
def mlp(digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real mlp, trained for seconds on the rows that are not held out."""
    model = trained(models.build("mlp", models.rescaling()), digits, epochs=6)
    path = tmp_path_factory.mktemp("mlp") / "model.keras"
    model.save(path)
    return path


@pytest.fixture(scope="session")
def small_cnn(digits: Digits) -> Network:
    """Every kind of layer that the real cnn has, but few of them."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((784,), dtype="uint8", name="pixels"),
            models.min_max(digits[0][:TRAINED]),
            layers.Reshape((28, 28, 1), name="image"),
            layers.Conv2D(8, 7, padding="same", activation="relu", name="conv1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Conv2D(12, 3, padding="same", activation="relu", name="conv2"),
            layers.MaxPooling2D(2, name="pool2"),
            layers.Flatten(name="flatten"),
            layers.Dense(32, activation="relu", name="hidden1"),
            layers.Dropout(0.3, name="dropout1"),
            layers.Dense(10, activation="softmax", name="probabilities"),
        ],
        name="small",
    )
    return Network(trained(model, digits, epochs=2))


@pytest.fixture(scope="session")
def lay_out() -> Callable[..., Path]:
    """Lay out a model's directory as digit-train does."""

    def write(keras_file: Path, directory: Path) -> Path:
        directory.mkdir(parents=True)
        content = keras_file.read_bytes()
        (directory / "model.keras").write_bytes(content)
        manifest = {
            "schema": 1,
            "name": directory.name,
            "contract": 1,
            "model": {"file": "model.keras", "sha256": sha256(content).hexdigest()},
            "training": {"recipe": "edge", "epochs": 6, "seed": 0, "validation_rows": HELD_OUT},
            "files": [],
        }
        (directory / "manifest.json").write_text(json.dumps(manifest))
        return directory

    return write


@dataclass(frozen=True)
class Run:
    """One run of digit-export: its result, and the model's directory."""

    result: Result
    directory: Path

    @property
    def manifest(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self.directory / "manifest.json").read_text())
        return document

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.directory)): path.read_bytes()
            for path in sorted(self.directory.rglob("*"))
            if path.is_file()
        }


Exporter = Callable[..., Run]


@pytest.fixture(scope="session")
def run_export(data: Path) -> Exporter:
    """Run digit-export on a model directory."""

    def run(directory: Path, *arguments: str) -> Run:
        where = ["--artifacts", str(directory.parent), "--model", directory.name]
        rows = ["--data", str(data / "train.csv")]
        return Run(CliRunner().invoke(export, [*where, *rows, *arguments]), directory)

    return run


@pytest.fixture(scope="session")
def exported(
    mlp: Path,
    run_export: Exporter,
    lay_out: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Run:
    """The mlp, exported to every target. Tests must not alter its directory."""
    return run_export(lay_out(mlp, tmp_path_factory.mktemp("artifacts") / "mlp"))


@pytest.fixture
def copy(exported: Run, tmp_path: Path) -> Path:
    """A directory with the exported mlp that a test may alter."""
    return Path(shutil.copytree(exported.directory, tmp_path / "artifacts" / "mlp"))


OwnExporter = Callable[..., Result]


@pytest.fixture(scope="session")
def exporter() -> Callable[[Path, Path], OwnExporter]:
    """Make a function that exports a file, trained on these rows, into that folder."""

    def make(rows: Path, artifacts: Path) -> OwnExporter:
        def run(path: object, *arguments: object, exit_code: int = 0) -> Result:
            words = ["--model", path, "--data", rows, "--artifacts", artifacts, *arguments]
            result = CliRunner().invoke(export, [str(word) for word in words])
            assert result.exit_code == exit_code, result.output
            assert "Traceback" not in result.stderr
            return result

        return run

    return make


@pytest.fixture(scope="session")
def digit_rows(
    digits: Digits, write_pixels: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A training CSV of 1,500 digits, without test rows beside it."""
    folder = tmp_path_factory.mktemp("rows")
    return write_pixels(folder / "train.csv", digits[0][:1500], digits[1][:1500])


@pytest.fixture
def export_own(
    exporter: Callable[[Path, Path], OwnExporter], digit_rows: Path, tmp_path: Path
) -> OwnExporter:
    """Export a file with digits into a folder of the test."""
    return exporter(digit_rows, tmp_path / "artifacts")


@pytest.fixture(scope="session")
def saved() -> Callable[..., Any]:
    """Save an untrained model of these layers, and return it."""

    def save(path: Path, *layers: Any) -> Any:
        keras.utils.set_random_seed(0)
        model = keras.Sequential(layers)
        model.save(path)
        return model

    return save
