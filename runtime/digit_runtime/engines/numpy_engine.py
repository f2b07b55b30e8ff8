"""ONNX files through numpy alone, for devices that no inference engine is built for.

Same answers as ONNX Runtime up to float rounding, also of int8 files, several times
slower. How many threads matrix products use is up to the BLAS that numpy is linked to
(OPENBLAS_NUM_THREADS sets it), not to this engine.
"""

from pathlib import Path

import numpy as np

from digit_runtime.contract import PIXELS, Pixels, Probabilities
from digit_runtime.engines.numpy_program import Program, compile
from digit_runtime.engines.signature import Tensor, classes_of
from digit_runtime.engines.table import Session
from digit_runtime.errors import EngineError, ModelFileError, UnsupportedModelError
from digit_runtime.formats import onnx_file

# Enough to notice a graph whose batch is not free.
_TRIAL_ROWS = 2


class NumpySession:
    """A compiled graph with the contract's one input and output."""

    def __init__(self, program: Program, classes: int) -> None:
        self.program = program
        self.classes = classes

    def run(self, pixels: Pixels) -> Probabilities:
        """See `digit_runtime.engines.table.Session`."""
        try:
            probabilities: Probabilities = self.program.run(pixels)
        except Exception as error:
            raise EngineError(f"numpy failed: {str(error)[:200]}") from error
        if probabilities.shape != (len(pixels), self.classes) or probabilities.dtype != np.float32:
            raise EngineError(f"numpy made {probabilities.dtype} {list(probabilities.shape)}")
        return probabilities


def open(content: bytes, path: Path, threads: int) -> Session:
    """Load the file; `threads` has no effect."""
    graph = onnx_file.read(content, path)
    classes = classes_of(path, _tensors(graph.inputs), _tensors(graph.outputs))
    try:
        session = NumpySession(compile(graph), classes)
        session.run(np.zeros((_TRIAL_ROWS, PIXELS), np.uint8))
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"{path}: cannot be computed: {error}") from error
    except Exception as error:
        # Shapes that do not fit show as numpy's own exceptions of many kinds.
        raise ModelFileError(f"{path}: cannot be computed: {str(error)[:200]}") from error
    return session


def _tensors(values: tuple[onnx_file.Value, ...]) -> list[Tensor]:
    return [
        Tensor(
            {"float": "float32"}.get(value.type, value.type),
            tuple(size if isinstance(size, int) else None for size in value.shape),
        )
        for value in values
    ]
