"""Sections of a WebAssembly module, and the page that carries such a module inside.

See https://webassembly.github.io/spec/core/binary/modules.html. A page is HTML with the
module in base64 in its ``<script id="model">``.
"""

import base64
import json
import re
from collections.abc import Iterator
from typing import Final

from digit_runtime.errors import ModelFileError

SECTION: Final = "digit"
"""The custom section that holds what digit-export says of the file, as JSON."""
_MAGIC: Final = b"\0asm\1\0\0\0"
_MODEL: Final = re.compile(
    rb'(<script id="model" type="application/octet-stream">)([A-Za-z0-9+/=\s]*)(</script>)'
)


def stamp(content: bytes) -> dict[str, str]:
    """Return what is stamped on a module.

    Raises:
        ModelFileError: It is none, or damaged.
        ValueError: The stamp is damaged.
    """
    text = dict(_custom_sections(content)).get(SECTION)
    found = json.loads(text) if text else {}
    return {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}


def stamp_of_page(content: bytes) -> dict[str, str]:
    """Return what is stamped on the module inside a page; raises as `stamp` does."""
    return stamp(model_of(content))


def model_of(page: bytes) -> bytes:
    """Return the module inside a page.

    Raises:
        ModelFileError: There is none.
    """
    found = _MODEL.search(page)
    if not found:
        raise ModelFileError("has no model inside; export it with digit-export --format html")
    try:
        return base64.b64decode(found[2])
    except ValueError as error:
        raise ModelFileError(f"the model inside is damaged: {error}") from error


def with_model(page: bytes, module: bytes) -> bytes:
    """Return the page with `module` in the place of its model."""
    text = base64.b64encode(module)
    return _MODEL.sub(lambda match: match[1] + text + match[3], page, count=1)


def with_section(module: bytes, name: str, content: bytes) -> bytes:
    """Return the module with a custom section at its end."""
    named = _leb128(len(name.encode())) + name.encode() + content
    return module + b"\0" + _leb128(len(named)) + named


def _custom_sections(content: bytes) -> Iterator[tuple[str, bytes]]:
    if content[: len(_MAGIC)] != _MAGIC:
        raise ModelFileError("not a WebAssembly module")
    at = len(_MAGIC)
    while at < len(content):
        kind = content[at]
        size, start = _read_leb128(content, at + 1)
        at = start + size
        if at > len(content):
            raise ModelFileError("damaged: a section is longer than the file")
        if kind == 0:
            length, first = _read_leb128(content, start)
            if first + length > at:
                raise ModelFileError("damaged: a name is longer than its section")
            name = content[first : first + length].decode("utf-8", "replace")
            yield name, content[first + length : at]


def _read_leb128(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 35, 7):
        if at >= len(content):
            break
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ModelFileError("damaged: a number does not end")


def _leb128(value: int) -> bytes:
    found = bytearray()
    while True:
        found.append(value & 127 | (128 if value > 127 else 0))
        value >>= 7
        if not value:
            return bytes(found)
