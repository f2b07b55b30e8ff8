"""Layers that the shipped models do not have, in both formats and every engine."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from digit_export.convert import onnx as to_onnx
from digit_export.convert import tflite as to_tflite
from digit_export.keras_model.network import Network, keras
from digit_runtime import EngineError, UnsupportedModelError, load
from digit_runtime.commands.verify import verify
from digit_runtime.contract import Labels, Pixels
from digit_runtime.engines.litert import LiteRTSession
from digit_runtime.engines.table import engines_for

Digits = tuple[Pixels, Labels]
Export = Callable[..., Result]
LAYERS = keras.layers
ONE_FILE = ("--format", "onnx", "--precision", "float32")
FLOAT32 = ("--precision", "float32")


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Layers draw the seeds of their weights when they are made, before they are a network."""
    keras.utils.set_random_seed(0)


def network(*layers: Any, shape: tuple[int, ...] = (28, 28, 1)) -> Network:
    scaled = [keras.Input((784,), dtype="uint8", name="pixels"), LAYERS.Rescaling(1 / 255)]
    # Weights large enough for answers that differ from digit to digit.
    large = keras.initializers.VarianceScaling(20.0)
    last = LAYERS.Dense(10, activation="softmax", kernel_initializer=large)
    model = keras.Sequential([*scaled, LAYERS.Reshape(shape), *layers, last])
    for layer in model.layers:
        if isinstance(layer, LAYERS.BatchNormalization):
            layer.moving_mean.assign(np.linspace(-0.1, 0.1, layer.moving_mean.shape[0]))
            layer.moving_variance.assign(np.linspace(0.01, 0.1, layer.moving_mean.shape[0]))
    return Network(model)


def mobile() -> Network:
    return network(
        LAYERS.Conv2D(8, 3, strides=2, padding="same", use_bias=False),
        LAYERS.BatchNormalization(),
        LAYERS.ReLU(6.0),
        LAYERS.DepthwiseConv2D(3, use_bias=False),
        LAYERS.BatchNormalization(),
        LAYERS.Activation("swish"),
        LAYERS.SeparableConv2D(16, 3, strides=2),
        LAYERS.LeakyReLU(),
        LAYERS.GlobalAveragePooling2D(),
        LAYERS.Dropout(0.2),
        LAYERS.Dense(16, use_bias=False),
    )


def other() -> Network:
    return network(
        LAYERS.ZeroPadding2D(2),
        LAYERS.Conv2D(8, 5, strides=2, activation="gelu"),
        LAYERS.AveragePooling2D(2),
        LAYERS.Conv2D(8, 3, activation="elu"),
        LAYERS.LayerNormalization(),
        LAYERS.MaxPooling2D(3, 2, padding="same"),
        LAYERS.Flatten(),
        LAYERS.Dense(16, activation="tanh"),
    )


def lenet5() -> Network:
    """LeCun et al., "Gradient-based learning applied to document recognition" (1998)."""
    return network(
        LAYERS.Conv2D(6, 5, padding="same", activation="tanh"),
        LAYERS.AveragePooling2D(2),
        LAYERS.Conv2D(16, 5, activation="tanh"),
        LAYERS.AveragePooling2D(2),
        LAYERS.Flatten(),
        LAYERS.Dense(120, activation="tanh"),
        LAYERS.Dense(84, activation="tanh"),
    )


def conv1d_rows() -> Network:
    return network(
        LAYERS.Conv1D(32, 3, padding="same", activation="relu"),
        LAYERS.MaxPooling1D(),
        LAYERS.Conv1D(32, 3, activation="relu"),
        LAYERS.Flatten(),
        shape=(28, 28),
    )


def mixer_rows() -> Network:
    return network(
        LAYERS.Dense(64, activation="relu"),
        LAYERS.Dense(32, activation="relu"),
        LAYERS.Flatten(),
        shape=(28, 28),
    )


@pytest.mark.parametrize("build", [mobile, other, lenet5, conv1d_rows, mixer_rows])
@pytest.mark.parametrize(
    ("convert", "largest", "mean"),
    [
        (to_onnx.float32, 1e-5, 1e-6),
        (to_onnx.dynamic, 0.3, 0.01),
        (to_onnx.int8, 0.3, 0.01),
        (to_tflite.float32, 1e-5, 1e-6),
        (to_tflite.int8, 0.3, 0.01),
    ],
)
def test_layers_that_the_shipped_models_do_not_have(
    build: Callable[[], Network],
    convert: Callable[[Network, Pixels], bytes],
    largest: float,
    mean: float,
    test_digits: Digits,
    tmp_path: Path,
) -> None:
    made = build()
    format = "onnx" if convert.__module__.endswith("onnx") else "tflite"
    path = tmp_path / f"own.{format}"
    path.write_bytes(convert(made, test_digits[0][-200:]))
    pixels = test_digits[0][:200]
    expected = made.predict(pixels)
    assert np.ptp(expected, axis=0).max() > 0.1
    for engine in engines_for(format):
        try:
            found = load(path, engine=engine.name).predict_proba(pixels)
        except UnsupportedModelError as error:
            assert engine.name == "numpy"
            assert "which the numpy engine has not" in str(error) or "attributes" in str(error)
            continue
        difference = np.abs(found - expected)
        assert difference.max() < largest
        assert difference.mean() < mean


def test_numpy_computes_a_mobile_network(test_digits: Digits, tmp_path: Path) -> None:
    made = mobile()
    path = tmp_path / "own.onnx"
    path.write_bytes(to_onnx.float32(made, test_digits[0][:1]))
    found = load(path, engine="numpy").predict_proba(test_digits[0][:100])
    np.testing.assert_allclose(found, made.predict(test_digits[0][:100]), atol=1e-5)


def test_what_numpy_cannot_compute_fails_no_check(
    export_own: Export, saved: Callable[..., Any], tmp_path: Path
) -> None:
    saved(
        tmp_path / "own.keras",
        keras.Input((28, 28)),
        LAYERS.LayerNormalization(),
        LAYERS.Flatten(),
        LAYERS.Dense(10),
    )
    export_own(tmp_path / "own.keras", "--scale", "1/255", *ONE_FILE)
    where = ["own", "--artifacts", str(tmp_path / "artifacts")]
    checked = CliRunner().invoke(verify, where)
    assert checked.exit_code == 0, checked.output
    assert "on numpy: not run: " in checked.stdout
    assert "needs the operator " in checked.stdout
    alone = CliRunner().invoke(verify, [*where, "--engine", "numpy"])
    assert "nothing was checked: no installed engine runs these files" in alone.stderr


def test_a_file_that_its_engine_cannot_run_fails_alone(
    export_own: Export,
    saved: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As LiteRT does with long recurrent networks of int8."""

    def run(session: LiteRTSession, pixels: Pixels) -> Any:
        raise EngineError("litert failed: no runtime for this graph")

    monkeypatch.setattr(LiteRTSession, "run", run)
    saved(tmp_path / "own.keras", keras.Input((784,)), LAYERS.Dense(10))
    result = export_own(tmp_path / "own.keras", "--scale", "1/255", *FLOAT32, exit_code=1)
    lines = {line.split()[0]: line for line in result.stdout.splitlines() if "float32" in line}
    assert lines["own-float32.onnx"].endswith(" exported")
    assert lines["own-float32.tflite"].endswith(
        "not published: litert failed: no runtime for this graph"
    )


def test_a_recurrent_network_in_both_formats(
    export_own: Export, saved: Callable[..., Any], tmp_path: Path
) -> None:
    steps = LAYERS.Reshape((7, 112))
    inner = keras.Sequential(
        [keras.Input((7, 112)), LAYERS.Bidirectional(LAYERS.SimpleRNN(4))], name="inner"
    )
    saved(tmp_path / "rows.keras", keras.Input((28, 28)), steps, inner, LAYERS.Dense(10))
    result = export_own(tmp_path / "rows.keras", "--scale", "1/255", *FLOAT32)
    assert result.stdout.count(" exported") == 2
