"""What digit-export writes into a model file about itself, so that it is never lost.

Strings by key. In ONNX they are metadata_props, in TFLite one metadata buffer with JSON.
"""

from pathlib import Path
from typing import Final

from digit_runtime.contract import CONTRACT_VERSION, NAMED_CLASSES
from digit_runtime.errors import ContractError, ModelFileError
from digit_runtime.formats.table import format_of

PREFIX: Final = "digit."
CONTRACT: Final = f"{PREFIX}contract"
_KNOWN: Final = (str(CONTRACT_VERSION), str(NAMED_CLASSES))


def read(format: str, content: bytes) -> dict[str, str]:
    """Return what is in the bytes; empty if digit-export did not make them, or they are damaged."""
    try:
        found = format_of(format).read_stamp(content)
    except (ModelFileError, ValueError, RecursionError):
        return {}
    return {key: value for key, value in found.items() if key.startswith(PREFIX)}


def check_contract(format: str, content: bytes, path: Path) -> None:
    """Refuse a file that says it keeps a contract that this version does not know.

    Raises:
        ContractError: It does. A file that says nothing passes: its inputs and outputs
            are checked by whoever opens it.
    """
    contract = read(format, content).get(CONTRACT)
    if contract not in (None, *_KNOWN):
        raise ContractError(
            f"{path}: keeps contract {contract}; this version knows contracts "
            f"{' and '.join(_KNOWN)}: update digit-runtime"
        )
