"""`digit-info FILE`: what a file is, read from the file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_runtime.checks.model_file import inspect
from digit_runtime.commands.info import info
from digit_runtime.errors import ModelFileError
from digit_runtime.formats.layers import Layer
from digit_runtime.formats.precisions import KNOWN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MLP_MACS = 784 * 300 + 300 * 100 + 100 * 10
# A place of each convolution's output, times its window, times its channels.
CNN_MACS = (
    28 * 28 * 64 * 49
    + 14 * 14 * 128 * 9 * (64 + 128)
    + 7 * 7 * 256 * 9 * (128 + 256)
    + 3 * 3 * 256 * 128
    + 128 * 64
    + 64 * 10
)
TINY_MACS = (
    14 * 14 * (12 * 25 + 24 * 9 * 12) + 7 * 7 * 9 * (32 * 24 + 32 * 32 + 24 * 32) + 3 * 3 * 24 * 10
)
FILES = [
    f"{model}/{f}/{model}-int8.{f}" for model in ("mlp", "tiny", "cnn") for f in ("onnx", "tflite")
]


@pytest.mark.parametrize("file", FILES)
def test_the_shipped_int8_files_are_int8(file: str, artifacts: Path) -> None:
    found = inspect(artifacts / file)
    assert found.weights == {"int8": 1.0}
    assert found.int8_macs == 1.0
    assert found.activations == "int8"
    assert found.complaints == []
    model = file.split("/")[0]
    assert found.macs == {"mlp": MLP_MACS, "tiny": TINY_MACS, "cnn": CNN_MACS}[model]
    manifest = json.loads((artifacts / model / "manifest.json").read_text())
    assert found.parameters == manifest["model"]["parameters"]
    (entry,) = [f for f in manifest["files"] if f["path"] in found.path]
    assert (found.bytes, found.sha256) == (entry["bytes"], entry["sha256"])


def test_the_command_tells_it(run: Callable[..., Any], artifacts: Path) -> None:
    result = run(info, artifacts / FILES[0])
    assert result.exit_code == 0
    facts = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert facts["format"] == "onnx, opset 17"
    assert facts["takes"] == "pixels uint8 [N, 784]"
    assert facts["gives"] == "probabilities float32 [N, 10]"
    assert facts["MACs"] == "266,200 for one image; 100.0% int8 with int8"
    assert "Gemm 3" in facts["operators"]
    document = json.loads(run(info, artifacts / FILES[0], "--json").stdout)
    assert document["macs"] == MLP_MACS


def layer(weight: str, activations: str, macs: int | None = 100) -> Layer:
    return Layer("Gemm", 100, weight, 10, activations, macs)


@pytest.mark.parametrize(
    ("called", "layers", "said"),
    [
        ("int8", [layer("int8", "int8")], []),
        ("int8", [layer("float32", "float32")], ["0% of its weights", "0% of its mult"]),
        ("int8", [layer("int8", "float32")], ["0% of its multiplications"]),
        ("int8", [layer("int8", "int8"), layer("float32", "float32")], ["50% of its w", "50%"]),
        ("int8", [layer("int8", "int8", None)], []),
        ("int8", [], ["0% of its weights"]),
        ("dynamic", [layer("int8", "quantized as they come"), layer("float32", "float32")], []),
        ("dynamic", [layer("float32", "float32")], ["0% of its weights are int8"]),
        ("float16", [layer("float16", "float32")], []),
        ("float16", [layer("float32", "float32")], ["0% of its weights are float16"]),
        ("float32", [layer("float16", "float32")], ["0% of its weights are float32"]),
    ],
)
def test_a_wrong_label_is_told(called: str, layers: list[Layer], said: list[str]) -> None:
    (precision,) = (known for known in KNOWN if known.name == called)
    found = precision.complaints(layers)
    assert len(found) == len(said)
    for complaint, part in zip(found, said, strict=True):
        assert part in complaint


def test_a_file_that_is_not_what_it_is_called_fails(
    run: Callable[..., Any], artifacts: Path, tmp_path: Path
) -> None:
    liar = tmp_path / "mlp-float16.onnx"
    shutil.copy(artifacts / FILES[0], liar)
    result = run(info, liar)
    assert result.exit_code == 1
    assert "Error: " in result.stderr
    assert "is called float16, but 0% of its weights are float16" in result.stderr


@pytest.mark.parametrize("suffix", [".onnx", ".tflite"])
@pytest.mark.parametrize("content", [b"", b"TFL3TFL3", b"\x00" * 8 + b"TFL3" * 9, b"junk" * 99])
def test_what_is_no_model_is_one_line(
    run: Callable[..., Any], tmp_path: Path, suffix: str, content: bytes
) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    result = run(info, path)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert str(path) in result.stderr


def test_a_missing_file_is_one_line(run: Callable[..., Any], tmp_path: Path) -> None:
    result = run(info, tmp_path / "none.onnx")
    assert result.exit_code == 1
    assert "no such model file" in result.stderr


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4)
)
def test_damaged_tflite_files_are_refused_or_read(
    tmp_path: Path, artifacts: Path, damage: list[tuple[float, bytes]]
) -> None:
    content = bytearray((artifacts / "mlp/tflite/mlp-int8.tflite").read_bytes())
    # The tables are at both ends; the middle is weights, where nothing can go wrong.
    ends = [*range(2000), *range(len(content) - 6000, len(content))]
    for where, what in damage:
        place = ends[int(where * (len(ends) - 1))]
        content[place : place + len(what)] = what
    path = tmp_path / "a.tflite"
    path.write_bytes(content)
    try:
        inspect(path)
    except ModelFileError as error:
        assert len(str(error).splitlines()) == 1


def test_numbers_of_any_size_in_a_shape_do_not_overflow(artifacts: Path) -> None:
    found = inspect(artifacts / "cnn/tflite/cnn-int8.tflite")
    assert isinstance(found.macs, int)
    assert not isinstance(found.macs, np.integer)
