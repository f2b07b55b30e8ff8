"""`digit-export --format c`: C99 for microcontrollers, compiled and run here."""

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
from digit_export.convert import tflite as to_tflite
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


def reference_answers(content: bytes, pixels: Pixels) -> np.ndarray:
    """Return what TFLite's own reference kernels answer, which compute with integers too."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
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


@needs_compiler
def test_answers_are_those_of_the_integers(with_c: Run, test_digits: Digits) -> None:
    pixels = test_digits[0][:2000]
    tflite = with_c.directory / "tflite" / "mlp-int8.tflite"
    found = load(with_c.directory / "c" / "mlp-int8.c").predict_proba(pixels)
    expected = reference_answers(tflite.read_bytes(), pixels)
    same = np.abs(found - expected).max(axis=1) < 1e-5
    # Their rescaling rounds twice and this once, which now and then is a step apart.
    assert same.mean() > 0.9
    assert np.abs(found - expected).max() < 0.05
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.999


@needs_compiler
def test_convolutions_and_pooling_are_computed_too(
    digits: Digits, test_digits: Digits, tmp_path: Path
) -> None:
    layers = keras.layers
    inputs = keras.Input((784,), dtype="uint8", name="pixels")
    values = layers.Reshape((28, 28, 1))(layers.Rescaling(1 / 255)(inputs))
    values = layers.Conv2D(6, 5, padding="same", activation="relu")(values)
    values = layers.MaxPooling2D(2)(values)
    values = layers.Conv2D(8, 3, strides=2, padding="valid", activation="relu6")(values)
    values = layers.MaxPooling2D(3, strides=2, padding="same")(values)
    values = layers.Conv2D(8, (2, 3), padding="same")(values)
    values = layers.Dense(10, "softmax")(layers.Flatten()(values))
    keras.utils.set_random_seed(1)
    network = Network(keras.Model(inputs, values, name="odd"))
    path = tmp_path / "odd.c"
    path.write_bytes(to_c.int8(network, digits[0][:200]))
    pixels = test_digits[0][:200]
    expected = reference_answers(to_tflite.int8(network, digits[0][:200]), pixels)
    found = load(path).predict_proba(pixels)
    assert np.abs(found - expected).max() < 0.03
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.97


def test_scaling_of_each_pixel_for_itself_is_refused(small_cnn: Network, digits: Digits) -> None:
    with pytest.raises(ConversionError, match="what comes before the first layer"):
        to_c.int8(small_cnn, digits[0][:50])


@needs_compiler
def test_it_compiles_without_a_warning_and_runs_without_undefined_behaviour(
    with_c: Run, test_digits: Digits, tmp_path: Path
) -> None:
    assert COMPILER
    source = with_c.directory / "c" / "mlp-int8.c"
    (tmp_path / "main.c").write_text(MAIN)
    checks = ["-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
    include = ["-I", str(source.parent)]
    command = [COMPILER, *STRICT, *checks, *include, "-o", "run", "main.c", str(source), "-lm"]
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
    np.testing.assert_allclose(found, load(source).predict_proba(rows), atol=1e-6)


@needs_compiler
def test_a_copy_for_each_thread_gives_the_same_answers(with_c: Run, test_digits: Digits) -> None:
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


def test_without_a_compiler_it_says_what_is_missing(
    copy: Path, run_export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EngineNotInstalledError, match="need a C compiler: cc, gcc, clang"):
        engine_for("c")
    result = run_export(copy, "--format", "c").result
    assert result.exit_code == 1
    assert "need a C compiler" in result.stderr + result.stdout
    assert not (copy / "c").exists()
    assert run_export(copy).result.exit_code == 0


def test_layers_that_it_cannot_write_are_named(digits: Digits) -> None:
    layers = keras.layers
    inputs = keras.Input((784,), dtype="uint8", name="pixels")
    first = layers.Dense(16, "relu")(layers.Rescaling(1 / 255)(inputs))
    both = layers.Add()([first, layers.Dense(16, "relu")(first)])
    network = Network(keras.Model(inputs, layers.Dense(10, "softmax")(both)))
    with pytest.raises(ConversionError, match="branches"):
        to_c.int8(network, digits[0][:50])


@needs_compiler
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("int main(void) { return 0; }", ContractError),
        (
            "void digit_predict(const uint8_t pixels[784], float probabilities[10])\n{ oops",
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
