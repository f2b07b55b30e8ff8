"""TFLite files through LiteRT (ai-edge-litert), or its predecessor tflite_runtime."""

import threading
from pathlib import Path
from typing import Any

import numpy as np

from digit_runtime.contract import CLASSES, PIXELS, Pixels, Probabilities
from digit_runtime.engines.table import Session
from digit_runtime.errors import ContractError, EngineError, EngineNotInstalledError, ModelFileError

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter


class LiteRTSession:
    """An interpreter, resized to the batch it is given; one caller at a time."""

    def __init__(self, interpreter: Any, classes: int) -> None:
        self.classes = classes
        self._interpreter = interpreter
        self._input = interpreter.get_input_details()[0]["index"]
        self._output = interpreter.get_output_details()[0]["index"]
        self._rows = 0
        self._lock = threading.Lock()

    def run(self, pixels: Pixels) -> Probabilities:
        """See `digit_runtime.engines.table.Session`."""
        with self._lock:
            try:
                if len(pixels) != self._rows:
                    self._resize(len(pixels))
                self._interpreter.set_tensor(self._input, pixels)
                self._interpreter.invoke()
                probabilities: Probabilities = self._interpreter.get_tensor(self._output)
            except (RuntimeError, ValueError) as error:
                raise EngineError(f"litert failed: {_first_line(error)}") from error
        return probabilities

    def _resize(self, rows: int) -> None:
        # Zero until it has worked, so that a failure is not remembered as a size.
        self._rows = 0
        self._interpreter.resize_tensor_input(self._input, (rows, PIXELS))
        self._interpreter.allocate_tensors()
        self._rows = rows


def open(path: Path, threads: int) -> Session:
    """Load `path` with that many threads."""
    try:
        interpreter = Interpreter(model_content=path.read_bytes(), num_threads=threads)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelFileError(f"{path}: not a readable TFLite file: {_first_line(error)}") from error
    except SystemError as error:
        # tflite_runtime was built for the numpy of its time, and says so in this way only.
        package = Interpreter.__module__.split(".")[0]
        raise EngineNotInstalledError(
            f'{package} does not work with this numpy: pip install "numpy<2"'
        ) from error
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    kinds = _signature(inputs), _signature(outputs)
    classes = kinds[1][0][1][-1] if outputs and kinds[1][0][1] else 0
    expected = [(np.uint8, [-1, PIXELS])], [(np.float32, [-1, classes])]
    if kinds != expected or classes not in CLASSES:
        raise ContractError(
            f"{path}: maps {_describe(inputs)} to {_describe(outputs)}; "
            f"expected uint8 [N, {PIXELS}] to float32 [N, classes]: export it with digit-export"
        )
    return LiteRTSession(interpreter, classes)


def _signature(tensors: list[dict[str, Any]]) -> list[tuple[type, list[int]]]:
    return [(tensor["dtype"], list(tensor["shape_signature"])) for tensor in tensors]


def _describe(tensors: list[dict[str, Any]]) -> str:
    return " and ".join(f"{kind.__name__} {shape}" for kind, shape in _signature(tensors))


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:200]
