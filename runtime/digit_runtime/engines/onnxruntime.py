"""ONNX files through ONNX Runtime, on the CPU."""

from pathlib import Path

import onnxruntime as ort

from digit_runtime.contract import CLASSES, PIXELS, Pixels, Probabilities
from digit_runtime.engines.table import Session
from digit_runtime.errors import ContractError, EngineError, ModelFileError

_ERRORS_ONLY = 3


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
            raise EngineError(f"onnxruntime failed: {_first_line(error)}") from error
        return probabilities


def open(path: Path, threads: int) -> Session:
    """Load `path` with that many intra-op threads."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        session = ort.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        # onnxruntime's own exceptions share no base class below Exception.
        raise ModelFileError(f"{path}: not a readable ONNX file: {_first_line(error)}") from error
    inputs = [(i.type, i.shape[1:], i.shape[:1]) for i in session.get_inputs()]
    outputs = [(o.type, o.shape[1:]) for o in session.get_outputs()]
    classes = outputs[0][1][0] if outputs and outputs[0][1] else 0
    free = bool(inputs) and not any(isinstance(size, int) for size in inputs[0][2])
    if (
        [i[:2] for i in inputs] != [("tensor(uint8)", [PIXELS])]
        or outputs != [("tensor(float)", [classes])]
        or classes not in CLASSES
        or not free
    ):
        raise ContractError(
            f"{path}: maps {_describe(session.get_inputs())} to {_describe(session.get_outputs())};"
            f" expected uint8 [N, {PIXELS}] to float [N, classes]: export it with digit-export"
        )
    return OnnxRuntimeSession(session, classes)


def _describe(tensors: list[ort.NodeArg]) -> str:
    return " and ".join(f"{t.type[7:-1]} {t.shape}" for t in tensors)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
