"""Smaller ONNX files from the float32 graph: float16 weights, dynamic int8, static int8.

int8 weights use 7 bits only (`reduce_range`). On x86 without VNNI onnxruntime adds pairs
of uint8 times int8 products in 16 bits, which 8-bit weights overflow silently. Files with
int8 activations are no way out: onnxruntime turns those into uint8 on x86. With 7 bits
every CPU computes the same integers, which was checked on an emulated Haswell and is
counted in `tests/benchmarks/saturation.py`; 8 bits were no more accurate where they work (see
docs/export.md).
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
from digit_runtime.contract import INPUT_NAME, Pixels
from onnx import TensorProto, numpy_helper
from onnxruntime import quantization as ortq

from digit_export.convert.onnx_fold import fold_scaling
from digit_export.errors import ConversionError, NotApplicableError

_CALIBRATION_BATCH: Final = 100
# What has weights, and from which input on.
_WEIGHTS: Final = {"Conv": 1, "ConvTranspose": 1, "Gemm": 1, "MatMul": 0, "Gather": 0}
# What onnxruntime calls a layer that it computes in float, after its own fusions.
_FLOAT_LAYERS: Final = {"Conv", "FusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"}


def half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the weights as float16 and cast them to float32 when the file is loaded.

    A CPU computes in float32 either way: of onnxruntime's kernels few take float16 there,
    and a graph of float16 operators gets a cast around each, which made it slower and
    less precise than this, at the same size. Other constants stay: an operator may insist on
    float32 ones (the scales of Resize) or on constants (the shape of Reshape).
    """
    half = onnx.ModelProto()
    half.CopyFrom(model)
    casts = []
    weights_of = {
        name
        for node in half.graph.node
        if node.op_type in _WEIGHTS
        for name in node.input[_WEIGHTS[node.op_type] :]
    }
    for constant in half.graph.initializer:
        if constant.data_type == TensorProto.FLOAT and constant.name in weights_of:
            name = constant.name
            weights = numpy_helper.to_array(constant).astype(np.float16)
            constant.CopyFrom(numpy_helper.from_array(weights, f"{name}.float16"))
            casts.append(
                onnx.helper.make_node(
                    "Cast", [constant.name], [name], f"{name}/Cast", to=TensorProto.FLOAT
                )
            )
    for cast in reversed(casts):
        half.graph.node.insert(0, cast)
    onnx.checker.check_model(half, full_check=True)
    return half


def dynamic(model: onnx.ModelProto) -> onnx.ModelProto:
    """Quantize dense weights to int8, per channel; activations are quantized as they come.

    Convolutions stay in float32: onnxruntime's dynamically quantized one was several
    times slower than that.

    Raises:
        NotApplicableError: There is no dense layer.
    """

    def write(path: Path) -> None:
        ortq.quantize_dynamic(
            model,
            path,
            op_types_to_quantize=["Gemm", "MatMul"],
            per_channel=True,
            reduce_range=True,
            weight_type=ortq.QuantType.QInt8,
        )

    quantized = _through_file(write)
    if not any(node.op_type == "DynamicQuantizeLinear" for node in quantized.graph.node):
        raise NotApplicableError(
            "has no dense layer, and convolutions stay in float32 there; int8 quantizes them"
        )
    return quantized


def static(model: onnx.ModelProto, calibration: Pixels) -> onnx.ModelProto:
    """Quantize weights and activations to int8, in QDQ form; logits and softmax stay float32.

    Activations are uint8, weights int8 per channel. The pixels are the first layer's
    quantized input, if their scale allows.

    Args:
        model: The float32 graph.
        calibration: uint8 ``[N, 784]``; the ranges of activations are taken from them.

    Raises:
        ConversionError: onnxruntime would compute a layer in float.
    """
    # Hidden layers are quantized after their Relu, and the last one not at all. Where a
    # layer is followed by something else, the next one would get floats.
    for unquantized in (["Conv", "Gemm"], []):
        quantized = fold_scaling(qdq(model, calibration, unquantized))
        left = float_layers(quantized)
        if not left:
            return quantized
    raise ConversionError(f"onnxruntime computes {', '.join(left)} in float")


def qdq(
    model: onnx.ModelProto,
    calibration: Pixels,
    unquantized: list[str],
    reduce_range: bool = True,
    activations: ortq.QuantType = ortq.QuantType.QUInt8,
) -> onnx.ModelProto:
    """Quantize all but the outputs of operators of the types `unquantized`."""
    # onnxruntime moves the weights of the model that it is given into a file of its own.
    copy = onnx.ModelProto()
    copy.CopyFrom(model)

    def write(path: Path) -> None:
        ortq.quantize_static(
            copy,
            path,
            _Rows(calibration),
            quant_format=ortq.QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Gemm", "MaxPool", "Relu", "Reshape"],
            per_channel=True,
            reduce_range=reduce_range,
            activation_type=activations,
            weight_type=ortq.QuantType.QInt8,
            calibrate_method=ortq.CalibrationMethod.MinMax,
            extra_options={"OpTypesToExcludeOutputQuantization": unquantized},
        )

    return _through_file(write)


def float_layers(model: onnx.ModelProto) -> list[str]:
    """Return the names of the layers that onnxruntime computes in float, after its fusions."""

    def write(path: Path) -> None:
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(path)
        ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    fused = _through_file(write)
    return [node.name for node in fused.graph.node if node.op_type in _FLOAT_LAYERS]


class _Rows(ortq.CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, pixels: Pixels) -> None:
        starts = range(0, len(pixels), _CALIBRATION_BATCH)
        self._batches = iter([pixels[start : start + _CALIBRATION_BATCH] for start in starts])

    def get_next(self) -> dict[str, Any] | None:
        batch = next(self._batches, None)
        return None if batch is None else {INPUT_NAME: batch}


def _through_file(write: Callable[[Path], None]) -> onnx.ModelProto:
    # onnxruntime returns models as files only.
    with tempfile.TemporaryDirectory(prefix="digit-export-") as folder:
        path = Path(folder) / "model.onnx"
        write(path)
        return onnx.load(path)
