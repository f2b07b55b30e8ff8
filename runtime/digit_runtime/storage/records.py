"""JSON of anybody's making -> dataclasses: the one place where a field is checked.

A record is a frozen dataclass whose annotations say what its JSON must hold. Fields with a
default may be missing; names that the dataclass does not know are passed over, so that an
older version reads what a newer one wrote.
"""

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from digit_runtime.errors import DigitError

T = TypeVar("T")
# No record has more than 8 levels. Python's own writers give up at some 300.
_DEEPEST: Final = 64
_SHOWN: Final = 60
_EXPECTED: Final[Mapping[object, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    NoneType: "null",
    list: "a list",
    tuple: "a list",
}


class RecordError(DigitError, ValueError):
    """A JSON document lacks a field, or holds another type there. Who reads the file names it."""


def parse(content: bytes | str) -> dict[str, Any]:
    """Return the object that a JSON text holds.

    Refused besides what is not JSON: numbers that a float cannot hold, text that is not
    Unicode (half a surrogate pair), and nesting that nobody could print or copy.

    Raises:
        RecordError: It is none of that.
    """
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
        document = json.loads(text, parse_constant=_refused, parse_float=_finite)
        _check(document)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise RecordError("is not a JSON object")
    return document


def check_schema(document: Mapping[str, Any], known: int, remedy: str) -> None:
    """Check the field "schema".

    Args:
        document: What `parse` returned.
        known: The schema that this version reads.
        remedy: What to do about another one.

    Raises:
        RecordError: It is missing, or another one.
    """
    schema = field(document, "schema", int)
    if schema != known:
        raise RecordError(f"has schema {schema}; this version reads schema {known}: {remedy}")


def field(document: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """Return one field of an object, which must be there.

    Raises:
        RecordError: It is missing, or does not fit.
    """
    if name not in document:
        raise RecordError(f"lacks {_quoted(name)}")
    return build(kind, document[name], name)


def build(kind: type[T], value: object, where: str = "") -> T:
    """Return a parsed value as what an annotation promises.

    Args:
        kind: A dataclass; bool, int, float, str, None or Any; or a list, tuple of one type,
            mapping from str, or union of these. A whole number is a float too, never a bool.
        value: As the JSON parser returned it.
        where: How to name it in an error, such as "files[0]".

    Raises:
        RecordError: Something is missing or of another type. What a dataclass's own check
            raises, if it is a `DigitError`, passes unchanged.
    """
    built: T = _built(kind, value, where)
    return built


def _built(kind: Any, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    origin = get_origin(kind) or kind
    if origin is UnionType:
        return _union(get_args(kind), value, where)
    if is_dataclass(origin) and isinstance(value, dict):
        return _dataclass(origin, value, where)
    if origin in (list, tuple) and isinstance(value, list):
        inner = get_args(kind)[0]
        return origin(_built(inner, item, f"{where}[{n}]") for n, item in enumerate(value))
    if isinstance(origin, type) and issubclass(dict, origin) and isinstance(value, dict):
        inner = get_args(kind)[1]
        return {key: _built(inner, item, _inside(where, key)) for key, item in value.items()}
    # Not isinstance: a bool is an int to it, but never to who reads the file.
    if origin is float and type(value) in (int, float) and abs(value) <= sys.float_info.max:
        return float(value)
    if origin is not float and type(value) is origin:
        return value
    raise RecordError(f"has {_shown(value)} as {_quoted(where)}; expected {_named(kind)}")


def _union(kinds: tuple[Any, ...], value: object, where: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    others = [kind for kind in kinds if kind is not NoneType]
    for kind in others[:-1]:
        try:
            return _built(kind, value, where)
        except RecordError:
            continue
    return _built(others[-1], value, where)


def _dataclass(kind: Any, entry: Mapping[str, object], where: str) -> Any:
    given: dict[str, Any] = {}
    for name, (annotation, required) in _annotations(kind).items():
        if name in entry:
            given[name] = _built(annotation, entry[name], _inside(where, name))
        elif required:
            raise RecordError(f"lacks {_quoted(_inside(where, name))}")
    try:
        return kind(**given)
    except ValueError as error:  # Of its own check.
        if isinstance(error, DigitError):
            raise
        raise RecordError(f"has a bad {_quoted(where)}: {error}") from error


@lru_cache
def _annotations(kind: Any) -> dict[str, tuple[Any, bool]]:
    hints = get_type_hints(kind)
    return {
        one.name: (
            hints[one.name],
            one.default is MISSING and one.default_factory is MISSING,
        )
        for one in fields(kind)
        if one.init
    }


def _check(document: object) -> None:
    level, depth = [document], 0
    while level:
        if depth > _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} levels")
        for value in level:
            if isinstance(value, str):
                value.encode()
        inner = [value for value in level if isinstance(value, (dict, list))]
        level = [item for value in inner for item in value]
        level += [item for value in inner if isinstance(value, dict) for item in value.values()]
        depth += 1


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text:.{_SHOWN}} is more than a number can be")
    return number


def _refused(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _quoted(where: str) -> str:
    return repr(where[-_SHOWN:])


def _shown(value: object) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _named(kind: Any) -> str:
    origin = get_origin(kind) or kind
    if origin is UnionType:
        return " or ".join(_named(one) for one in get_args(kind))
    return _EXPECTED.get(origin, "an object")
