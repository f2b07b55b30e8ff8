"""What one run has found out and later runs need not, in the user's cache folder.

Losing it costs time and nothing else: a damaged file counts as none, and a folder that
cannot be written is no failure. One small JSON file for each question, for people to read.
"""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from digit_runtime.storage.atomic import writing

SCHEMA: Final = 2
_ENVIRONMENT: Final = "DIGIT_CACHE"


def folder() -> Path | None:
    """Return the folder, which need not exist; None for a user without a home.

    That is the environment variable DIGIT_CACHE, else ``digit-runtime`` where the
    operating system keeps such files: XDG_CACHE_HOME or ``~/.cache``, on macOS
    ``~/Library/Caches``, on Windows LOCALAPPDATA.
    """
    if given := os.environ.get(_ENVIRONMENT):
        return Path(given)
    variable, usual = {
        "darwin": ("", "Library/Caches"),
        "win32": ("LOCALAPPDATA", "AppData/Local"),
    }.get(sys.platform, ("XDG_CACHE_HOME", ".cache"))
    place = Path(os.environ.get(variable, ""))
    if not place.is_absolute():  # As the XDG specification says.
        try:
            place = Path.home() / usual
        except RuntimeError:
            return None
    return place / "digit-runtime"


def obstacle() -> str | None:
    """Return why `store` would be in vain, if it would; makes the folder."""
    place = folder()
    if place is None:
        return "this user has no home for a cache"
    try:
        place.mkdir(parents=True, exist_ok=True)
        writable = os.access(place, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    return None if writable else f"the cache folder {place} cannot be written"


def recall(question: Mapping[str, Any]) -> Any:
    """Return the answer to that very question; None if it is not there or damaged."""
    try:
        document = json.loads(_path(question).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    same = document.get("schema") == SCHEMA and document.get("question") == question
    return document.get("answer") if same else None


def store(question: Mapping[str, Any], answer: object) -> None:
    """Keep the answer to a question, both of what JSON can express, if that is possible."""
    document = {"schema": SCHEMA, "question": question, "answer": answer}
    try:
        with writing(_path(question)) as stream:
            stream.write((json.dumps(document, indent=2) + "\n").encode())
    except OSError:
        pass


def _path(question: Mapping[str, Any]) -> Path:
    place = folder()
    if place is None:
        raise FileNotFoundError("this user has no home")
    digest = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()
    return place / f"engines-{digest[:16]}.json"
