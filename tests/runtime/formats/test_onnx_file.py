"""The reader of .onnx files against the onnx package, and against damage."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from digit_runtime import ModelFileError
from digit_runtime.formats.onnx_file import parse
from digit_runtime.models.folder import files_of
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

TYPES = [
    TensorProto.FLOAT,
    TensorProto.UINT8,
    TensorProto.INT8,
    TensorProto.INT32,
    TensorProto.INT64,
    TensorProto.FLOAT16,
]


def model_of(
    *nodes: onnx.NodeProto, constants: tuple[TensorProto, ...] = (), opset: int = 17
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["N", 784])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 10])],
        constants,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@pytest.mark.parametrize("model", ["mlp", "tiny", "cnn"])
def test_reads_what_the_onnx_package_reads(model: str, artifacts: Path) -> None:
    paths = [file.path for file in files_of(artifacts / model) if file.format == "onnx"]
    assert paths
    for path in paths:
        expected, graph = onnx.load(path).graph, parse(path.read_bytes())
        assert [str(value) for value in graph.inputs] == ["uint8 ['N', 784]"]
        assert [str(value) for value in graph.outputs] == ["float ['N', 10]"]
        assert set(graph.constants) == {constant.name for constant in expected.initializer}
        for constant in expected.initializer:
            array = graph.constants[constant.name]
            np.testing.assert_array_equal(array, numpy_helper.to_array(constant))
            assert array.flags.aligned
            owner: Any = array if array.base is None else array.base
            assert owner.flags.owndata
        for node, other in zip(graph.nodes, expected.node, strict=True):
            assert node.operator == other.op_type
            assert node.inputs == tuple(other.input)
            assert node.outputs == tuple(other.output)
            assert node.attributes == {
                attribute.name: helper.get_attribute_value(attribute)
                for attribute in other.attribute
            }


@given(st.data(), st.sampled_from(TYPES), st.booleans())
def test_constants_of_every_type_and_storage(data: st.DataObject, kind: int, raw: bool) -> None:
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    shape = data.draw(st.lists(st.integers(0, 4), max_size=3))
    size = math.prod(shape)
    if dtype.kind == "f":
        width: Any = 8 * dtype.itemsize
        numbers: Any = st.floats(width=width, allow_nan=False)
    else:
        limits = np.iinfo(dtype)
        numbers = st.integers(int(limits.min), int(limits.max))
    values = data.draw(st.lists(numbers, min_size=size, max_size=size))
    array = np.array(values, dtype).reshape(shape)
    content = array.tobytes() if raw else array.flatten().tolist()
    tensor = helper.make_tensor("constant", kind, shape, content, raw=raw)
    found = parse(model_of(constants=(tensor,)).SerializeToString()).constants["constant"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, array)


@given(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=1),
    st.floats(width=32, allow_nan=False),
)
def test_attributes(number: int, numbers: list[int], fraction: float) -> None:
    node = helper.make_node("Conv", ["a", "", "b"], ["c"], i=number, ints=numbers, f=fraction)
    (read,) = parse(model_of(node).SerializeToString()).nodes
    assert read.inputs == ("a", "", "b")
    assert read.attributes == {"i": number, "ints": numbers, "f": fraction}


def external() -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "weights")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    return tensor


def too_short() -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "weights")
    tensor.dims[0] = 1 << 40
    return tensor


def negative() -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros((2, 2), np.float32), "weights")
    tensor.dims[:] = [-2, -2]
    return tensor


def fractional_bytes() -> TensorProto:
    tensor = numpy_helper.from_array(np.zeros(3, np.float32), "weights")
    tensor.raw_data = b"\0" * 7
    return tensor


def out_of_range() -> TensorProto:
    return TensorProto(name="weights", data_type=TensorProto.INT8, dims=[1], int32_data=[300])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (onnx.ModelProto(), "has no graph"),
        (model_of(opset=12), "has opset 12"),
        (model_of(helper.make_node("If", [], ["x"], then_branch=model_of().graph)), "operator If"),
        (model_of(helper.make_node("X", [], ["x"], name="n", words=["a", "b"])), "'words'"),
        (model_of(helper.make_node("Re\n\x1b[2Jlu", ["x"], ["y"])), "unprintable characters: 'Re"),
        (model_of(constants=(external(),)), "'weights'.*another file"),
        (model_of(constants=(too_short(),)), "'weights' has 3 numbers for shape"),
        (model_of(constants=(negative(),)), "'weights' has 4 numbers for shape"),
        (model_of(constants=(fractional_bytes(),)), "'weights' is damaged"),
        (model_of(constants=(out_of_range(),)), "'weights' is damaged"),
        (
            model_of(constants=(numpy_helper.from_array(np.zeros(2), "weights"),)),
            "'weights' has type 11",
        ),
    ],
)
def test_what_cannot_be_read_is_named(model: onnx.ModelProto, message: str) -> None:
    with pytest.raises(ModelFileError, match=message) as caught:
        parse(model.SerializeToString())
    assert str(caught.value).isprintable()


@given(st.binary(max_size=200))
@settings(max_examples=500)
def test_no_bytes_are_too_strange(content: bytes) -> None:
    try:
        parse(content)
    except ModelFileError as error:
        assert str(error).isprintable()


def test_a_file_cut_anywhere_is_refused_or_lacks_something(artifacts: Path) -> None:
    content = (artifacts / "mlp" / "onnx" / "mlp-int8.onnx").read_bytes()
    whole = parse(content)
    for end in [*range(0, 400), *range(400, len(content), 9973), len(content) - 1]:
        try:
            part = parse(content[:end])
        except ModelFileError:
            continue
        # A cut between two fields of the outermost message is protobuf all the same.
        assert len(content) - end < 100
        assert part.nodes == whole.nodes
