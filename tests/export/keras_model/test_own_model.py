"""`digit-export --model` of somebody's own Keras model: what it takes, gives and lacks."""

import json
import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from digit_export.keras_model.network import keras
from digit_runtime import load
from digit_runtime.contract import Labels, Pixels

Digits = tuple[Pixels, Labels]
Export = Callable[..., Result]
LAYERS = keras.layers
ONE_FILE = ("--format", "onnx", "--precision", "float32")


@pytest.mark.parametrize(
    ("shape", "dtype", "activation", "scale"),
    [
        ((784,), "float32", "softmax", "1/255"),
        ((28, 28), "float32", None, "-1..1"),
        ((28, 28, 1), "float32", None, "none"),
        ((28, 28), "float16", "softmax", "0..1"),
        ((28, 28, 1), "uint8", "softmax", None),
        ((784,), "uint8", None, None),
    ],
)
def test_any_pixels_in_and_probabilities_or_logits_out(
    shape: tuple[int, ...],
    dtype: str,
    activation: str | None,
    scale: str | None,
    export_own: Export,
    test_digits: Digits,
    saved: Callable[..., Any],
    tmp_path: Path,
) -> None:
    model = saved(
        tmp_path / "own.keras",
        keras.Input(shape, dtype=dtype),
        *([LAYERS.Rescaling(1 / 255)] if dtype == "uint8" else []),
        LAYERS.Flatten() if shape != (784,) else LAYERS.Dropout(0.5),
        LAYERS.Dense(10, activation=activation),
    )
    given = [] if scale is None else ["--scale", scale]
    result = export_own(tmp_path / "own.keras", *ONE_FILE, *given)
    assert f"own: takes {dtype} [N, {', '.join(map(str, shape))}], pixels from " in result.stderr
    added = result.stderr.partition("own: added: ")[2].partition("\n")[0].split(", ")
    assert ("Softmax" in added) == (activation is None)
    assert ("Rescaling" in added) == (scale not in (None, "none"))
    assert any(one.startswith("Reshape") for one in added) == (shape != (784,))
    pixels = test_digits[0][:50]
    images: Any = pixels.reshape(-1, *shape)
    if scale != "none" and scale is not None:
        images = images / 255 if scale != "-1..1" else images / 127.5 - 1
    answers = np.asarray(model(images.astype(dtype)))
    expected = np.asarray(keras.ops.softmax(answers)) if activation is None else answers
    found = load(tmp_path / "artifacts/own/onnx/own-float32.onnx").predict_proba(pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-3 if dtype == "float16" else 1e-5)


def test_the_scale_is_asked_for_where_the_model_does_not_tell(
    export_own: Export, saved: Callable[..., Any], tmp_path: Path
) -> None:
    saved(tmp_path / "own.keras", keras.Input((784,)), LAYERS.Dense(10))
    line = export_own(tmp_path / "own.keras", exit_code=1).stderr
    assert "takes float32 and does not say of what range: give --scale 1/255 if it was" in line
    assert [path.name for path in tmp_path.iterdir()] == ["own.keras"]


@pytest.mark.parametrize(
    "first",
    [
        LAYERS.Rescaling(1 / 127.5, offset=-1, name="first"),
        LAYERS.Normalization(mean=33.3, variance=78.6**2, name="first"),
    ],
)
def test_a_first_layer_that_scales_tells_the_range(
    first: Any, export_own: Export, saved: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "own.keras"
    saved(path, keras.Input((28, 28)), first, LAYERS.Flatten(), LAYERS.Dense(10))
    result = export_own(path, *ONE_FILE)
    assert "pixels from 0 to 255" in result.stderr
    assert "Rescaling" not in result.stderr
    line = export_own(path, *ONE_FILE, "--scale", "1/255", exit_code=1).stderr
    assert "begins with the layer 'first', so it scales pixels itself; leave out --scale" in line
    export_own(path, *ONE_FILE, "--scale", "none")


@pytest.mark.parametrize(
    "first", [LAYERS.Rescaling(2, offset=-1), LAYERS.Normalization(mean=0.13, variance=0.1)]
)
def test_one_that_scales_0_to_1_does_not(
    first: Any, export_own: Export, saved: Callable[..., Any], tmp_path: Path
) -> None:
    saved(tmp_path / "own.keras", keras.Input((28, 28)), first, LAYERS.Flatten(), LAYERS.Dense(10))
    assert "give --scale 1/255" in export_own(tmp_path / "own.keras", exit_code=1).stderr


def test_a_division_before_the_layers_is_not_overlooked(export_own: Export, tmp_path: Path) -> None:
    inputs = keras.Input((784,))
    values = LAYERS.Rescaling(1 / 255)(inputs * 255)
    keras.Model(inputs, LAYERS.Dense(10)(values)).save(tmp_path / "own.keras")
    assert "give --scale 1/255" in export_own(tmp_path / "own.keras", exit_code=1).stderr


def test_a_model_of_uint8_takes_no_scale(
    export_own: Export, saved: Callable[..., Any], tmp_path: Path
) -> None:
    saved(
        tmp_path / "own.keras",
        keras.Input((784,), dtype="uint8"),
        LAYERS.Rescaling(1 / 255),
        LAYERS.Dense(10),
    )
    line = export_own(tmp_path / "own.keras", "--scale", "1/255", exit_code=1).stderr
    assert "takes uint8, so it scales pixels itself; leave out --scale" in line


@pytest.mark.parametrize("text", ["0", "1/0", "inf", "nan", "x", "1/255/2", "1..1", "..1", "0..x"])
def test_what_is_no_scale(text: str, export_own: Export, tmp_path: Path) -> None:
    line = export_own(tmp_path / "own.keras", f"--scale={text}", exit_code=2).stderr
    assert f"{text!r} is not a factor (1/255), a range (-1..1), or none" in line


def test_a_poor_model_may_have_been_misunderstood(
    export_own: Export, saved: Callable[..., Any], tmp_path: Path
) -> None:
    saved(tmp_path / "own.keras", keras.Input((784,)), LAYERS.Dense(10))
    result = export_own(tmp_path / "own.keras", "--scale", "1/255", *ONE_FILE)
    assert "own: note: Keras itself is right on " in result.stderr


def test_the_folder_of_another_model_is_left_alone(
    copy: Path, export_own: Export, saved: Callable[..., Any]
) -> None:
    path = copy.parent.parent / "mlp.keras"
    saved(path, keras.Input((784,)), LAYERS.Dense(10))
    before = (copy / "manifest.json").read_bytes()
    line = export_own(path, "--scale", "1/255", "--artifacts", copy.parent, exit_code=1).stderr
    assert "belongs to the model.keras in it; rename mlp.keras" in line
    assert (copy / "manifest.json").read_bytes() == before


def test_a_model_keras_among_other_files_leaves_them_alone(
    export_own: Export, saved: Callable[..., Any], tmp_path: Path
) -> None:
    saved(tmp_path / "model.keras", keras.Input((784,)), LAYERS.Dense(10))
    (tmp_path / "README.md").write_text("my project")
    export_own(tmp_path / "model.keras", "--scale", "1/255", *ONE_FILE)
    assert (tmp_path / "README.md").read_text() == "my project"
    assert (tmp_path / "artifacts/model/onnx/model-float32.onnx").is_file()


def listed(folder: Path) -> set[str]:
    files = json.loads((folder / "manifest.json").read_text())["files"]
    return {file["path"] for file in files}


@pytest.fixture
def onnx(export_own: Export, saved: Callable[..., Any], tmp_path: Path) -> Callable[..., Result]:
    """Export a model of the test's own to ONNX; float32 and float16 are there."""
    path = tmp_path / "own.keras"
    saved(path, keras.Input((784,)), LAYERS.Dense(10))
    export_own(path, "--scale", "1/255", *ONE_FILE)
    export_own(path, "--format", "onnx", "--precision", "float16")
    return partial(export_own, path, "--format", "onnx")


def test_a_scale_of_before_holds_on_and_is_said(onnx: Callable[..., Result]) -> None:
    said = "own: --scale 0..1, as given before: "
    assert said in onnx("--precision", "float32").stderr
    assert said not in onnx("--precision", "float32", "--scale", "1/255").stderr


def test_class_names_of_before_hold_on_and_are_said(
    onnx: Callable[..., Result], tmp_path: Path
) -> None:
    names = "a,b,c,d,e,f,g,h,i,j"
    result = onnx("--precision", "float32", "--class-names", names)
    assert "no longer listed, as they were made with other --class-names: onnx/own-float16" in (
        result.stderr
    )
    assert listed(tmp_path / "artifacts/own") == {"onnx/own-float32.onnx"}
    assert "--class-names a, b, c, d, e, f, g, h, i, j, as given before" in (
        onnx("--precision", "float32").stderr
    )


def test_files_that_another_scale_unlists_are_named(
    onnx: Callable[..., Result], tmp_path: Path
) -> None:
    folder = tmp_path / "artifacts/own"
    before = (folder / "onnx/own-float16.onnx").read_bytes()
    limit = ("--tolerance", "max_difference=1e-5")
    failing = onnx("--scale=-1..1", "--precision", "all", *limit, exit_code=1)
    assert (
        "own: still there but no longer listed, as they were made with another --scale: "
        "onnx/own-float16.onnx; export them again, or remove them"
    ) in failing.stderr
    assert "earlier files are still there, but some of them are no longer used" in failing.stderr
    assert (folder / "onnx/own-float16.onnx").read_bytes() == before
    assert "onnx/own-float16.onnx" not in listed(folder)


def test_a_failure_that_leaves_all_says_so(onnx: Callable[..., Result], tmp_path: Path) -> None:
    before = (tmp_path / "artifacts/own/manifest.json").read_bytes()
    limit = ("--tolerance", "max_difference=1e-5")
    failing = onnx("--precision", "float16", *limit, exit_code=1)
    assert (
        "Error: 1 file not published; what was there before in its place is unchanged; a model "
        "that is trained longer may pass its gate; --tolerance LIMIT=NUMBER moves that\n"
    ) in failing.stderr
    assert "next:" not in failing.stdout
    assert (tmp_path / "artifacts/own/manifest.json").read_bytes() == before


def test_where_nothing_was_before_nothing_is_unchanged_and_the_others_are_used(
    onnx: Callable[..., Result], tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "artifacts")
    limit = ("--scale=1/255", "--tolerance", "max_difference=1e-5")
    failing = onnx("--precision", "all", *limit, exit_code=1)
    assert re.search(r"Error: . files? not published; a model that is trained", failing.stderr)
    assert "onnx/own-float16.onnx" not in listed(tmp_path / "artifacts/own")
    assert "onnx/own-float32.onnx" in listed(tmp_path / "artifacts/own")
    assert "next:\n  digit-verify own " in failing.stdout
