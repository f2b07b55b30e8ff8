"""ONNX files through OpenVINO, on the CPU."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import openvino

from digit_runtime.contract import CLASSES, PIXELS, Pixels, Probabilities
from digit_runtime.engines.table import Session
from digit_runtime.errors import ContractError, EngineError, ModelFileError

_SETTINGS: Final = {
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": 1,
    # Its own choice is bfloat16 or float16 where the CPU has them: a file's float32
    # answers would change in the third digit.
    "INFERENCE_PRECISION_HINT": "f32",
    # Pinned, the threads of two processes would fight over the same first CPUs.
    "ENABLE_CPU_PINNING": False,
}


class OpenVinoSession:
    """An inference request; one caller at a time."""

    def __init__(self, request: Any, classes: int) -> None:
        self.classes = classes
        self._request = request
        self._lock = threading.Lock()

    def run(self, pixels: Pixels) -> Probabilities:
        """See `digit_runtime.engines.table.Session`."""
        with self._lock:
            try:
                results = self._request.infer({0: pixels}, share_inputs=True, share_outputs=True)
            except Exception as error:
                raise EngineError(f"openvino failed: {_last_line(error)}") from error
            # The request's own memory, which the next call overwrites.
            probabilities: Probabilities = results[0].copy()
        return probabilities


def open(path: Path, threads: int) -> Session:
    """Load `path` with that many threads."""
    core = openvino.Core()
    try:
        # As bytes, so that only the ONNX frontend tries them and no other file is read.
        model = core.read_model(path.read_bytes())
    except Exception as error:
        raise ModelFileError(f"{path}: not a readable ONNX file: {_last_line(error)}") from error
    if not (
        _matches(model.inputs, openvino.Type.u8, range(PIXELS, PIXELS + 1))
        and _matches(model.outputs, openvino.Type.f32, CLASSES)
    ):
        raise ContractError(
            f"{path}: maps {_describe(model.inputs)} to {_describe(model.outputs)}; "
            f"expected uint8 [N, {PIXELS}] to float [N, classes]: export it with digit-export"
        )
    try:
        settings = _SETTINGS | {"INFERENCE_NUM_THREADS": threads}
        compiled = core.compile_model(model, "CPU", settings)
        classes = model.outputs[0].partial_shape[1].get_length()
        return OpenVinoSession(compiled.create_infer_request(), classes)
    except Exception as error:
        raise ModelFileError(f"{path}: openvino cannot use it: {_last_line(error)}") from error


def _matches(values: Sequence[Any], kind: Any, sizes: range) -> bool:
    if len(values) != 1 or values[0].element_type != kind:
        return False
    shape = values[0].partial_shape
    return (
        len(shape) == 2
        and shape[0].is_dynamic
        and shape[1].is_static
        and shape[1].get_length() in sizes
    )


def _describe(values: Sequence[Any]) -> str:
    return " and ".join(f"{v.element_type.to_string()} {v.partial_shape}" for v in values)


def _last_line(error: Exception) -> str:
    # The lines before it name places in OpenVINO's own source.
    lines = str(error).split("\n")
    return next((line for line in reversed(lines) if line.strip()), type(error).__name__)[:200]
