"""ONNX files through OpenVINO, on the CPU."""

import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

# Importing openvino sends word of it to its makers, unasked and from a forked process; without
# this module it does not.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino

from digit_runtime.contract import Pixels, Probabilities
from digit_runtime.engines.signature import Tensor, classes_of
from digit_runtime.engines.table import Session
from digit_runtime.errors import EngineError, ModelFileError

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


def open(content: bytes, path: Path, threads: int) -> Session:
    """Load the file with that many threads."""
    core = openvino.Core()
    try:
        # As bytes, so that only the ONNX frontend tries them and no other file is read.
        model = core.read_model(content)
    except Exception as error:
        raise ModelFileError(f"{path}: not a readable ONNX file: {_last_line(error)}") from error
    classes = classes_of(path, _tensors(model.inputs), _tensors(model.outputs))
    try:
        settings = _SETTINGS | {"INFERENCE_NUM_THREADS": threads}
        compiled = core.compile_model(model, "CPU", settings)
        return OpenVinoSession(compiled.create_infer_request(), classes)
    except Exception as error:
        raise ModelFileError(f"{path}: openvino cannot use it: {_last_line(error)}") from error


def _tensors(values: Sequence[Any]) -> list[Tensor]:
    return [
        Tensor(
            value.element_type.to_dtype().name,
            tuple(size.get_length() if size.is_static else None for size in value.partial_shape),
        )
        for value in values
    ]


def _last_line(error: Exception) -> str:
    # The lines before it name places in OpenVINO's own source.
    lines = str(error).split("\n")
    return next((line for line in reversed(lines) if line.strip()), type(error).__name__)[:200]
