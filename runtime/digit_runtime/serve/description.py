"""The description of the API: openapi.json, with the names that the tables have."""

import json
from importlib.resources import files
from typing import Any

from digit_runtime.engines.table import ENGINES
from digit_runtime.formats.precisions import NAMES as PRECISIONS
from digit_runtime.formats.table import format_names


def description() -> dict[str, Any]:
    """Return the OpenAPI document, for JSON."""
    text = files("digit_runtime.serve").joinpath("openapi.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    parameters = document["components"]["parameters"]
    for name, values in (
        ("format", format_names()),
        ("precision", PRECISIONS),
        ("engine", [engine.name for engine in ENGINES]),
    ):
        parameters[name]["schema"]["enum"] = list(values)
    return document
