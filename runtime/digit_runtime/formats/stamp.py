"""What digit-export writes into a model file about itself, so that it is never lost.

Strings by key. In ONNX they are metadata_props, in TFLite one metadata buffer with JSON.
"""

import json
from pathlib import Path
from typing import Final

from digit_runtime.contract import CONTRACT_VERSION, NAMED_CLASSES
from digit_runtime.errors import ContractError, ModelFileError
from digit_runtime.formats import tflite_file
from digit_runtime.formats.protobuf import Message

PREFIX: Final = "digit."
CONTRACT: Final = f"{PREFIX}contract"
TFLITE_NAME: Final = "digit"
_KNOWN: Final = (str(CONTRACT_VERSION), str(NAMED_CLASSES))


def read(path: Path) -> dict[str, str]:
    """Return what is in the file; empty if digit-export did not make it, or it is damaged."""
    try:
        found = _READERS[path.suffix](path) if path.suffix in _READERS else {}
    except (ModelFileError, OSError, ValueError, RecursionError):
        return {}
    return {key: value for key, value in found.items() if key.startswith(PREFIX)}


def check_contract(path: Path) -> None:
    """Refuse a file that says it keeps a contract that this version does not know.

    Raises:
        ContractError: It does. A file that says nothing passes: its inputs and outputs
            are checked by whoever opens it.
    """
    contract = read(path).get(CONTRACT)
    if contract not in (None, *_KNOWN):
        raise ContractError(
            f"{path}: keeps contract {contract}; this version knows contracts "
            f"{' and '.join(_KNOWN)}: update digit-runtime"
        )


def _of_onnx(path: Path) -> dict[str, str]:
    entries = Message(memoryview(path.read_bytes())).messages(14)
    return {entry.text(1): entry.text(2) for entry in entries}


def _of_tflite(path: Path) -> dict[str, str]:
    content = tflite_file.metadata(path).get(TFLITE_NAME)
    found = json.loads(content.decode()) if content else {}
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


_READERS: Final = {".onnx": _of_onnx, ".tflite": _of_tflite}
