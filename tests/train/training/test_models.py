import keras
import numpy as np
import pytest
from digit_runtime.contract import Labels, Pixels
from digit_train.training import models

CNN = """
Reshape Conv2D(64,7,7) MaxPooling2D Conv2D(128,3,3) Conv2D(128,3,3) MaxPooling2D
Conv2D(256,3,3) Conv2D(256,3,3) MaxPooling2D Flatten Dense(128) Dropout Dense(64) Dropout
Dense(10)
""".split()


def layer_name(layer: keras.Layer) -> str:
    name = type(layer).__name__
    if name == "Dense":
        return f"Dense({layer.units})"
    if name == "Conv2D":
        assert layer.padding == "same"
        return f"Conv2D({layer.filters},{layer.kernel_size[0]},{layer.kernel_size[1]})"
    return name


@pytest.mark.parametrize(
    ("name", "layers", "parameters"),
    [
        ("mlp", ["Dense(300)", "Dense(100)", "Dense(10)"], 784 * 300 + 300 + 30_100 + 1_010),
        ("cnn", CNN, 1_413_834),
    ],
)
def test_the_networks_are_the_notebooks(name: str, layers: list[str], parameters: int) -> None:
    model = models.build(name, models.rescaling())
    assert [layer_name(layer) for layer in model.layers[1:]] == layers
    assert model.count_params() == parameters
    activations = [layer.activation.__name__ for layer in model.layers if layer.weights]
    weighted = [layer for layer in layers if layer.startswith(("Dense(", "Conv"))]
    assert activations == ["relu"] * (len(weighted) - 1) + ["softmax"]


@pytest.mark.parametrize("name", models.NAMES)
def test_the_model_takes_the_contracts_input(name: str, digits: tuple[Pixels, Labels]) -> None:
    model = models.build(name, models.rescaling())
    (pixels,) = model.inputs
    assert (pixels.name, pixels.dtype, pixels.shape) == ("pixels", "uint8", (None, 784))
    probabilities = model.predict(digits[0][:3], verbose=0)
    assert probabilities.shape == (3, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_seed_decides_the_weights() -> None:
    first, same, other = (
        models.build("mlp", models.rescaling(), seed=seed).get_weights()[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


def test_rescaling_maps_to_one(digits: tuple[Pixels, Labels]) -> None:
    scaled = keras.ops.convert_to_numpy(models.rescaling()(digits[0][:5]))
    np.testing.assert_allclose(scaled, digits[0][:5] / 255, atol=1e-6)


def test_min_max_is_scikit_learns(digits: tuple[Pixels, Labels]) -> None:
    pixels = digits[0][:500]
    scaled = keras.ops.convert_to_numpy(models.min_max(pixels)(pixels))
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    span = np.where(high == low, 1, high - low)
    np.testing.assert_allclose(scaled, (pixels - low) / span, atol=1e-6)


@pytest.mark.parametrize("name", models.NAMES)
def test_batch_normalization_is_folded_away(name: str, digits: tuple[Pixels, Labels]) -> None:
    pixels, labels = digits[0][:256], digits[1][:256]
    model = models.build(name, models.rescaling(), seed=1, batch_norm=True)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(pixels, labels, batch_size=64, epochs=2, verbose=0)
    folded = models.folded(model)
    plain = models.build(name, models.rescaling())
    assert [layer_name(layer) for layer in folded.layers] == [layer_name(x) for x in plain.layers]
    assert [w.shape for w in folded.weights] == [w.shape for w in plain.weights]
    assert folded.inputs[0].name == "pixels"
    np.testing.assert_allclose(
        folded.predict(pixels, verbose=0), model.predict(pixels, verbose=0), atol=1e-5
    )


def test_a_network_without_normalization_folds_to_itself(digits: tuple[Pixels, Labels]) -> None:
    model = models.build("cnn", models.min_max(digits[0][:500]), seed=3)
    folded = models.folded(model)
    for mine, theirs in zip(folded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
