import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pytest
from digit_runtime.storage.records import RecordError, build, check_schema, parse
from hypothesis import given
from hypothesis import strategies as st


@dataclass(frozen=True)
class Inner:
    number: float
    name: str = ""


@dataclass(frozen=True)
class Outer:
    count: int
    sure: bool
    inner: Inner
    pairs: tuple[Inner, ...]
    names: list[str]
    limits: Mapping[str, float] = field(default_factory=dict)
    deep: dict[str, dict[str, Inner]] = field(default_factory=dict)
    size: int | None = None
    other: int | str | None = None
    anything: Any = None

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("less than none")


GOOD: dict[str, Any] = {
    "count": 3,
    "sure": True,
    "inner": {"number": 1.5, "name": "x"},
    "pairs": [{"number": 2}, {"number": 3.0}],
    "names": ["a", "b"],
    "limits": {"least": 1},
    "deep": {"a": {"b": {"number": 0}}},
    "size": None,
    "other": "y",
    "anything": [1, {"z": None}],
}


def test_an_object_becomes_the_dataclass() -> None:
    built = build(Outer, parse(json.dumps(GOOD)))
    assert built == Outer(
        3,
        True,
        Inner(1.5, "x"),
        (Inner(2.0), Inner(3.0)),
        ["a", "b"],
        {"least": 1.0},
        {"a": {"b": Inner(0.0)}},
        None,
        "y",
        [1, {"z": None}],
    )
    assert isinstance(built.pairs[0].number, float)


def test_what_has_a_default_may_be_missing_and_what_is_unknown_is_passed_over() -> None:
    needed = {key: GOOD[key] for key in ("count", "sure", "inner", "pairs", "names")}
    assert build(Outer, needed | {"a newer field": 1}).limits == {}


@pytest.mark.parametrize("key", ["count", "sure", "inner", "pairs", "names"])
def test_what_has_no_default_must_be_there(key: str) -> None:
    with pytest.raises(RecordError, match=f"^lacks '{key}'$"):
        build(Outer, {name: value for name, value in GOOD.items() if name != key})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": True}, "has true as 'count'; expected a whole number"),
        ({"count": 1.0}, "has 1.0 as 'count'; expected a whole number"),
        ({"count": None}, "has null as 'count'; expected a whole number"),
        ({"sure": 1}, "has 1 as 'sure'; expected true or false"),
        ({"inner": []}, "has a list as 'inner'; expected an object"),
        ({"inner": {"number": False}}, "has false as 'inner.number'; expected a number"),
        ({"inner": {"number": math.nan}}, "has NaN as 'inner.number'; expected a number"),
        ({"inner": {"number": 10**400}}, r"has 10{59}\.\.\. as 'inner.number'"),
        ({"inner": {}}, "lacks 'inner.number'"),
        ({"pairs": [{"number": 1}, 2]}, r"has 2 as 'pairs\[1\]'; expected an object"),
        ({"pairs": {"number": 1}}, "has an object as 'pairs'; expected a list"),
        ({"names": ["a", None]}, r"has null as 'names\[1\]'; expected text"),
        ({"limits": {"x\n": "1"}}, r"has \"1\" as 'limits.x\\n'; expected a number"),
        ({"deep": {"a": {"b": 1}}}, "has 1 as 'deep.a.b'; expected an object"),
        ({"size": "1"}, "has \"1\" as 'size'; expected a whole number"),
        ({"other": 1.5}, "has 1.5 as 'other'; expected"),
        ({"count": -1}, "less than none"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordError, match=message) as caught:
        build(Outer, GOOD | changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        b"\xff",
        b"\x00",
        "[" * 100_000,
        '{"a": ' * 65 + "1" + "}" * 65,
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": ' + "9" * 5000 + "}",
        r'{"a": "\ud800"}',
        r'{"\udfff": 1}',
        '{"a": 1} {',
    ],
)
def test_what_cannot_be_kept_or_printed_is_not_json(content: bytes | str) -> None:
    with pytest.raises(RecordError, match=r"^is not valid JSON: ") as caught:
        parse(content)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["[]", "1", "null", '"a"'])
def test_only_an_object_is_a_document(content: str) -> None:
    with pytest.raises(RecordError, match=r"^is not a JSON object$"):
        parse(content)


def test_an_editors_byte_order_mark_does_no_harm() -> None:
    assert parse(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("document", "message"),
    [({}, "lacks 'schema'"), ({"schema": True}, "true as 'schema'"), ({"schema": 2}, "schema 2;")],
)
def test_another_schema_is_refused(document: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        check_schema(document, 1, "do something")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.binary() | JSON.map(json.dumps))
def test_any_bytes_are_a_document_or_refused(content: bytes | str) -> None:
    try:
        document = parse(content)
    except RecordError as error:
        assert str(error).isprintable()
    else:
        assert parse(json.dumps(document, indent=2, allow_nan=False)) == document


@given(st.sampled_from(sorted(GOOD)), JSON)
def test_any_value_fits_or_is_refused(key: str, value: object) -> None:
    try:
        built = build(Outer, GOOD | {key: value})
    except RecordError as error:
        assert str(error).isprintable()
    else:
        # What was built is what it says it is: it can be built again from itself.
        again = json.loads(json.dumps(asdict(built)))
        if key != "anything":
            assert build(Outer, again) == built


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60))
def test_numbers_are_kept(number: float) -> None:
    assert build(Inner, {"number": number}).number == float(number)
