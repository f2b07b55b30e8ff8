"""The containers that a model file can have, as one table.

A new container is one row here, an engine that reads it (`digit_runtime.engines.table`) and
an exporter that writes it (a row of `digit_export.convert.targets`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Final

from digit_runtime.formats.layers import Contents


@dataclass(frozen=True)
class Format:
    """One container. Its name is the suffix of its files."""

    name: str
    layers: str = ""
    """``module:function``, from (bytes, path for messages) to `Contents`; empty if its files
    cannot be read without an engine."""
    stamp: str = ""
    """``module:function``, from bytes to what is stamped on them: strings by key."""
    on_request: bool = False
    """Whether its files are left alone unless they are asked for: what they hold is no data
    but a program, or a copy of another file's numbers."""

    def read_layers(self, content: bytes, path: Path) -> Contents | None:
        """Return what a file holds; None where there is no reader; raises ModelFileError."""
        if not self.layers:
            return None
        read: Callable[[bytes, Path], Contents] = resolve_name(self.layers)
        return read(content, path)

    def read_stamp(self, content: bytes) -> dict[str, str]:
        """Return what is stamped on a file; raises ModelFileError, ValueError."""
        if not self.stamp:
            return {}
        read: Callable[[bytes], dict[str, str]] = resolve_name(self.stamp)
        return read(content)


FORMATS: Final = (
    Format(
        "onnx",
        layers="digit_runtime.formats.onnx_layers:layers_of_onnx",
        stamp="digit_runtime.formats.onnx_file:metadata",
    ),
    Format(
        "tflite",
        layers="digit_runtime.formats.tflite_layers:layers_of_tflite",
        stamp="digit_runtime.formats.tflite_file:stamp",
    ),
    Format("c", on_request=True),
    Format("wasm", stamp="digit_runtime.formats.wasm_file:stamp", on_request=True),
    Format("html", stamp="digit_runtime.formats.wasm_file:stamp_of_page", on_request=True),
)


def format_of(name: str) -> Format:
    """Return the row of that name or suffix; one that nobody knows is a format to leave alone."""
    name = name.removeprefix(".")
    return next((f for f in FORMATS if f.name == name), Format(name, on_request=True))


def format_names() -> list[str]:
    """Return the names of all containers, which are the suffixes of their files."""
    return [format.name for format in FORMATS]
