"""Keras files that cannot be exported: the message names the layer, or what to do."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from digit_export.cli import export
from digit_export.network import keras

LAYERS = keras.layers


def failing(path: Path, data: Path, *arguments: str) -> str:
    result = CliRunner().invoke(
        export, ["--model", str(path), "--data", str(data / "train.csv"), *arguments]
    )
    assert result.exit_code == 1, result.output
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    return line


def model(*inner: Any) -> Any:
    return keras.Sequential([keras.Input((28, 28)), LAYERS.Flatten(), *inner, LAYERS.Dense(10)])


@keras.saving.register_keras_serializable("test")
class Doubled(LAYERS.Layer):  # type: ignore[misc]
    def call(self, inputs: Any) -> Any:
        return inputs * 2


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_python_code_in_a_file_is_not_run(suffix: str, data: Path, tmp_path: Path) -> None:
    path = tmp_path / f"own{suffix}"
    save(model(LAYERS.Lambda(lambda values: values * 2, name="twice")), path)
    assert "its layer 'twice' is a Lambda, which holds Python code" in failing(path, data)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_layer_that_is_not_keras_own(suffix: str, data: Path, tmp_path: Path) -> None:
    path = tmp_path / f"own{suffix}"
    inner = keras.Sequential([keras.Input((784,)), Doubled(name="twice")], name="inner")
    save(model(inner), path)
    with keras.saving.custom_object_scope({}):
        keras.saving.get_custom_objects().pop("test>Doubled")
        try:
            line = failing(path, data)
        finally:
            keras.saving.get_custom_objects()["test>Doubled"] = Doubled
    assert "its layer 'twice' is of the class 'test>Doubled', which is not Keras's own" in line


def test_a_file_of_another_keras(data: Path, tmp_path: Path) -> None:
    path, later = tmp_path / "own.keras", tmp_path / "later.keras"
    model().save(path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(later, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "metadata.json":
                content = json.dumps({"keras_version": "9.1.0"}).encode()
            if name == "config.json":
                content = content.replace(b'"units"', b'"neurons"')
            new.writestr(name, content)
    line = failing(later, data)
    assert f"was saved by Keras 9.1.0, and Keras {keras.__version__} cannot read it" in line


def test_a_saved_model(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(b"")
    line = failing(folder, data)
    assert f"{folder}: is a SavedModel" in line
    assert "model.save('my.keras')" in line


def test_a_layer_that_a_format_cannot_have_is_named(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.keras"
    model(LAYERS.Dense(16), LAYERS.Activation("gelu", name="smooth")).save(path)
    where = ["--model", str(path), "--data", str(data / "train.csv")]
    result = CliRunner().invoke(export, [*where, "--scale", "1/255", "--precision", "float32"])
    assert result.exit_code == 1
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if "float32" in line}
    assert "onnx has no way to write the layer 'smooth' (Activation)" in lines["own-float32.onnx"]
    assert lines["own-float32.tflite"].endswith(" exported")


def save(model: Any, path: Path) -> None:
    if path.suffix == ".keras":
        model.save(path)
        return
    # `Model.save` writes this format too, and logs that it is old.
    from keras.src.legacy.saving import legacy_h5_format

    legacy_h5_format.save_model_to_hdf5(model, str(path))
