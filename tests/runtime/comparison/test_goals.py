from collections.abc import Callable

import pytest
from digit_runtime.comparison.goals import GoalSyntaxError, best, parse
from digit_runtime.comparison.results import Row
from hypothesis import given
from hypothesis import strategies as st

Make = Callable[..., Row]


def test_conditions_are_read_with_their_units() -> None:
    goal = "latency<2ms, accuracy >= 99.5%,size<1.5MB,load<=.5s,memory>2MiB,throughput>100"
    assert [(c.metric, c.operator, c.limit) for c in parse(goal)] == [
        ("latency", "<", 2),
        ("accuracy", ">=", pytest.approx(0.995)),
        ("size", "<", 1.5e6),
        ("load", "<=", 500),
        ("memory", ">", 2 * 2**20),
        ("throughput", ">", 100),
    ]
    assert parse("accuracy>=99.5") == [*parse("accuracy>=99.5")]
    assert parse("latency<20us")[0].limit == pytest.approx(0.02)


@pytest.mark.parametrize(
    "goal", ["", "latency", "latency<", "speed<2ms", "latency<2MB", "latency<2ms;size<1", "size=1"]
)
def test_other_goals_are_refused(goal: str) -> None:
    with pytest.raises(GoalSyntaxError):
        parse(goal)


@given(st.text() | st.from_regex(r"[a-z0-9]*(<|>)=?[0-9.]*[a-zA-Z%]*", fullmatch=True))
def test_no_text_is_worse_than_refused(goal: str) -> None:
    try:
        assert parse(goal)
    except GoalSyntaxError as error:
        assert "\n" not in str(error)


def test_the_fastest_that_fits_is_chosen(row: Make) -> None:
    rows = [row(0.1, accuracy=0.97), row(1), row(3, bytes=10)]
    verdict = best(rows, parse("accuracy>=98"))
    assert verdict.row is rows[1]
    assert "accuracy>=98: 2 of 3" in verdict.explanation
    assert "cnn onnx int8 on onnxruntime is the fastest of them" in verdict.explanation


def test_a_tie_goes_to_the_smaller_file_then_to_the_more_accurate(row: Make) -> None:
    small = row(1.001, bytes=500, precision="dynamic")
    verdict = best([row(1), small, row(2, bytes=5)], parse("latency<3"))
    assert verdict.row is small
    assert "is the smallest file of 2 that tie as the fastest" in str(verdict)
    better = row(1.001, accuracy=0.995)
    assert best([row(1), better], parse("latency<3")).row is better


def test_where_nothing_fits_the_nearest_is_named(row: Make) -> None:
    verdict = best([row(5), row(3, engine="litert")], parse("latency<2ms,accuracy>50"))
    assert verdict.row is None
    assert verdict.explanation[0] == (
        "latency<2ms: 0 of 2; the nearest is cnn onnx int8 on litert, 3.000 ms"
    )


def test_an_interval_that_reaches_the_limit_cannot_decide(row: Make) -> None:
    verdict = best([row(1), row(2, accuracy_high=0.991)], parse("accuracy>=99.2"))
    assert (verdict.row, verdict.undecided) == (None, 1)
    assert str(verdict).startswith("Whether anything fits the goal cannot be told")
    assert "1 may: their 95 % intervals reach the limit" in str(verdict)
    surely_not = best([row(1)], parse("accuracy>=99.6"))
    assert (surely_not.undecided, surely_not.certain) == (0, True)
    assert str(surely_not).startswith("Nothing fits the goal.")
    assert best([row(1)], parse("accuracy>=99.2,size<1kB")).undecided == 0


def test_what_fits_for_certain_comes_before_what_is_faster(row: Make) -> None:
    sure = row(2, accuracy_low=0.985)
    verdict = best([row(1), sure], parse("accuracy>=98.5"))
    assert verdict.row is sure and verdict.certain
    assert "2 of 2 keep to all of it, 1 of them for certain" in verdict.explanation
    assert not best([row(1)], parse("accuracy>=98.5")).certain


def test_what_was_not_measured_does_not_fit(row: Make) -> None:
    assert best([row(accuracy=None)], parse("accuracy>1")).row is None


def test_a_limit_inside_the_interval_is_doubted(row: Make) -> None:
    assert "is not certain: the 95 % interval is from 98.00% to 99.50%" in str(
        best([row(1)], parse("accuracy>=98.5"))
    )
    assert "certain" not in str(best([row(1)], parse("latency<2,size<2MB")))
