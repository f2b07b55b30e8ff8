"""Write into an exported file what it is, so that it can tell when it is away from here."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import flatbuffers
import numpy as np
import onnx
from digit_runtime.contract import CONTRACT_VERSION, DIGITS, NAMED_CLASSES
from digit_runtime.formats import wasm_file
from digit_runtime.formats.stamp import PREFIX
from digit_runtime.formats.tflite_file import IDENTIFIER, STAMP

from digit_export.quiet import quiet

with quiet():
    from tensorflow.lite.python import schema_py_generated as schema

# TFLite's own converter aligns weights so, and engines map them from the file as they are.
_ALIGNMENT: Final = 16
_LICENSE: Final = "MIT; trained on MNIST by Yann LeCun and Corinna Cortes, CC BY-SA 3.0"


def entries(
    name: str,
    sha256: str,
    labels: tuple[str, ...],
    data: Mapping[str, str],
    calibration: str,
    tools: Mapping[str, str],
    trained_here: bool,
) -> dict[str, str]:
    """Return what to write.

    Args:
        name: The model's.
        sha256: Of the Keras file.
        labels: The names of its classes.
        data: SHA-256 of the CSV files, by name.
        calibration: SHA-256 of the calibration rows.
        tools: Versions by package.
        trained_here: Whether digit-train made it, so that its licence is known.
    """
    facts = {
        "contract": str(CONTRACT_VERSION if labels == DIGITS else NAMED_CLASSES),
        "model": name,
        "keras_sha256": sha256,
        "labels": json.dumps(labels, ensure_ascii=False),
        "calibration_sha256": calibration,
        "data_sha256": ", ".join(f"{key} {value}" for key, value in data.items()),
        "tools": ", ".join(f"{tool} {version}" for tool, version in tools.items()),
    }
    if trained_here:
        facts["license"] = _LICENSE
    return {f"{PREFIX}{key}": value for key, value in facts.items()}


def attach(format: str, content: bytes, facts: Mapping[str, str]) -> bytes:
    """Return the file with `facts` in it; formats that have no place for them as they are."""
    writer = _WRITERS.get(format)
    return writer(content, facts) if writer else content


def _to_onnx(content: bytes, facts: Mapping[str, str]) -> bytes:
    model = onnx.load_from_string(content)
    for key, value in facts.items():
        model.metadata_props.add(key=key, value=value)
    written: bytes = model.SerializeToString(deterministic=True)
    return written


def _to_tflite(content: bytes, facts: Mapping[str, str]) -> bytes:
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))
    buffer = schema.BufferT()
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True)
    buffer.data = np.frombuffer(text.encode(), np.uint8)
    entry = schema.MetadataT()
    entry.name, entry.buffer = STAMP, len(model.buffers)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or []), entry]
    builder = _Builder(len(content) + 4096)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


class _Builder(flatbuffers.Builder):  # type: ignore[misc]
    """Aligns byte vectors, as the schema demands; the Python library does not see to it."""

    def StartVector(self, size: int, count: int, alignment: int) -> Any:
        return super().StartVector(size, count, _ALIGNMENT if size == 1 else alignment)


def _to_wasm(content: bytes, facts: Mapping[str, str]) -> bytes:
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True)
    return wasm_file.with_section(content, wasm_file.SECTION, text.encode())


def _to_html(content: bytes, facts: Mapping[str, str]) -> bytes:
    return wasm_file.with_model(content, _to_wasm(wasm_file.model_of(content), facts))


_WRITERS: Final[Mapping[str, Callable[[bytes, Mapping[str, str]], bytes]]] = {
    "onnx": _to_onnx,
    "tflite": _to_tflite,
    "wasm": _to_wasm,
    "html": _to_html,
}
