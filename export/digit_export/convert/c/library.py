"""The folder of a C source as a library: for the Arduino IDE, PlatformIO, ESP-IDF and CMake.

Arduino's flat layout, which the others take as well, so that the source stays where it is:
https://arduino.github.io/arduino-cli/latest/library-specification/,
https://docs.platformio.org/en/latest/manifests/library-json/,
https://docs.espressif.com/projects/esp-idf/en/stable/esp32/api-guides/build-system.html.
"""

import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Final

from digit_export.convert.c.costs import Cost, costs

_CONSTANTS: Final = re.compile(r"([\d,]+) bytes of constants,\s+\*?\s*([\d,]+) bytes of buffer")
_MACS: Final = re.compile(r"([\d,]+) multiplications for an image")
_FILLED: Final = ("library.properties", "CMakeLists.txt", "README.md")
_COPIED: Final = (
    "keywords.txt",
    "examples/DrawnDigit/DrawnDigit.ino",
    "examples/CameraDigit/CameraDigit.ino",
)
_LONGEST: Final = 63


def library(
    model: str, source: bytes, others: Mapping[str, bytes], classes: int
) -> dict[str, bytes]:
    """Return what makes a library of a source, by path in its folder.

    Args:
        model: Its name.
        source: The file that `c.int8` writes.
        others: The C files and headers that lie beside it.
        classes: How many probabilities it gives.
    """
    name = f"digit_{re.sub(r'[^A-Za-z0-9_]', '_', model)}"[:_LONGEST]
    file = f"{model}-int8.c"
    head = source[:4096].decode(errors="replace")
    constants, macs = _CONSTANTS.search(head), _MACS.search(head)
    assert constants
    assert macs
    programs = [file, *(other for other in others if other.endswith(".c"))]
    words = {
        "library": name,
        "model": model,
        "source": file,
        "sources": " ".join(f'"{program}"' for program in programs),
        "classes": str(classes),
        "macs": macs[1],
        "flash": f"{constants[1]} bytes",
        "ram": f"{constants[2]} bytes",
        "costs": _table(costs({file: source, **others})),
    }
    return {
        **{path: Template(_text(path)).substitute(words).encode() for path in _FILLED},
        **{path: _text(path).encode() for path in _COPIED},
        "library.json": _platformio(name, model, programs),
    }


def _platformio(name: str, model: str, programs: Sequence[str]) -> bytes:
    described = {
        "name": name,
        "version": "1.0.0",
        "description": f"Reads handwritten digits with the network {model}",
        "keywords": ["digits", "mnist", "neural network", "camera"],
        "frameworks": "*",
        "platforms": "*",
        "headers": ["digit_predict.h", "digit_from_grey.h"],
        "build": {
            "srcDir": ".",
            "includeDir": ".",
            "srcFilter": ["-<*>", *(f"+<{program}>" for program in programs)],
        },
        "examples": [
            {"name": name, "base": f"examples/{name}", "files": [f"{name}.ino"]}
            for name in ("DrawnDigit", "CameraDigit")
        ],
    }
    return (json.dumps(described, indent=2) + "\n").encode()


def _table(found: Sequence[Cost]) -> str:
    if not found:
        return ""
    rows = [f"| {cost.core.name} | {cost.flash:,} | {cost.ram:,} |" for cost in found]
    compilers = ", ".join(dict.fromkeys(cost.compiler for cost in found))
    return "\n".join(
        (
            f"Bytes by the compiler's own figures ({compilers}, -O2), all C files:",
            "",
            "| core | flash | RAM |",
            "| --- | ---: | ---: |",
            *rows,
            "\n",
        )
    )


def _text(path: str) -> str:
    return (
        files("digit_export.convert.c")
        .joinpath("library_files", *path.split("/"))
        .read_text("utf-8")
    )
