"""ONNX files through ONNX Runtime, on the CPU."""

from pathlib import Path

import onnxruntime as ort

from digit_runtime.contract import Pixels, Probabilities
from digit_runtime.engines.signature import Tensor, classes_of
from digit_runtime.engines.table import Session
from digit_runtime.errors import EngineError, ModelFileError, first_line

_ERRORS_ONLY = 3

# What its official builds for Windows would tell their makers of each session.
ort.disable_telemetry_events()


class OnnxRuntimeSession:
    """An `onnxruntime.InferenceSession` with the contract's one input and output."""

    def __init__(self, session: ort.InferenceSession, classes: int) -> None:
        self.classes = classes
        self._run = session.run
        self._input = session.get_inputs()[0].name
        self._outputs = [session.get_outputs()[0].name]

    def run(self, pixels: Pixels) -> Probabilities:
        """See `digit_runtime.engines.table.Session`."""
        try:
            probabilities: Probabilities = self._run(self._outputs, {self._input: pixels})[0]
        except Exception as error:
            raise EngineError(f"onnxruntime failed: {first_line(error)}") from error
        return probabilities


def open(content: bytes, path: Path, threads: int) -> Session:
    """Load the file with that many intra-op threads."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime's own exceptions share no base class below Exception.
        raise ModelFileError(f"{path}: not a readable ONNX file: {first_line(error)}") from error
    inputs, outputs = map(_tensors, (session.get_inputs(), session.get_outputs()))
    return OnnxRuntimeSession(session, classes_of(path, inputs, outputs))


def _tensors(values: list[ort.NodeArg]) -> list[Tensor]:
    return [
        Tensor(
            {"float": "float32"}.get(kind := value.type[7:-1], kind),
            tuple(size if isinstance(size, int) else None for size in value.shape),
        )
        for value in values
    ]
