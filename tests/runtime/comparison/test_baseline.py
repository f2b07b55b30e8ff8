from collections.abc import Callable

import pytest
from digit_runtime import ResultsError
from digit_runtime.comparison.baseline import check
from digit_runtime.comparison.results import Comparison, Row

Make = Callable[..., Row]
Compare = Callable[..., Comparison]


def verdicts(old: Comparison, new: Comparison, limit: float = 0.1) -> dict[str, str]:
    return {change.figure: change.verdict for change in check(old, new, limit).changes}


def test_the_same_is_fine(row: Make, comparison: Compare) -> None:
    report = check(comparison(row(1)), comparison(row(1)), 0.1)
    assert report.worse == 0
    assert str(report) == "4 of 4 figures are as before."


def test_what_grew_beyond_the_limit_is_worse(row: Make, comparison: Compare) -> None:
    old, new = comparison(row(1)), comparison(row(1.2, bytes=1_050_000, peak_bytes=60_000_000))
    assert verdicts(old, new) == {
        "p50 ms": "worse",
        "size kB": "ok",
        "memory MB": "worse",
        "errors %": "ok",
    }
    assert verdicts(old, new, 0.3)["p50 ms"] == "ok"
    assert verdicts(new, old)["p50 ms"] == "better"
    assert "cnn onnx int8 on onnxruntime  p50 ms       1  1.2  +20.0%    worse" in str(
        check(old, new, 0.1)
    )


def test_overlapping_intervals_decide_nothing(row: Make, comparison: Compare) -> None:
    wide = row(1.2, p50_low_ms=0.8, p50_high_ms=1.6)
    report = check(comparison(row(1)), comparison(wide), 0.1)
    assert report.changes[0].verdict == "undecided"
    assert report.worse == 0


def test_errors_count_only_on_the_same_digits(row: Make, comparison: Compare) -> None:
    bad = row(accuracy=0.9, accuracy_low=0.88, accuracy_high=0.92)
    assert verdicts(comparison(row()), comparison(bad))["errors %"] == "worse"
    assert "errors %" not in verdicts(comparison(row()), comparison(bad, digits="other"))


def test_rows_of_one_side_only_are_named(row: Make, comparison: Compare) -> None:
    old = comparison(row(), row(engine="openvino"), cpu="Another")
    report = check(old, comparison(row(), row(precision="float32")), 0.1)
    assert report.notes == [
        "Not in the baseline: cnn onnx float32 on onnxruntime.",
        "Not measured now: cnn onnx int8 on openvino.",
        "The baseline is of another processor: Another.",
    ]
    with pytest.raises(ResultsError, match="none of the rows"):
        check(old, comparison(row(model="mlp")), 0.1)
