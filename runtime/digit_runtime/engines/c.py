"""Models as C source, as digit-export writes them for microcontrollers, compiled here.

A source file is a program: only one that was asked for by name is ever compiled and run.
"""

import ctypes
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from digit_runtime.contract import CLASSES, PIXELS, Pixels, Probabilities
from digit_runtime.engines.table import Session, engine_for
from digit_runtime.errors import ContractError, ModelFileError

_SIGNATURE: Final = re.compile(
    rf"^void digit_predict\(const uint8_t pixels\[{PIXELS}\], float probabilities\[(\d+)\]\)$", re.M
)


class CompiledSession:
    """The one function of a source file, a copy of it for each thread: its buffers are static."""

    def __init__(self, libraries: list[Any], classes: int) -> None:
        self.classes = classes
        self._functions = [library.digit_predict for library in libraries]
        for function in self._functions:
            function.restype = None
            function.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        self._threads = ThreadPoolExecutor(len(libraries))
        self._lock = threading.Lock()

    def run(self, pixels: Pixels) -> Probabilities:
        """See `digit_runtime.engines.table.Session`."""
        probabilities = np.empty((len(pixels), self.classes), np.float32)
        count = len(self._functions)

        def predict(part: int) -> None:
            taken, made = pixels.ctypes.data, probabilities.ctypes.data
            width = probabilities.strides[0]
            for row in range(part, len(pixels), count):
                self._functions[part](taken + row * PIXELS, made + row * width)

        with self._lock:
            list(self._threads.map(predict, range(count)))
        return probabilities


def open(content: bytes, path: Path, threads: int) -> Session:
    """Compile the file and load the result once for each thread."""
    compiler = engine_for("c").installed_package() or ""
    try:
        source = content.decode()
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{path}: cannot be read: {error}") from error
    found = _SIGNATURE.search(source)
    classes = int(found[1]) if found else 0
    if classes not in CLASSES:
        raise ContractError(f"{path}: has no digit_predict; export it with digit-export")
    folder = Path(tempfile.mkdtemp(prefix="digit-c-"))
    try:
        library = _compiled(compiler, source, folder, path)
        session = CompiledSession(_copies(library, max(1, threads)), classes)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    # Windows keeps a loaded library's file in use until the process ends.
    weakref.finalize(session, shutil.rmtree, folder, ignore_errors=True)
    return session


def _compiled(compiler: str, source: str, folder: Path, path: Path) -> Path:
    library = folder / ("model.dll" if sys.platform == "win32" else "model.so")
    # The header lies beside the source when it is published, and is not needed here.
    (folder / "digit_predict.h").write_text("#include <stdint.h>\n")
    (folder / "model.c").write_text(source)
    command = [
        compiler,
        "-std=c99",
        "-O3",
        "-shared",
        "-fPIC",
        "-o",
        str(library),
        "model.c",
        "-lm",
    ]
    # Not every compiler knows the machine that it runs on.
    for tuning in (["-march=native"], []):
        done = subprocess.run([*command, *tuning], cwd=folder, capture_output=True, text=True)
        if not done.returncode:
            return library
    reason = (done.stderr.strip() or "no reason given").splitlines()[0][:200]
    raise ModelFileError(f"{path}: cannot be compiled: {reason}")


def _copies(library: Path, count: int) -> list[Any]:
    """Load copies of a library under names of their own, each with its own memory."""
    paths = [library.with_stem(f"{library.stem}{number}") for number in range(count)]
    return [ctypes.CDLL(str(shutil.copyfile(library, path))) for path in paths]
