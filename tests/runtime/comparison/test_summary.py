"""The statistics on made-up samples whose answers are known."""

from pathlib import Path

import numpy as np
import pytest
from digit_runtime.comparison.candidates import Candidate
from digit_runtime.comparison.measured import Round, Samples
from digit_runtime.comparison.plot import pareto
from digit_runtime.comparison.summary import ranked, summarise
from digit_runtime.measuring.statistics import median_interval, overlap, ranks, share_interval


def test_the_interval_of_nine_values_is_from_the_second_to_the_eighth() -> None:
    # Of nine resampled values five or more are at most the k-th with binomial probability:
    # 0.1 % for the first, 3.1 % for the second, so 2.5 % is reached at the second.
    assert median_interval(range(1, 10)) == (2, 8)
    assert median_interval([9, 1, 8, 2, 7, 3, 6, 4, 5]) == (2, 8)


def test_equal_values_leave_no_doubt_and_few_values_leave_their_whole_range() -> None:
    assert median_interval([0.3] * 9) == (0.3, 0.3)
    assert median_interval([5.0]) == (5, 5)
    assert median_interval([1, 2, 30]) == (1, 30)


def test_nineteen_of_twenty_intervals_hold_the_true_median() -> None:
    random = np.random.default_rng(0)
    held = 0
    for sample in random.normal(10, 1, (400, 9)):
        low, high = median_interval(sample)
        held += low <= 10 <= high
    # The order statistics say 96.1 %; four standard errors of 400 trials are 4 points.
    assert 0.92 < held / 400 <= 1


@pytest.mark.parametrize(
    ("correct", "rows", "low", "high"),
    # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
    # Medicine 17 (1998), table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_of_a_share_is_the_published_one(
    correct: int, rows: int, low: float, high: float
) -> None:
    assert share_interval(correct, rows) == pytest.approx((low, high), abs=5e-5)


def test_all_right_does_not_mean_certain() -> None:
    low, high = share_interval(100, 100)
    assert 0.96 < low < 0.97
    assert high == 1


def test_only_what_lies_apart_is_ranked_apart() -> None:
    assert ranks([(1, 2), (3, 4), (5, 6)]) == [(1, False), (2, False), (3, False)]
    assert ranks([(1, 2), (2, 3), (5, 6)]) == [(1, True), (1, True), (3, False)]
    # The second overlaps with both its neighbours, which do not overlap with each other.
    assert ranks([(1, 3), (2, 5), (4, 6)]) == [(1, True), (1, True), (2, True)]
    assert ranks([(1, 2)]) == [(1, False)]
    assert overlap((1, 2), (2, 3)) and not overlap((1, 2), (2.1, 3))


def test_the_front_holds_what_nothing_else_beats() -> None:
    points = [(3.0, 0.99), (1.0, 0.95), (2.0, 0.95), (2.0, 0.97), (4.0, 0.98), (3.0, 0.99)]
    assert [points[index] for index in pareto(points)] == [
        (1.0, 0.95),
        (2.0, 0.97),
        (3.0, 0.99),
        (3.0, 0.99),
    ]


def turn(latencies: list[float], batch: int, seconds: float, digits: list[int]) -> Round:
    return Round(latencies, batch, 2 * batch, seconds, 0.003 * batch, digits, 10**6 * batch)


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"12345")
    candidate = Candidate(path, "cnn", "onnx", "int8", "onnxruntime", "ab")
    return Samples(
        candidate,
        "1.0",
        load_ms=7,
        first_ms=3,
        rounds=[
            turn([1, 2, 3], 64, 0.128, [1, 2]),
            turn([2, 3, 40], 8, 0.004, [3, 4]),
            turn([9, 10, 11], 64, 0.064, [5]),
        ],
    )


def test_figures_come_from_rounds(samples: Samples) -> None:
    row = summarise(samples, np.array([1, 2, 0, 4, 5], np.uint8))
    assert (row.bytes, row.load_ms, row.first_ms) == (5, 7, 3)
    # The rounds' medians are 2, 3 and 10.
    assert (row.p50_ms, row.p50_interval) == (3, (2, 10))
    assert row.p50_ms < row.p95_ms < row.p99_ms < 40
    assert (row.runs, row.rounds) == (9, 3)
    # 128 images in 0.128 and 0.064 s, 16 in 0.004 s.
    assert row.batches == pytest.approx({"8": 4000, "64": 1500})
    assert row.batch == 8
    assert row.images_per_s == pytest.approx(4000)
    assert (row.rows, row.accuracy) == (5, 0.8)
    assert row.peak_bytes == 64_000_000
    # 24 mJ for 16 images and the 8 before them that were for warming up.
    assert row.energy_mj == pytest.approx(1)
    assert summarise(samples, None).accuracy is None


def test_one_round_is_as_certain_as_its_runs(samples: Samples) -> None:
    samples.rounds = [turn([1, 2, 3], 64, 0.1, [1])]
    assert summarise(samples, None).p50_interval == (1, 3)


def test_each_model_has_a_ranking_of_its_own(row) -> None:  # type: ignore[no-untyped-def]
    rows = ranked([row(3), row(1.005), row(1), row(0.1, model="mlp"), row(9, model="mlp")])
    assert [(r.model, r.p50_ms, r.rank, r.tie) for r in rows] == [
        ("cnn", 1, 1, True),
        ("cnn", 1.005, 1, True),
        ("cnn", 3, 3, False),
        ("mlp", 0.1, 1, False),
        ("mlp", 9, 2, False),
    ]
