"""The numpy engine against onnxruntime, on files of every precision."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import Result
from digit_export.convert import onnx_quantize
from digit_runtime import ContractError, EngineError, ModelFileError, load
from digit_runtime.commands.predict import predict
from digit_runtime.contract import Labels, Pixels, Probabilities
from digit_runtime.engines import numpy_engine, onnxruntime
from digit_runtime.engines.table import Engine
from digit_runtime.models.folder import files_of
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

Digits = tuple[Pixels, Labels]
# Of probabilities. Whole numbers that two engines compute from int8 files differ only
# where their float32 factors round a tie apart, which a few rows in a thousand have.
ROUNDING = 1e-6


def small_network(seed: int = 0) -> onnx.ModelProto:
    """A convolutional network with each kind of layer, min-max scaling included."""
    random = np.random.default_rng(seed)

    def constant(name: str, *shape: int) -> TensorProto:
        fan_in = max(1, int(np.prod(shape[1:] if len(shape) == 4 else shape[:1])))
        values = random.normal(0, np.sqrt(2 / fan_in), shape).astype(np.float32)
        return numpy_helper.from_array(values, name)

    def whole(name: str, values: list[int]) -> TensorProto:
        return numpy_helper.from_array(np.array(values, np.int64), name)

    low = np.arange(784, dtype=np.float32) % 3
    constants = [
        numpy_helper.from_array(low, "low"),
        numpy_helper.from_array(255 - low, "span"),
        whole("image", [-1, 1, 28, 28]),
        whole("flat", [0, -1]),
        constant("w1", 8, 1, 5, 5),
        constant("b1", 8),
        constant("w2", 12, 8, 3, 3),
        constant("b2", 12),
        constant("w3", 12 * 6 * 7, 20),
        constant("b3", 20),
        constant("w4", 20, 10),
        constant("b4", 10),
    ]
    make = helper.make_node
    nodes = [
        make("Cast", ["pixels"], ["x0"], to=TensorProto.FLOAT),
        make("Sub", ["x0", "low"], ["x1"]),
        make("Div", ["x1", "span"], ["x2"]),
        make("Reshape", ["x2", "image"], ["x3"]),
        make("Conv", ["x3", "w1", "b1"], ["x4"], kernel_shape=[5, 5], pads=[2, 2, 2, 2]),
        make("Relu", ["x4"], ["x5"]),
        make("MaxPool", ["x5"], ["x6"], kernel_shape=[2, 2], strides=[2, 2]),
        make("Conv", ["x6", "w2", "b2"], ["x7"], kernel_shape=[3, 3], pads=[0, 1, 0, 1]),
        make("Relu", ["x7"], ["x8"]),
        make("MaxPool", ["x8"], ["x9"], kernel_shape=[2, 2], strides=[2, 2]),
        make("Reshape", ["x9", "flat"], ["x10"]),
        make("Gemm", ["x10", "w3", "b3"], ["x11"]),
        make("Relu", ["x11"], ["x12"]),
        make("Gemm", ["x12", "w4", "b4"], ["x13"]),
        make("Softmax", ["x13"], ["probabilities"]),
    ]
    return model_of(nodes, constants)


def model_of(nodes: list[onnx.NodeProto], constants: list[TensorProto]) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", 784])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, test_digits: Digits) -> Path:
    """The small network in every precision that digit-export makes."""
    folder = tmp_path_factory.mktemp("small")
    # A new network for each: onnxruntime's quantizer alters what it is given.
    made = {
        "float32": small_network(),
        "float16": onnx_quantize.half_weights(small_network()),
        "dynamic": onnx_quantize.dynamic(small_network()),
        "int8": onnx_quantize.static(small_network(), test_digits[0][-200:]),
    }
    for precision, model in made.items():
        onnx.save(model, folder / f"{precision}.onnx")
    return folder


def both(path: Path, pixels: Pixels) -> tuple[Probabilities, Probabilities]:
    content = path.read_bytes()
    sessions = numpy_engine.open(content, path, 1), onnxruntime.open(content, path, 1)
    return sessions[0].run(pixels), sessions[1].run(pixels)


@pytest.mark.parametrize("precision", ["float32", "float16", "dynamic", "int8"])
def test_answers_as_onnxruntime_does(precision: str, small: Path, test_digits: Digits) -> None:
    ours, theirs = both(small / f"{precision}.onnx", test_digits[0][:300])
    assert ours.dtype == np.float32
    # Weights at random: a network that says the same of all digits would prove nothing.
    assert len(set(theirs.argmax(axis=1))) > 3
    difference = np.abs(ours - theirs).max(axis=1)
    assert np.mean(difference > ROUNDING) <= (0.01 if precision in ("int8", "dynamic") else 0)
    assert difference.max() < 0.01


@pytest.mark.parametrize("model", ["mlp", "tiny", "cnn"])
def test_shipped_files_answer_as_on_onnxruntime(
    model: str, artifacts: Path, test_digits: Digits
) -> None:
    files = [file for file in files_of(artifacts / model) if file.format == "onnx"]
    assert files
    for file in files:
        ours, theirs = both(file.path, test_digits[0][:200])
        difference = np.abs(ours - theirs).max(axis=1)
        exact = file.precision in ("float32", "float16")
        assert np.mean(difference > ROUNDING) <= (0 if exact else 0.03), file.precision
        assert difference.max() < 0.01, file.precision


def test_layers_that_only_other_peoples_models_have(tmp_path: Path, test_digits: Digits) -> None:
    random = np.random.default_rng(1)

    def constant(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array(random.normal(0, 0.3, shape).astype(np.float32), name)

    make = helper.make_node
    constants = [
        numpy_helper.from_array(np.array([-1, 1, 28, 28], np.int64), "image"),
        numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
        numpy_helper.from_array(np.array(0, np.float32), "low"),
        numpy_helper.from_array(np.array(6, np.float32), "high"),
        numpy_helper.from_array(np.array(1 / 255, np.float32), "scale"),
        *(constant("w1", 8, 1, 3, 3), constant("b1", 8), constant("w2", 16, 2, 3, 3)),
        *(constant("w3", 16, 10), constant("b3", 10)),
    ]
    odd: dict[str, Any] = {"strides": [2, 3], "pads": [0, 1, 1, 2]}
    nodes = [
        make("Cast", ["pixels"], ["x0"], to=TensorProto.FLOAT),
        make("Mul", ["x0", "scale"], ["x1"]),
        make("Reshape", ["x1", "image"], ["x2"]),
        make("Conv", ["x2", "w1", "b1"], ["x3"], kernel_shape=[3, 3], **odd),
        make("LeakyRelu", ["x3"], ["x4"], alpha=0.3),
        make("Conv", ["x4", "w2"], ["x5"], kernel_shape=[3, 3], group=4, auto_pad="NOTSET"),
        make("Sigmoid", ["x5"], ["x6"]),
        make("Mul", ["x5", "x6"], ["x7"]),
        make("Clip", ["x7", "low", "high"], ["x8"]),
        make("GlobalAveragePool", ["x8"], ["x9"]),
        make("Squeeze", ["x9", "axes"], ["x10"]),
        make("Tanh", ["x10"], ["x11"]),
        make("Neg", ["x11"], ["x12"]),
        make("Gemm", ["x12", "w3", "b3"], ["probabilities"]),
    ]
    path = tmp_path / "other.onnx"
    onnx.save(model_of(nodes, constants), path)
    ours, theirs = both(path, test_digits[0][:300])
    assert np.ptp(theirs, axis=0).min() > 0.01
    np.testing.assert_allclose(ours, theirs, atol=ROUNDING)


def test_integers_stay_exact_in_wide_layers(tmp_path: Path, test_digits: Digits) -> None:
    """Sums beyond 2^24, that float32 would round."""
    random = np.random.default_rng(0)
    whole = random.integers(100, 128, (784, 10), np.int8)
    make = helper.make_node
    constants = [
        numpy_helper.from_array(np.array(1, np.float32), "one"),
        numpy_helper.from_array(np.array(0, np.uint8), "zero"),
        numpy_helper.from_array(whole, "w"),
        numpy_helper.from_array(np.full(10, 1e-3, np.float32), "w_scale"),
        numpy_helper.from_array(np.zeros(10, np.int8), "w_zero"),
        numpy_helper.from_array(np.full(10, -19_000, np.float32), "bias"),
    ]
    nodes = [
        make("DequantizeLinear", ["pixels", "one", "zero"], ["x"]),
        make("DequantizeLinear", ["w", "w_scale", "w_zero"], ["weight"], axis=1),
        make("Gemm", ["x", "weight", "bias"], ["probabilities"]),
    ]
    path = tmp_path / "wide.onnx"
    onnx.save(model_of(nodes, constants), path)
    # Almost white images, whose sums are about 784 * 254 * 113.
    bright = np.maximum(255 - test_digits[0][:50], 253)
    sums = bright.astype(np.int64) @ whole.astype(np.int64)
    assert sums.min() > 1 << 24
    expected = sums.astype(np.float32) * np.float32(1e-3) + np.float32(-19_000)
    session = numpy_engine.open(path.read_bytes(), path, 1)
    np.testing.assert_array_equal(session.run(bright), expected)


def test_a_blank_batch_can_be_quantized(small: Path) -> None:
    blank = np.zeros((3, 784), np.uint8)
    ours, theirs = both(small / "dynamic.onnx", blank)
    np.testing.assert_allclose(ours, theirs, atol=ROUNDING)


def test_any_number_of_images(small: Path, test_digits: Digits) -> None:
    pixels = test_digits[0][:70]
    session = numpy_engine.open((small / "int8.onnx").read_bytes(), small / "int8.onnx", 1)
    whole = session.run(pixels)
    for rows in (1, 2, 63):
        np.testing.assert_allclose(session.run(pixels[:rows]), whole[:rows], atol=ROUNDING)
    untouched = whole.copy()
    session.run(pixels[::-1].copy())
    np.testing.assert_array_equal(whole, untouched)


def test_one_session_serves_many_threads(small: Path, test_digits: Digits) -> None:
    batches = np.array_split(test_digits[0][:300], 23)
    session = numpy_engine.open((small / "int8.onnx").read_bytes(), small / "int8.onnx", 1)
    alone = [session.run(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(session.run, batches))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def edited(edit: Callable[[onnx.NodeProto], None], operator: str) -> onnx.ModelProto:
    model = small_network()
    edit(next(node for node in model.graph.node if node.op_type == operator))
    return model


def attribute(name: str, value: object) -> Callable[[onnx.NodeProto], None]:
    def edit(node: onnx.NodeProto) -> None:
        for old in [old for old in node.attribute if old.name == name]:
            node.attribute.remove(old)
        node.attribute.append(helper.make_attribute(name, value))

    return edit


def operator(name: str, domain: str = "") -> Callable[[onnx.NodeProto], None]:
    def edit(node: onnx.NodeProto) -> None:
        node.op_type, node.domain = name, domain

    return edit


def takes(name: str) -> Callable[[onnx.NodeProto], None]:
    def edit(node: onnx.NodeProto) -> None:
        node.input[0] = name

    return edit


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (edited(operator("Elu"), "Relu"), "operator Elu"),
        (edited(operator("Conv", "com.microsoft"), "Conv"), r"operator com\.microsoft\.Conv"),
        (edited(attribute("dilations", [2, 2]), "Conv"), "Conv .*dilations"),
        (edited(attribute("strides", [0, 1]), "Conv"), "Conv .*strides"),
        (edited(attribute("auto_pad", "SAME_UPPER"), "Conv"), "Conv .*auto_pad"),
        (edited(attribute("pads", [9**9] * 4), "Conv"), "Conv .*pads"),
        (edited(attribute("pads", [1, 1, 1, 1]), "MaxPool"), "MaxPool .*pads"),
        (edited(attribute("strides", [0, 0]), "MaxPool"), "MaxPool .*strides"),
        (edited(attribute("transB", 1), "Gemm"), "Gemm .*transB"),
        (edited(attribute("novel", 1), "Softmax"), "Softmax .*novel"),
        (edited(attribute("to", 99), "Cast"), "Cast .*99"),
        (edited(takes("nowhere"), "Softmax"), "Softmax takes 'nowhere'"),
        (edited(takes("w4"), "Softmax"), "small.onnx: cannot be computed"),
        (edited(takes("x6"), "Gemm"), "small.onnx: cannot be computed"),
    ],
)
def test_what_numpy_cannot_compute_is_named(
    model: onnx.ModelProto, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "small.onnx"
    onnx.save(model, path)
    with pytest.raises(ModelFileError, match=message) as caught:
        numpy_engine.open(path.read_bytes(), path, 1)
    assert "\n" not in str(caught.value)


def renamed(model: onnx.ModelProto, **changes: tuple[int, Any]) -> onnx.ModelProto:
    values = {"pixels": model.graph.input[0], "probabilities": model.graph.output[0]}
    for name, (kind, shape) in changes.items():
        values[name].CopyFrom(helper.make_tensor_value_info(name, kind, shape))
    return model


@pytest.mark.parametrize(
    "changes",
    [
        {"pixels": (TensorProto.FLOAT, ["N", 784])},
        {"pixels": (TensorProto.UINT8, ["N", 28, 28])},
        {"pixels": (TensorProto.UINT8, [1, 784])},
        {"probabilities": (TensorProto.FLOAT, ["N", 1])},
        {"probabilities": (TensorProto.DOUBLE, ["N", 10])},
    ],
)
def test_another_contract_is_refused_before_the_operators_are_looked_at(
    changes: dict[str, tuple[int, Any]], tmp_path: Path
) -> None:
    path = tmp_path / "other.onnx"
    onnx.save(renamed(edited(operator("Elu"), "Relu"), **changes), path)
    with pytest.raises(ContractError, match=r"maps .* to .*; expected uint8 \[N, 784\]"):
        numpy_engine.open(path.read_bytes(), path, 1)


def test_a_result_of_another_shape_is_an_error(
    small: Path, test_digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = numpy_engine.open((small / "float32.onnx").read_bytes(), small / "float32.onnx", 1)
    with pytest.raises(EngineError, match="numpy failed"):
        session.run(test_digits[0][:2, :700])
    program = dataclasses.replace(session.program, steps=(), output="pixels")  # type: ignore[attr-defined]
    with pytest.raises(EngineError, match=r"numpy made uint8 \[2, 784\]"):
        numpy_engine.NumpySession(program, 10).run(test_digits[0][:2])


@pytest.fixture(scope="module")
def content(small: Path) -> bytes:
    return (small / "int8.onnx").read_bytes()


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_file_is_refused_or_still_answers(
    data: st.DataObject, content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # The operators come first in the file, the weights, most of it, after them.
    anywhere = st.integers(0, 1500) | st.integers(0, len(content) - 1)
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(anywhere)] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(damaged)
    try:
        session = numpy_engine.open(path.read_bytes(), path, 1)
    except ModelFileError as error:
        assert str(error).isprintable()
    else:
        try:
            assert session.run(np.zeros((4, 784), np.uint8)).shape == (4, 10)
        except EngineError as error:
            assert str(error).isprintable()


def only_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    there = Engine.installed_package
    monkeypatch.setattr(
        Engine,
        "installed_package",
        lambda self: there(self) if self.last_resort else None,
    )


def test_numpy_predicts_where_nothing_else_is_installed_and_says_so(
    run: Callable[..., Result],
    write_pixels: Callable[..., Path],
    artifacts: Path,
    test_digits: Digits,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = load("cnn", precision="int8", artifacts=artifacts).predict(test_digits[0][:20])
    only_numpy(monkeypatch)
    data = write_pixels(Path("a.csv"), test_digits[0][:20])
    result = run(predict, data, "--artifacts", artifacts)
    assert result.exit_code == 0, result.output
    assert "cnn-int8.onnx on numpy" in result.stdout
    assert result.stderr == (
        "note: no engine for .onnx files is installed, so numpy predicts, slowly; "
        'for a fast one: pip install "digit-runtime[onnx]"\n'
    )
    labels = [int(line.split(",")[1]) for line in Path("submission.csv").read_text().split()[1:]]
    assert labels == expected.tolist()


def test_numpy_on_demand_needs_no_advice(
    run: Callable[..., Result],
    write_pixels: Callable[..., Path],
    artifacts: Path,
    test_digits: Digits,
) -> None:
    data = write_pixels(Path("a.csv"), test_digits[0][:20])
    result = run(predict, data, "--artifacts", artifacts, "--model", "mlp", "--engine", "numpy")
    assert "mlp-int8.onnx on numpy" in result.stdout
    assert result.stderr == ""


def test_a_fast_engine_for_another_file_comes_first(
    artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Engine.installed_package
    monkeypatch.setattr(
        Engine,
        "installed_package",
        lambda self: there(self) if self.format == "tflite" or self.last_resort else None,
    )
    assert load("mlp", artifacts=artifacts).engine == "litert"
    assert load("mlp", format="onnx", artifacts=artifacts).engine == "numpy"
