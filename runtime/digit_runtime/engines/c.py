"""Models as C source, as digit-export writes them for microcontrollers, compiled here.

A source file is a program: only one that was asked for by name is ever compiled and run.
"""

import ctypes
import importlib.util
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
    r"^#if DIGIT_CLASSES != (\d+) \|\| DIGIT_BUFFER_BYTES != (\d+)\n.*"
    rf"^void digit_predict_in\(const uint8_t pixels\[{PIXELS}\], float probabilities\[\1\], "
    r"void \*buffer\)$",
    re.M | re.S,
)
_LARGEST_BUFFER: Final = 1 << 30


class CompiledSession:
    """The one function of a source file, with a buffer for each thread."""

    def __init__(self, library: Any, classes: int, buffer: int, threads: int) -> None:
        self.classes = classes
        self._predict = library.digit_predict_in
        self._predict.restype = None
        self._predict.argtypes = [ctypes.c_void_p] * 3
        self._buffers = [np.empty(buffer, np.int8) for _ in range(threads)]
        self._threads = ThreadPoolExecutor(threads)
        self._lock = threading.Lock()

    def run(self, pixels: Pixels) -> Probabilities:
        """See `digit_runtime.engines.table.Session`."""
        probabilities = np.empty((len(pixels), self.classes), np.float32)
        count = len(self._buffers)

        def predict(part: int) -> None:
            taken, made = pixels.ctypes.data, probabilities.ctypes.data
            width, buffer = probabilities.strides[0], self._buffers[part].ctypes.data
            for row in range(part, len(pixels), count):
                self._predict(taken + row * PIXELS, made + row * width, buffer)

        with self._lock:
            list(self._threads.map(predict, range(count)))
        return probabilities


def open(content: bytes, path: Path, threads: int) -> Session:
    """Compile the file and load the result."""
    compiler = engine_for("c").installed_package() or ""
    try:
        source = content.decode()
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{path}: cannot be read: {error}") from error
    found = _SIGNATURE.search(source)
    classes, buffer = (int(found[1]), int(found[2])) if found else (0, 0)
    if classes not in CLASSES or buffer > _LARGEST_BUFFER:
        raise ContractError(f"{path}: has no digit_predict_in; export it with digit-export")
    folder = Path(tempfile.mkdtemp(prefix="digit-c-"))
    try:
        header = f"#define DIGIT_CLASSES {classes}\n#define DIGIT_BUFFER_BYTES {buffer}\n"
        # The header lies beside the source when it is published, and is not needed here.
        (folder / "digit_predict.h").write_text(f"#include <stdint.h>\n{header}")
        (folder / "model.c").write_text(source, "utf-8")
        library = ctypes.CDLL(str(_compiled(compiler, folder, path)))
        session = CompiledSession(library, classes, buffer, max(1, threads))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    # Windows keeps a loaded library's file in use until the process ends.
    weakref.finalize(session, shutil.rmtree, folder, ignore_errors=True)
    return session


def command(compiler: str) -> list[str]:
    """Return what runs that compiler: a program, or Zig's, which is a Python package."""
    if shutil.which(compiler) or importlib.util.find_spec(compiler) is None:
        return [compiler]
    return [sys.executable, "-m", compiler, "cc"]


def _compiled(compiler: str, folder: Path, path: Path) -> Path:
    library = folder / ("model.dll" if sys.platform == "win32" else "model.so")
    options = ["-std=c99", "-O3", "-shared", "-fPIC", "-o", str(library), "model.c"]
    # Not every compiler knows the machine that it runs on.
    for tuning in (["-march=native"], []):
        done = subprocess.run(
            [*command(compiler), *options, *tuning],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if not done.returncode:
            return library
    reason = (done.stderr.strip() or "no reason given").splitlines()[0][:200]
    raise ModelFileError(f"{path}: cannot be compiled: {reason}")
