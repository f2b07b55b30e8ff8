"""The values inside exported files, between their operators, on given images."""

from collections.abc import Sequence
from typing import Any

import onnx
import onnxruntime as ort
from digit_runtime.contract import INPUT_NAME, PIXELS, Pixels
from numpy.typing import NDArray

from digit_export.quiet import quiet


def of_onnx(
    model: onnx.ModelProto, names: Sequence[str], pixels: Pixels
) -> dict[str, NDArray[Any]]:
    """Return the values of those names, of inner tensors or outputs.

    Args:
        model: Is not changed.
        names: What operators make.
        pixels: uint8 ``[N, 784]``.
    """
    opened = onnx.ModelProto()
    opened.CopyFrom(model)
    known = {value.name for value in opened.graph.output}
    opened.graph.output.extend(
        onnx.ValueInfoProto(name=name) for name in names if name not in known
    )
    options = ort.SessionOptions()
    # Fusions would leave nothing to look at.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = ort.InferenceSession(
        opened.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    # Asked for nothing, it would return everything.
    values = session.run(list(names), {INPUT_NAME: pixels}) if names else []
    return dict(zip(names, values, strict=True))


def of_tflite(content: bytes, pixels: Pixels) -> Any:
    """Return LiteRT's interpreter after it has run on uint8 ``[N, 784]``, all tensors kept."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with quiet():
        interpreter = Interpreter(
            model_content=content,
            experimental_preserve_all_tensors=True,
            # A delegate keeps what is between its operators to itself.
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        index = interpreter.get_input_details()[0]["index"]
        interpreter.resize_tensor_input(index, (len(pixels), PIXELS))
        interpreter.allocate_tensors()
        interpreter.set_tensor(index, pixels)
        interpreter.invoke()
    return interpreter
