"""WebAssembly: the C source of the int8 network, compiled by Zig, and a JavaScript module."""

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from digit_runtime.contract import Pixels
from digit_runtime.errors import PackageNotInstalledError

from digit_export.convert import c
from digit_export.errors import ConversionError
from digit_export.keras_model.network import Network

_OPTIONS: Final = (
    *("-target", "wasm32-freestanding", "-O3", "-msimd128", "-mbulk-memory", "-std=c99", "-s"),
    *("-ffreestanding", "-nostdlib", "-Wl,--no-entry", "-Wl,--export=__heap_base"),
    *("-Wl,-z,stack-size=16384", "-Wl,--export-memory"),
)


def int8(network: Network, calibration: Pixels) -> bytes:
    """Return the module, of the same integers as `tflite.int8`; it imports nothing.

    Raises:
        PackageNotInstalledError: Zig's compiler is missing.
        ConversionError: See `c.int8`.
    """
    if importlib.util.find_spec("ziglang") is None:
        raise PackageNotInstalledError(
            'WebAssembly needs a compiler: pip install "digit-toolkit[wasm]" '
            "(or pip install ziglang)"
        )
    source = c.int8(network, calibration)
    with tempfile.TemporaryDirectory(prefix="digit-export-") as name:
        folder = Path(name)
        (folder / "model.c").write_bytes(source)
        others = c.sources(source)
        for file, content in others.items():
            (folder / file).write_bytes(_as_small(content) if file.endswith(".c") else content)
        (folder / "exports.c").write_text(_text("exports.c"), "utf-8")
        sources = ("model.c", "exports.c", *(name for name in others if name.endswith(".c")))
        command = [sys.executable, "-m", "ziglang", "cc", *_OPTIONS, *sources, "-o", "model.wasm"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
        if done.returncode:
            reason = (done.stderr.strip() or "no reason given").splitlines()[0][:200]
            raise ConversionError(f"Zig cannot compile it: {reason}")
        return (folder / "model.wasm").read_bytes()


def _as_small(source: bytes) -> bytes:
    """Return C code that is compiled to few bytes: a picture is looked at once, not in a loop."""
    begin = b"#pragma clang attribute push(__attribute__((minsize)), apply_to = function)\n"
    return begin + source + b"\n#pragma clang attribute pop\n"


def beside(content: bytes, model: str, classes: int) -> Mapping[str, bytes]:
    """Return the files beside the module: JavaScript, its types, and package.json."""
    file = f"{model}-int8.wasm"
    main = {"types": "./digit.d.ts", "default": "./digit.js"}
    package = {
        "name": f"digit-{model.lower()}",
        "version": "1.0.0",
        "description": "Reads handwritten digits; made by digit-export",
        "type": "module",
        "main": "./digit.js",
        "types": "./digit.d.ts",
        "exports": {".": main, f"./{file}": f"./{file}"},
        "files": ["digit.js", "digit.d.ts", file],
        "sideEffects": False,
    }
    return {
        "digit.js": module(file).encode(),
        "digit.d.ts": _text("digit.d.ts").encode(),
        "package.json": (json.dumps(package, indent=2) + "\n").encode(),
    }


def module(file: str) -> str:
    """Return the JavaScript module that loads `file` unless it is told otherwise."""
    return Template(_text("digit.js")).substitute(file=file)


def _text(name: str) -> str:
    return files("digit_export.convert.wasm").joinpath(name).read_text("utf-8")
