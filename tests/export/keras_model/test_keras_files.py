"""Keras files of all kinds: what can be read is, and the rest is told in one line."""

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tensorflow as tf
from click.testing import Result
from digit_export.keras_model.network import keras
from digit_runtime import load
from digit_runtime.contract import Labels, Pixels
from keras.src.legacy.saving import legacy_h5_format

Digits = tuple[Pixels, Labels]
Export = Callable[..., Result]
LAYERS = keras.layers
FLOAT32 = ("--scale", "1/255", "--precision", "float32")


def model(*inner: Any) -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((28, 28)), LAYERS.Flatten(), *inner, LAYERS.Dense(10)])


def save(model: Any, path: Path) -> Path:
    if path.suffix == ".keras":
        model.save(path)
    else:  # `Model.save` writes this format too, and logs that it is old.
        legacy_h5_format.save_model_to_hdf5(model, str(path))
    return path


def refused(export_own: Export, path: Path) -> str:
    result = export_own(path, exit_code=1)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert not (path.parent / "artifacts").exists()
    return line


def answers_as(model: Any, exported: Path, pixels: Pixels) -> None:
    images = pixels.reshape(-1, 28, 28) / np.float32(255)
    expected = keras.ops.softmax(model(images))
    np.testing.assert_allclose(load(exported).predict_proba(pixels), expected, atol=1e-5)


def test_a_legacy_h5_file(export_own: Export, tmp_path: Path, test_digits: Digits) -> None:
    original = model()
    export_own(save(original, tmp_path / "old.h5"), *FLOAT32, "--format", "onnx")
    file = tmp_path / "artifacts/old/onnx/old-float32.onnx"
    answers_as(original, file, test_digits[0][:20])


@pytest.fixture
def saved_model(tmp_path: Path) -> tuple[Any, Path]:
    original = model(LAYERS.Dense(8, activation="relu"))
    original.export(tmp_path / "my model", verbose=False)
    return original, tmp_path / "my model"


def test_a_saved_model(
    saved_model: tuple[Any, Path], export_own: Export, tmp_path: Path, test_digits: Digits
) -> None:
    original, folder = saved_model
    export_own(folder, *FLOAT32)
    for format in ("onnx", "tflite"):
        file = tmp_path / f"artifacts/my model/{format}/my model-float32.{format}"
        answers_as(original, file, test_digits[0][:20])
    assert export_own(folder, "--precision", "float32").stdout.count("up to date") == 2
    manifest = json.loads((tmp_path / "artifacts/my model/manifest.json").read_text())
    assert manifest["model"]["parameters"] == 784 * 8 + 8 + 8 * 10 + 10


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("saved_model.pb", b"", "saved_model.pb is empty"),
        ("saved_model.pb", b"junk", "saved_model.pb cannot be parsed"),
        ("variables/variables.index", None, "variables/variables.index is missing"),
        ("variables/variables.index", b"junk", "its variables cannot be read: "),
        ("variables/variables.data-00000-of-00001", None, "variables/variables.data-* is missing"),
        ("variables/variables.data-00000-of-00001", b"junk", "its variables cannot be read: "),
    ],
)
def test_a_damaged_saved_model(
    name: str,
    content: bytes | None,
    told: str,
    saved_model: tuple[Any, Path],
    export_own: Export,
) -> None:
    _, folder = saved_model
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    line = refused(export_own, folder)
    assert f"{folder}: is a damaged SavedModel: {told}" in line
    assert line.endswith("; copy the whole folder again, or write it with model.export")


def test_a_saved_model_without_its_graph(saved_model: tuple[Any, Path], export_own: Export) -> None:
    _, folder = saved_model
    (folder / "saved_model.pb").unlink()
    assert "is a SavedModel without its saved_model.pb" in refused(export_own, folder)


def test_a_saved_model_without_a_signature(export_own: Export, tmp_path: Path) -> None:
    tf.saved_model.save(tf.Module(), str(tmp_path / "scored"))
    line = refused(export_own, tmp_path / "scored")
    assert "has no signature 'serving_default' (it has: none)" in line


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_python_code_in_a_file_is_not_run(suffix: str, export_own: Export, tmp_path: Path) -> None:
    lambda_layer = LAYERS.Lambda(lambda values: values * 2, name="twice")
    path = save(model(lambda_layer), tmp_path / f"own{suffix}")
    assert "its layer 'twice' is a Lambda, which holds Python code" in refused(export_own, path)


@keras.saving.register_keras_serializable("test")
class Doubled(LAYERS.Layer):  # type: ignore[misc, name-defined]
    def call(self, inputs: Any) -> Any:
        return inputs * 2


@pytest.fixture
def unknown() -> Iterator[None]:
    """Make Keras forget the class, once the file is saved, as another program never knew it."""
    yield
    keras.saving.get_custom_objects()["test>Doubled"] = Doubled


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_layer_that_is_not_keras_own(
    suffix: str, export_own: Export, tmp_path: Path, unknown: None
) -> None:
    inner = keras.Sequential([keras.Input((784,)), Doubled(name="twice")], name="inner")
    path = save(model(inner), tmp_path / f"own{suffix}")
    keras.saving.get_custom_objects().pop("test>Doubled")
    line = refused(export_own, path)
    assert "its layer 'twice' is of the class 'test>Doubled', which is not Keras's own" in line


def test_a_file_of_another_keras(export_own: Export, tmp_path: Path) -> None:
    path, later = save(model(), tmp_path / "own.keras"), tmp_path / "later.keras"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(later, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "metadata.json":
                content = json.dumps({"keras_version": "9.1.0"}).encode()
            if name == "config.json":
                content = content.replace(b'"units"', b'"neurons"')
            new.writestr(name, content)
    line = refused(export_own, later)
    assert f"was saved by Keras 9.1.0, and Keras {keras.__version__} cannot read it" in line


def test_weights_without_a_model(export_own: Export, tmp_path: Path) -> None:
    path = tmp_path / "own.weights.h5"
    model().save_weights(path)
    assert "is an HDF5 file without a model in it" in refused(export_own, path)


@pytest.mark.parametrize(
    ("name", "kept", "told"),
    [
        ("own.keras", 0.5, "is cut short: the end of its zip archive is missing"),
        ("own.keras", 0, "is empty"),
        ("own.h5", 0.5, "is cut short: "),
        ("own.h5", 0, "is empty"),
    ],
)
def test_a_file_that_is_cut_short(
    name: str, kept: float, told: str, export_own: Export, tmp_path: Path
) -> None:
    path = save(model(), tmp_path / name)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    line = refused(export_own, path)
    assert f"{path}: {told}" in line
    assert line.endswith("; copy, download or save it again")


@pytest.mark.parametrize("name", ["own.keras", "own.h5"])
def test_a_folder_with_the_name_of_a_file(name: str, export_own: Export, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    assert f"{tmp_path / name}: is a folder; expected" in refused(export_own, tmp_path / name)


def test_an_h5_file_of_something_else(export_own: Export, tmp_path: Path) -> None:
    path = tmp_path / "own.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros(3)
    assert "is an HDF5 file without a model in it" in refused(export_own, path)


def test_several_inputs_or_outputs(export_own: Export, tmp_path: Path) -> None:
    one, two = keras.Input((784,)), keras.Input((3,))
    both = LAYERS.Dense(10)(LAYERS.Concatenate()([one, two]))
    keras.Model([one, two], both).save(tmp_path / "in.keras")
    line = refused(export_own, tmp_path / "in.keras")
    assert "maps float32 [N, 784] and float32 [N, 3] to float32 [N, 10]; has 2 inputs" in line
    keras.Model(one, [LAYERS.Dense(10)(one), LAYERS.Dense(2)(one)]).save(tmp_path / "out.keras")
    assert "1 inputs and 2 outputs" in refused(export_own, tmp_path / "out.keras")


def test_a_model_that_does_not_say_what_it_takes(export_own: Export, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="not yet been built"):
        keras.Sequential([LAYERS.Flatten(), LAYERS.Dense(10)]).save(tmp_path / "own.keras")
    line = refused(export_own, tmp_path / "own.keras")
    assert "does not say what it takes; call it on a batch of pixels once" in line


def test_neither_probabilities_nor_logits(export_own: Export, tmp_path: Path) -> None:
    own = model(LAYERS.Rescaling(1 / 255), LAYERS.Dense(10), LAYERS.Activation("sigmoid"))
    sigmoid = keras.Sequential([*own.layers[:-1]])
    sigmoid.build((None, 28, 28))
    line = refused(export_own, save(sigmoid, tmp_path / "own.keras"))
    assert "gives neither probabilities, which add up to 1, nor logits" in line


def test_a_missing_file(export_own: Export, tmp_path: Path) -> None:
    line = refused(export_own, tmp_path / "own.keras")
    assert line.endswith(f"{tmp_path / 'own.keras'}: no such file")


def test_a_layer_that_a_format_cannot_have_is_named(export_own: Export, tmp_path: Path) -> None:
    crop = LAYERS.Discretization(bin_boundaries=[0.3, 0.6], name="buckets")
    own = model(LAYERS.Dense(16), crop, LAYERS.Rescaling(1.0))
    result = export_own(save(own, tmp_path / "own.keras"), *FLOAT32, exit_code=1)
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if "float32" in line}
    assert "has no way to write its layer 'buckets' (Discretization)" in str(lines)


def test_the_layer_in_which_a_blank_image_is_lost_is_named(
    export_own: Export, tmp_path: Path
) -> None:
    # Keras divides by at least a little; the engine divides zero by zero.
    path = save(model(LAYERS.UnitNormalization(name="norm")), tmp_path / "own.keras")
    result = export_own(path, *FLOAT32, "--format", "tflite", exit_code=1)
    assert "not numbers for a blank image (all pixels 0), from its layer 'norm'" in result.stdout
