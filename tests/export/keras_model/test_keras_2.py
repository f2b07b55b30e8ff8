"""Files that Keras 2 wrote: they are read, and what Keras 3 no longer has is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import Result
from digit_export.keras_model.network import keras
from digit_runtime import load
from digit_runtime.contract import Labels, Pixels
from keras.src.legacy.saving import legacy_h5_format

Digits = tuple[Pixels, Labels]
Export = Callable[..., Result]
LAYERS = keras.layers
FLOAT32 = ("--scale", "1/255", "--precision", "float32")


def keras_2(model: Any, path: Path, classes: dict[str, str] | None = None) -> Path:
    """Save a model as Keras 2.15 did: HDF5, whose configuration has another dialect.

    Args:
        model: Sequential, or Functional in one line.
        path: The file.
        classes: What the classes of layers are called in place of their names now.
    """
    legacy_h5_format.save_model_to_hdf5(model, str(path))
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        before = None
        for layer in config["config"]["layers"]:
            layer["config"] = _in_keras_2(layer["config"])
            for key in ("module", "registered_name", "build_config"):
                layer.pop(key, None)
            layer["class_name"] = (classes or {}).get(layer["class_name"], layer["class_name"])
            if "inbound_nodes" in layer:
                layer["inbound_nodes"] = [[[before, 0, 0, {}]]] if before else []
                before = layer["name"]
        for key in ("input_layers", "output_layers"):
            if key in config["config"]:
                (name, *_) = np.ravel(np.array(config["config"][key], object))
                config["config"][key] = [[name, 0, 0]]
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.15.0"
    return path


def _in_keras_2(config: Any) -> Any:
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        return "float32"
    if "class_name" in config:  # An initializer.
        return {"class_name": config["class_name"], "config": config["config"]}
    renamed = {"batch_shape": "batch_input_shape"}
    dropped = ("optional", "ragged", "quantization_config")
    return {
        renamed.get(key, key): _in_keras_2(value)
        for key, value in config.items()
        if key not in dropped
    }


def sequential() -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            LAYERS.Conv2D(4, 3, activation="relu", name="conv"),
            LAYERS.BatchNormalization(),
            LAYERS.MaxPooling2D(name="pool"),
            LAYERS.Flatten(),
            LAYERS.Dropout(0.5),
            LAYERS.Dense(10, activation="softmax"),
        ]
    )


def functional() -> Any:
    keras.utils.set_random_seed(0)
    image = keras.Input((28, 28, 1))
    values = LAYERS.DepthwiseConv2D(3, depth_multiplier=2, activation="relu")(image)
    values = LAYERS.GlobalAveragePooling2D()(LAYERS.LeakyReLU()(values))
    return keras.Model(image, LAYERS.Dense(10, activation="softmax")(values))


@pytest.mark.parametrize("build", [sequential, functional])
def test_a_file_of_keras_2_answers_as_its_model(
    build: Callable[[], Any], export_own: Export, tmp_path: Path, test_digits: Digits
) -> None:
    original = build()
    export_own(keras_2(original, tmp_path / "two.h5"), *FLOAT32)
    pixels = test_digits[0][:20]
    expected = original(pixels.reshape(-1, 28, 28, 1) / np.float32(255))
    for format in ("onnx", "tflite"):
        file = tmp_path / f"artifacts/two/{format}/two-float32.{format}"
        np.testing.assert_allclose(load(file).predict_proba(pixels), expected, atol=1e-5)


def test_a_layer_that_keras_3_does_not_have_is_named(export_own: Export, tmp_path: Path) -> None:
    path = keras_2(sequential(), tmp_path / "two.h5", {"Conv2D": "LocallyConnected2D"})
    result = export_own(path, exit_code=1)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert "its layer 'conv' is of the class 'LocallyConnected2D'" in line
    assert "model.export(" in line


def test_an_argument_that_keras_3_does_not_take_is_told(export_own: Export, tmp_path: Path) -> None:
    path = keras_2(sequential(), tmp_path / "two.h5")
    with h5py.File(path, "r+") as file:
        text = file.attrs["model_config"].replace('"pool_size"', '"pooling"')
        file.attrs["model_config"] = text
    result = export_own(path, exit_code=1)
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert "was saved by Keras 2.15.0" in line
    assert "'pool' (MaxPooling2D)" in line and "pooling" in line
    assert "model.export(" in line
