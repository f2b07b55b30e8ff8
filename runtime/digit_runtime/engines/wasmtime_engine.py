"""Models as WebAssembly, alone or inside a page, on Wasmtime.

A module imports nothing and so can reach nothing: it computes in a memory of its own.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import wasmtime

from digit_runtime.contract import CLASSES, PIXELS, Pixels, Probabilities
from digit_runtime.engines.table import Session
from digit_runtime.errors import ContractError, EngineError, ModelFileError, first_line
from digit_runtime.formats import wasm_file

_ROWS: Final = 256
_PAGE: Final = 65536
_LARGEST_MEMORY: Final = 1 << 30


class _Instance:
    """One instance with its memory, for one thread at a time."""

    def __init__(self, engine: Any, module: Any) -> None:
        self._store = wasmtime.Store(engine)
        self._store.set_limits(memory_size=_LARGEST_MEMORY)
        exports = wasmtime.Instance(self._store, module, []).exports(self._store)
        self._memory = exports["memory"]
        self._predict = exports["digit_predict_rows"]
        self.classes = int(exports["digit_classes"](self._store))
        self._base = (int(exports["__heap_base"].value(self._store)) + 15) & ~15
        self._made = self._base + _ROWS * PIXELS
        end = self._made + 4 * _ROWS * self.classes
        missing = -(-(end - self._memory.data_len(self._store)) // _PAGE)
        if missing > 0:
            self._memory.grow(self._store, missing)

    def run(self, pixels: Pixels, made: Probabilities) -> None:
        for first in range(0, len(pixels), _ROWS):
            part = pixels[first : first + _ROWS]
            self._memory.write(self._store, part.tobytes(), self._base)
            self._predict(self._store, self._base, self._made, len(part))
            end = self._made + 4 * len(part) * self.classes
            found = np.frombuffer(self._memory.read(self._store, self._made, end), "<f4")
            made[first : first + _ROWS] = found.reshape(len(part), self.classes)


class WasmSession:
    """An instance of a module for each thread."""

    def __init__(self, instances: list[_Instance]) -> None:
        self.classes = instances[0].classes
        self._instances = instances
        self._threads = ThreadPoolExecutor(len(instances))
        self._lock = threading.Lock()

    def run(self, pixels: Pixels) -> Probabilities:
        """See `digit_runtime.engines.table.Session`."""
        made = np.empty((len(pixels), self.classes), np.float32)
        bounds = np.linspace(0, len(pixels), len(self._instances) + 1).astype(int)

        def predict(part: int) -> None:
            rows = slice(bounds[part], bounds[part + 1])
            self._instances[part].run(pixels[rows], made[rows])

        try:
            with self._lock:
                if len(self._instances) == 1:
                    predict(0)
                else:
                    list(self._threads.map(predict, range(len(self._instances))))
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            raise EngineError(f"wasmtime failed: {first_line(error)}") from error
        return made


def open(content: bytes, path: Path, threads: int) -> Session:
    """Compile the module and make an instance for each thread."""
    try:
        if path.suffix == ".html":
            content = wasm_file.model_of(content)
        engine = wasmtime.Engine()
        module = wasmtime.Module(engine, content)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    except wasmtime.WasmtimeError as error:
        raise ModelFileError(f"{path}: not readable WebAssembly: {first_line(error)}") from error
    try:
        session = WasmSession([_Instance(engine, module) for _ in range(max(1, threads))])
    except Exception as error:  # Another module may lack anything, or have it of any type.
        raise ContractError(f"{path}: is no model of digit-export: {first_line(error)}") from error
    if session.classes not in CLASSES:
        raise ContractError(f"{path}: gives {session.classes} probabilities")
    return session
