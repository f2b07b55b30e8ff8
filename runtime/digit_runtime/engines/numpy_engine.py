"""ONNX files through numpy alone, for devices that no inference engine is built for.

Same answers as ONNX Runtime up to float rounding, also of int8 files, several times
slower. How many threads matrix products use is up to the BLAS that numpy is linked to
(OPENBLAS_NUM_THREADS sets it), not to this engine.
"""

from pathlib import Path

import numpy as np

from digit_runtime.contract import CLASSES, PIXELS, Pixels, Probabilities
from digit_runtime.engines.numpy_program import Program, compile
from digit_runtime.engines.table import Session
from digit_runtime.errors import ContractError, EngineError, ModelFileError, UnsupportedModelError
from digit_runtime.formats import onnx_file

# Enough to notice a graph whose batch is not free.
_TRIAL_ROWS = 2


class NumpySession:
    """A compiled graph with the contract's one input and output."""

    def __init__(self, program: Program, classes: int) -> None:
        self._program = program
        self.classes = classes

    def run(self, pixels: Pixels) -> Probabilities:
        """See `digit_runtime.engines.table.Session`."""
        try:
            probabilities: Probabilities = self._program.run(pixels)
        except Exception as error:
            raise EngineError(f"numpy failed: {str(error)[:200]}") from error
        if probabilities.shape != (len(pixels), self.classes) or probabilities.dtype != np.float32:
            raise EngineError(f"numpy made {probabilities.dtype} {list(probabilities.shape)}")
        return probabilities


def open(path: Path, threads: int) -> Session:
    """Load `path`; `threads` has no effect."""
    graph = onnx_file.read(path)
    classes = graph.outputs[0].shape[-1] if graph.outputs and graph.outputs[0].shape else 0
    if not (
        [(value.type, value.shape[1:]) for value in graph.inputs] == [("uint8", (PIXELS,))]
        and isinstance(graph.inputs[0].shape[0], str)
        and [(value.type, value.shape[1:]) for value in graph.outputs] == [("float", (classes,))]
        and isinstance(classes, int)
        and classes in CLASSES
    ):
        raise ContractError(
            f"{path}: maps {_describe(graph.inputs)} to {_describe(graph.outputs)}; "
            f"expected uint8 [N, {PIXELS}] to float [N, classes]: export it with digit-export"
        )
    try:
        session = NumpySession(compile(graph), classes)
        session.run(np.zeros((_TRIAL_ROWS, PIXELS), np.uint8))
    except UnsupportedModelError as error:
        raise UnsupportedModelError(f"{path}: cannot be computed: {error}") from error
    except Exception as error:
        # Shapes that do not fit show as numpy's own exceptions of many kinds.
        raise ModelFileError(f"{path}: cannot be computed: {str(error)[:200]}") from error
    return session


def _describe(values: tuple[onnx_file.Value, ...]) -> str:
    return " and ".join(map(str, values)) or "nothing"
