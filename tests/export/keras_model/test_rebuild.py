"""The copy that is exported answers as the file does, or the layer that does not is named."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from digit_export.errors import KerasModelError, NotApplicableError
from digit_export.keras_model.network import Network, keras
from digit_export.keras_model.probes import PROBES
from digit_runtime.contract import Labels, Pixels

Digits = tuple[Pixels, Labels]
LAYERS = keras.layers
CASES = Path(__file__).parent / "cases"
UNIT = (0.0, 1.0)


def network(path: Path, *inner: Any, last: Any = None, shape: tuple[int, ...] = (28, 28, 1)) -> Any:
    """Save an untrained model of these layers; return it as the exporters get it."""
    keras.utils.set_random_seed(0)
    last = last or LAYERS.Dense(10, activation="softmax")
    keras.Sequential([keras.Input(shape), *inner, LAYERS.Flatten(), last]).save(path)
    return Network.load(path, UNIT)


@pytest.mark.parametrize("name", ["norm_adapt_784", "norm_adapt_none"])
def test_an_adapted_normalization_keeps_what_it_adapted_to(name: str, test_digits: Digits) -> None:
    path = CASES / f"{name}.keras"
    original = keras.saving.load_model(path, compile=False)
    pixels = test_digits[0][:200]
    shape = original.inputs[0].shape[1:]
    expected = np.asarray(original(pixels.reshape(-1, *shape).astype(np.float32)))
    assert expected.std() > 0.01
    exported = Network.load(path).serve(tf.constant(pixels))["probabilities"]
    np.testing.assert_allclose(exported, expected, atol=1e-5)


def test_a_normalization_inside_a_model_inside_a_model(tmp_path: Path) -> None:
    scale = LAYERS.Normalization(axis=None, name="scale")
    scale.adapt(np.array([[1.0], [9.0]], np.float32))
    inner = keras.Sequential([keras.Input((28, 28, 1)), scale], name="inner")
    made = network(tmp_path / "own.keras", inner)
    np.testing.assert_allclose(
        made.serve(tf.constant(PROBES))["probabilities"], made.predict(PROBES), atol=1e-6
    )


@keras.saving.register_keras_serializable("rebuild")
class Forgetful(LAYERS.Layer):  # type: ignore[misc, name-defined]
    """Keeps what it learned where neither its configuration nor its weights tell."""

    shift = 0.0

    def call(self, inputs: Any) -> Any:
        return inputs + self.shift


def test_a_layer_whose_state_is_lost_is_named(tmp_path: Path) -> None:
    from digit_export.keras_model import rebuild

    made = network(tmp_path / "own.keras", Forgetful(name="odd"))
    layers = {layer.name: layer for layer in rebuild.operations(made.model)}
    layers["odd"].shift = 100.0
    copy = rebuild.copied(made.model, lambda layer: type(layer).from_config(layer.get_config()))
    with pytest.raises(KerasModelError, match=r"its layer 'odd' \(Forgetful\) answers otherwise"):
        rebuild.ensure_alike(made.model, copy, tmp_path / "own.keras")


def test_a_division_by_the_zero_of_a_blank_image_is_named() -> None:
    with pytest.raises(KerasModelError) as caught:
        Network.load(CASES / "divsum.keras", UNIT)
    assert "its layer 'true_divide' (TrueDivide) gives values that are not numbers" in str(
        caught.value
    )
    assert "for a blank image (all pixels 0)" in str(caught.value)


def test_weights_that_are_not_numbers_are_named(tmp_path: Path) -> None:
    dense = LAYERS.Dense(3, name="broken")
    network(tmp_path / "own.keras", LAYERS.Flatten(), dense)
    path = tmp_path / "own.keras"
    model = keras.saving.load_model(path)
    model.get_layer("broken").set_weights(
        [np.full_like(w, np.nan) for w in model.get_layer("broken").get_weights()]
    )
    model.save(path)
    with pytest.raises(KerasModelError, match=r"its layer 'broken' .* has weights that are not"):
        Network.load(path, UNIT)


def layers_of(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        yield layer
        yield from layers_of(layer) if hasattr(layer, "layers") else ()


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_a_half_precision_policy_is_exported_in_float32(policy: str, tmp_path: Path) -> None:
    conv = LAYERS.Conv2D(4, 3, activation="relu", dtype=policy)
    norm = LAYERS.BatchNormalization(dtype=policy)
    made = network(tmp_path / "own.keras", conv, norm)
    assert f"float32 in place of {policy}" in str(made.adapted)
    assert {layer.dtype_policy.name for layer in layers_of(made.inference_model)} == {"float32"}
    original = keras.saving.load_model(tmp_path / "own.keras", compile=False)
    images = (PROBES / np.float32(255)).reshape(-1, 28, 28, 1)
    expected = np.asarray(original(images), np.float32)
    np.testing.assert_allclose(made.predict(PROBES), expected, atol=0.05)


def test_a_grouped_convolution_is_exported(tmp_path: Path) -> None:
    import onnxruntime as ort
    from digit_export.convert import onnx

    inner = LAYERS.Conv2D(4, 3), LAYERS.Conv2D(4, 3, groups=2)
    made = network(tmp_path / "own.keras", *inner)
    session = ort.InferenceSession(onnx.float32(made, PROBES[:0]))
    (answers,) = session.run(None, {"pixels": PROBES})
    np.testing.assert_allclose(answers, made.predict(PROBES), atol=1e-5)


def test_only_weights_become_float16_in_onnx(tmp_path: Path) -> None:
    import onnxruntime as ort
    from digit_export.convert import onnx

    made = network(tmp_path / "own.keras", LAYERS.Resizing(32, 32))
    session = ort.InferenceSession(onnx.float16(made, PROBES[:0]))
    (answers,) = session.run(None, {"pixels": PROBES})
    np.testing.assert_allclose(answers, made.predict(PROBES), atol=1e-2)


def test_dynamic_onnx_is_not_applicable_without_a_dense_layer(tmp_path: Path) -> None:
    from digit_export.convert import onnx

    last = LAYERS.Activation("softmax")
    made = network(tmp_path / "own.keras", LAYERS.Conv2D(10, 28), last=last)
    with pytest.raises(NotApplicableError, match="has no dense layer"):
        onnx.dynamic(made, PROBES[:0])


def swishy(values: Any) -> Any:
    return values * tf.sigmoid(values)


@pytest.mark.parametrize(
    ("activation", "cause"),
    [(swishy, "Could not locate function 'swishy'"), (tf.nn.softmax, "function 'softmax_v2'")],
)
def test_a_foreign_activation_is_told_with_its_layer(
    activation: Callable[..., Any], cause: str, tmp_path: Path
) -> None:
    last = LAYERS.Dense(10, activation=activation, name="odd")
    with pytest.raises(KerasModelError) as caught:
        network(tmp_path / "own.keras", last=last)
    assert "its layer 'odd' (Dense) cannot be read: Could not locate" in str(caught.value)
    assert cause in str(caught.value)
    assert "model.export('folder')" in str(caught.value)


def test_a_saved_model_of_unknown_rank(tmp_path: Path) -> None:
    class Any_(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec(None, tf.float32)])  # type: ignore[untyped-decorator]
        def f(self, x: Any) -> dict[str, Any]:
            return {"y": tf.reshape(x, (-1, 784))[:, :10]}

    module = Any_()
    tf.saved_model.save(module, str(tmp_path / "own"), signatures={"serving_default": module.f})
    with pytest.raises(KerasModelError, match="of unknown rank; write it with a signature"):
        Network.load(tmp_path / "own")
