"""`digit-export --format c`: C99 for microcontrollers, compiled and run here."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from digit_export.convert import c as to_c
from digit_export.convert import tflite
from digit_export.convert.c.read import read
from digit_export.convert.c.write import source
from digit_export.errors import ConversionError
from digit_export.keras_model.network import Network, keras
from digit_runtime import load
from digit_runtime.commands.predict import predict
from digit_runtime.contract import Labels, Pixels
from digit_runtime.engines.table import engine_for
from digit_runtime.errors import ContractError, EngineNotInstalledError, ModelFileError
from digit_runtime.models.folder import files_of, find_all

Digits = tuple[Pixels, Labels]
Run = Any
COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
MAIN = """
#include "digit_predict.h"
#include <stdio.h>

int main(void)
{
    static uint8_t pixels[784];
    float probabilities[DIGIT_CLASSES];
    while (fread(pixels, 1, sizeof pixels, stdin) == sizeof pixels) {
        digit_predict(pixels, probabilities);
        for (int i = 0; i < DIGIT_CLASSES; i++)
            printf("%.9g ", (double)probabilities[i]);
        printf("\\n");
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def with_c(exported: Run, run_export: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    directory = tmp_path_factory.mktemp("with_c") / "mlp"
    shutil.copytree(exported.directory, directory)
    return run_export(directory, "--format", "c")


def reference(content: bytes, **options: Any) -> Any:
    """Return an interpreter with TFLite's own reference kernels, which compute with integers."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # ELU has no reference kernel.
    for kind in (OpResolverType.BUILTIN_REF, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
        try:
            return Interpreter(model_content=content, experimental_op_resolver_type=kind, **options)
        except ValueError as error:
            assert "ELU" in str(error)
    raise AssertionError


def reference_answers(content: bytes, pixels: Pixels) -> np.ndarray:
    """Return what TFLite's own reference kernels answer."""
    interpreter = reference(content)
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(taken["index"], pixels.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(taken["index"], pixels)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(given["index"]))


@needs_compiler
def test_it_is_published_with_its_header_and_figures(with_c: Run) -> None:
    assert with_c.result.exit_code == 0, with_c.result.output
    (file,) = [f for f in with_c.manifest["files"] if f["format"] == "c"]
    assert file["parity"]["test"]["agreement"] >= 0.997
    assert (with_c.directory / "c" / "mlp-int8.c").stat().st_size == file["bytes"]
    header = (with_c.directory / "c" / "digit_predict.h").read_text()
    assert "#define DIGIT_CLASSES 10" in header
    assert len(with_c.manifest["files"]) == 9


def scores_of_the_reference(content: bytes, tensor: int, pixels: Pixels) -> np.ndarray:
    """Return an int8 tensor as TFLite's own reference kernels compute it."""
    interpreter = reference(content, experimental_preserve_all_tensors=True)
    (taken,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(taken["index"], pixels.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(taken["index"], pixels)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(tensor)).reshape(len(pixels), -1)


def softmax_by_table(scores: np.ndarray, scale: float) -> np.ndarray:
    """Return what the C code's softmax makes of scores, to the last bit."""
    powers = np.exp(-np.float64(np.float32(scale)) * np.arange(256)).astype(np.float32)
    powers[powers < np.finfo(np.float32).tiny] = 0
    parts = powers[scores.max(axis=1, keepdims=True).astype(int) - scores]
    return np.asarray(parts / parts.cumsum(axis=1, dtype=np.float32)[:, -1:])


def equal_bit_by_bit(network: Network, digits: Digits, pixels: Pixels, folder: Path) -> None:
    content = tflite.int8(network, digits[0][:100])
    found = read(content, {})
    path = folder / "network.c"
    path.write_text(source(found, "network"))
    scores = scores_of_the_reference(content, found.scores, pixels)
    expected = softmax_by_table(scores, found.scale)
    np.testing.assert_array_equal(load(path).predict_proba(pixels), expected)
    reference = reference_answers(content, pixels)
    np.testing.assert_allclose(expected, reference, atol=1e-6)


@needs_compiler
def test_answers_are_those_of_the_reference_kernels_bit_by_bit(
    mlp: Path, digits: Digits, test_digits: Digits, tmp_path: Path
) -> None:
    equal_bit_by_bit(Network.load(mlp), digits, test_digits[0][:1000], tmp_path)


def _inputs() -> tuple[Any, Any]:
    layers = keras.layers
    inputs = keras.Input((784,), dtype="uint8", name="pixels")
    return inputs, layers.Reshape((28, 28, 1))(layers.Rescaling(1 / 255)(inputs))


def _classes(inputs: Any, values: Any) -> Network:
    return Network(keras.Model(inputs, keras.layers.Dense(10, "softmax")(values)))


def odd_windows() -> Network:
    layers = keras.layers
    inputs, values = _inputs()
    values = layers.Conv2D(6, 5, padding="same", activation="relu")(values)
    values = layers.MaxPooling2D(2)(values)
    values = layers.Conv2D(8, 3, strides=2, padding="valid", activation="relu6")(values)
    values = layers.MaxPooling2D(3, strides=2, padding="same")(values)
    values = layers.Conv2D(8, (2, 3), padding="same")(values)
    return _classes(inputs, layers.Flatten()(values))


def lenet() -> Network:
    layers = keras.layers
    inputs, values = _inputs()
    values = layers.Conv2D(6, 5, padding="same", activation="tanh")(values)
    values = layers.AveragePooling2D(2)(values)
    values = layers.Conv2D(16, 5, activation="sigmoid")(values)
    values = layers.AveragePooling2D(3, strides=2, padding="same")(values)
    values = layers.Dense(60, "tanh")(layers.Flatten()(values))
    return _classes(inputs, values)


def resnet() -> Network:
    layers = keras.layers
    inputs, values = _inputs()
    values = layers.Conv2D(8, 3, padding="same", activation="relu")(values)
    other = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False)(values)
    other = layers.ReLU()(layers.BatchNormalization()(other))
    other = layers.Conv2D(16, 3, padding="same")(other)
    values = layers.Conv2D(16, 1, strides=2)(values)
    values = layers.ReLU()(layers.Add()([other, values]))
    scaled = layers.BatchNormalization(gamma_initializer=keras.initializers.RandomUniform(0.5, 1.5))
    values = layers.ReLU()(scaled(values))
    return _classes(inputs, layers.GlobalAveragePooling2D()(values))


def mobilenet() -> Network:
    layers = keras.layers
    inputs, values = _inputs()
    values = layers.ZeroPadding2D(((0, 1), (0, 1)))(values)
    values = layers.Conv2D(8, 3, strides=2, activation="hard_swish")(values)
    values = layers.ReLU(6.0)(layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(values))
    whole = layers.GlobalAveragePooling2D(keepdims=True)(values)
    whole = layers.Conv2D(16, 1, activation="hard_sigmoid")(whole)
    other = layers.Conv2D(16, 1)(layers.Multiply()([values, whole]))
    values = layers.Add()([values, other])
    values = layers.SeparableConv2D(12, 3, strides=2, padding="same", activation="silu")(values)
    parts = [
        layers.Conv2D(8, 1, activation="gelu")(values),
        layers.MaxPooling2D(3, strides=1, padding="same")(values),
    ]
    values = layers.LeakyReLU(0.1)(layers.Concatenate()(parts))
    return _classes(inputs, layers.Flatten()(values))


@needs_compiler
@pytest.mark.parametrize("build", [odd_windows, lenet, resnet, mobilenet])
def test_what_people_train_is_equal_bit_by_bit(
    build: Callable[[], Network], digits: Digits, test_digits: Digits, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(1)
    equal_bit_by_bit(build(), digits, test_digits[0][:1000], tmp_path)


def _around(middle: Callable[[Any], Any]) -> Network:
    """A network with `middle` between a convolution and the classes."""
    inputs, values = _inputs()
    values = middle(keras.layers.Conv2D(6, 3, strides=2, padding="same")(values))
    return _classes(inputs, keras.layers.Flatten()(values))


@needs_compiler
@pytest.mark.parametrize(
    "activation", ["selu", "softplus", "mish", "swish", "softsign", "exponential"]
)
def test_an_activation_is_equal_bit_by_bit(
    activation: str, digits: Digits, test_digits: Digits, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(1)
    network = _around(keras.layers.Activation(activation))
    equal_bit_by_bit(network, digits, test_digits[0][:300], tmp_path)


@needs_compiler
@pytest.mark.parametrize("shared", [None, (1, 2)], ids=["each", "by channel"])
def test_prelu_is_equal_bit_by_bit(
    shared: tuple[int, int] | None, digits: Digits, test_digits: Digits, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(1)
    slopes = keras.initializers.RandomUniform(-0.2, 0.4)
    network = _around(keras.layers.PReLU(alpha_initializer=slopes, shared_axes=shared))
    equal_bit_by_bit(network, digits, test_digits[0][:300], tmp_path)


@needs_compiler
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kind", ["Conv2D", "DepthwiseConv2D"])
def test_dilated_convolutions_are_equal_bit_by_bit(
    kind: str, padding: str, digits: Digits, test_digits: Digits, tmp_path: Path
) -> None:
    keras.utils.set_random_seed(1)
    size = ((5,) if kind == "Conv2D" else ()) + ((3, 2),)
    dilated = getattr(keras.layers, kind)(
        *size, dilation_rate=(2, 3), padding=padding, activation="relu"
    )
    equal_bit_by_bit(_around(dilated), digits, test_digits[0][:300], tmp_path)


@needs_compiler
@pytest.mark.parametrize("joined", [False, True], ids=["alone", "concatenated"])
def test_elu_is_equal_but_for_roundings(
    joined: bool, digits: Digits, test_digits: Digits, tmp_path: Path
) -> None:
    """TFLite has no reference kernel for it; the others round their sums otherwise."""
    layers = keras.layers

    def concatenated(values: Any) -> Any:
        parts = [layers.Conv2D(4, 1, activation=name)(values) for name in ("elu", "relu", None)]
        return layers.Concatenate()(parts)

    keras.utils.set_random_seed(1)
    content = tflite.int8(_around(concatenated if joined else layers.ELU()), digits[0][:100])
    found = read(content, {})
    path = tmp_path / "network.c"
    path.write_text(source(found, "network"))
    pixels = test_digits[0][:300]
    answers = load(path).predict_proba(pixels)
    others = softmax_by_table(scores_of_the_reference(content, found.scores, pixels), found.scale)
    own, expected = (
        np.rint(np.log(made / made.max(axis=1, keepdims=True)) / found.scale)
        for made in (answers, others)
    )
    assert np.abs(own - expected).max() <= 2
    assert (own == expected).mean() > 0.85


@needs_compiler
def test_scaling_of_each_pixel_for_itself_is_equal_bit_by_bit(
    small_cnn: Network, digits: Digits, test_digits: Digits, tmp_path: Path
) -> None:
    equal_bit_by_bit(small_cnn, digits, test_digits[0][:1000], tmp_path)


@needs_compiler
def test_it_compiles_without_a_warning_and_runs_without_undefined_behaviour(
    with_c: Run, test_digits: Digits, tmp_path: Path
) -> None:
    assert COMPILER
    path = with_c.directory / "c" / "mlp-int8.c"
    (tmp_path / "main.c").write_text(MAIN)
    checks = ["-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
    include = ["-I", str(path.parent)]
    command = [COMPILER, *STRICT, *checks, *include, "-o", "run", "main.c", str(path)]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    pixels = test_digits[0][:50]
    extremes = np.stack([np.zeros(784, np.uint8), np.full(784, 255, np.uint8)])
    rows = np.vstack([pixels, extremes])
    done = subprocess.run(
        [tmp_path / "run"],
        input=rows.tobytes(),
        check=True,
        capture_output=True,
        # Looking for leaks needs ptrace, which containers may forbid; nothing is allocated.
        env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"},
    )
    found = np.array([line.split() for line in done.stdout.decode().splitlines()], np.float32)
    np.testing.assert_allclose(found, load(path).predict_proba(rows), atol=1e-6)


@needs_compiler
def test_a_buffer_for_each_thread_gives_the_same_answers(with_c: Run, test_digits: Digits) -> None:
    path = with_c.directory / "c" / "mlp-int8.c"
    one, three = (load(path, threads=n).predict_proba(test_digits[0][:300]) for n in (1, 3))
    np.testing.assert_array_equal(one, three)


@needs_compiler
def test_a_program_is_only_run_when_it_is_asked_for(
    with_c: Run, write_pixels: Callable[..., Path], test_digits: Digits, tmp_path: Path
) -> None:
    assert {file.format for file in files_of(with_c.directory)} == {"onnx", "tflite"}
    assert {file.format for file in find_all("mlp", artifacts=with_c.directory.parent)} == {
        "onnx",
        "tflite",
    }
    data = write_pixels(tmp_path / "a.csv", test_digits[0][:20])
    where = ["--model", "mlp", "--artifacts", str(with_c.directory.parent)]
    output = ["-o", str(tmp_path / "o.csv")]
    asked = CliRunner().invoke(predict, [str(data), *where, *output, "--format", "c"])
    assert "mlp-int8.c on c" in asked.stdout
    unasked = CliRunner().invoke(predict, [str(data), *where, *output])
    assert "mlp-int8.c" not in unasked.stdout


def test_zig_compiles_where_no_other_compiler_is(
    with_c: Run, test_digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ziglang")
    path = with_c.directory / "c" / "mlp-int8.c"
    expected = load(path).predict_proba(test_digits[0][:100])
    monkeypatch.setenv("PATH", "")
    np.testing.assert_array_equal(load(path).predict_proba(test_digits[0][:100]), expected)


def test_without_a_compiler_it_says_what_is_missing(
    copy: Path, run_export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ziglang" else there(name)
    )
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineNotInstalledError, match="need a C compiler: cc, gcc, clang"):
        engine_for("c")
    result = run_export(copy, "--format", "c").result
    assert result.exit_code == 1
    assert "need a C compiler" in result.stderr + result.stdout
    assert not (copy / "c").exists()
    assert run_export(copy).result.exit_code == 0


def test_a_layer_that_it_cannot_write_is_named_as_in_keras(digits: Digits) -> None:
    layers = keras.layers
    inputs, values = _inputs()
    values = layers.Conv2DTranspose(4, 3, strides=2, name="larger")(values)
    network = _classes(inputs, layers.Flatten()(values))
    with pytest.raises(ConversionError, match=r"its layer 'larger' \(Conv2DTranspose\)"):
        to_c.int8(network, digits[0][:50])


@needs_compiler
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("int main(void) { return 0; }", ContractError),
        (
            "#if DIGIT_CLASSES != 10 || DIGIT_BUFFER_BYTES != 9\n#endif\n"
            "void digit_predict_in(const uint8_t pixels[784], float probabilities[10], "
            "void *buffer)\n{ oops",
            ModelFileError,
        ),
        ("", ContractError),
    ],
)
def test_other_sources_are_refused(text: str, error: type[Exception], tmp_path: Path) -> None:
    path = tmp_path / "a.c"
    path.write_text(text)
    with pytest.raises(error, match=re.escape(str(path))):
        load(path)
