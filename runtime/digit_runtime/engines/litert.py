"""TFLite files through LiteRT (ai-edge-litert), or its predecessor tflite_runtime."""

import threading
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

from digit_runtime.contract import PIXELS, Pixels, Probabilities
from digit_runtime.engines.signature import Tensor, classes_of
from digit_runtime.engines.table import Session
from digit_runtime.errors import EngineError, EngineNotInstalledError, ModelFileError, first_line
from digit_runtime.terminal import native_stderr_silenced

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter

# The first interpreter of a process announces its delegate. Taken for good by whoever makes it.
_FIRST: Final = threading.Lock()


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
                raise EngineError(f"litert failed: {first_line(error)}") from error
        return probabilities

    def _resize(self, rows: int) -> None:
        # Zero until it has worked, so that a failure is not remembered as a size.
        self._rows = 0
        self._interpreter.resize_tensor_input(self._input, (rows, PIXELS))
        self._interpreter.allocate_tensors()
        self._rows = rows


def open(content: bytes, path: Path, threads: int) -> Session:
    """Load the file with that many threads."""
    first = _FIRST.acquire(blocking=False)
    try:
        with native_stderr_silenced() if first else nullcontext():
            interpreter = Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise ModelFileError(f"{path}: not a readable TFLite file: {first_line(error)}") from error
    except SystemError as error:
        # tflite_runtime was built for the numpy of its time, and says so in this way only.
        package = Interpreter.__module__.split(".")[0]
        raise EngineNotInstalledError(
            f'{package} does not work with this numpy: pip install "numpy<2"'
        ) from error
    inputs, outputs = map(
        _tensors, (interpreter.get_input_details(), interpreter.get_output_details())
    )
    return LiteRTSession(interpreter, classes_of(path, inputs, outputs))


def _tensors(details: list[dict[str, Any]]) -> list[Tensor]:
    return [
        Tensor(
            detail["dtype"].__name__,
            tuple(None if size < 0 else int(size) for size in detail["shape_signature"]),
        )
        for detail in details
    ]
