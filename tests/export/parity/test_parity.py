"""The gates: what passes, what does not, and what a tie is."""

import numpy as np
import pytest
from digit_export.convert.targets import TARGETS, Gate, select
from digit_export.parity.parity import Comparison
from digit_runtime.contract import Probabilities

GATES = {target.precision: target.gate for target in TARGETS}


def answers(digits: list[int], sure: float = 0.91) -> Probabilities:
    rows = np.full((len(digits), 10), (1 - sure) / 9, np.float32)
    rows[np.arange(len(digits)), digits] = sure
    return rows


def comparison(keras: Probabilities, exported: Probabilities, labels: list[int]) -> Comparison:
    return Comparison(keras, exported, np.array(labels, np.uint8))


def test_figures_are_those_of_the_rows() -> None:
    keras, exported = answers([1, 2, 3, 4]), answers([1, 2, 3, 5])
    figures = comparison(keras, exported, [1, 2, 9, 5]).figures()
    assert (figures.rows, figures.agreement) == (4, 0.75)
    assert (figures.keras_accuracy, figures.accuracy) == (0.5, 0.75)
    assert figures.max_difference == pytest.approx(0.9)
    assert figures.mean_difference == pytest.approx(2 * 0.9 / 40)


def test_equal_answers_pass_every_gate() -> None:
    keras = answers([1, 2, 3])
    assert not any(comparison(keras, keras, [1, 2, 0]).misses(gate) for gate in GATES.values())


def test_float32_may_differ_by_1e_4_and_no_more() -> None:
    keras = answers([1, 2])
    near, far = keras.copy(), keras.copy()
    near[0, 5] += 9e-5
    far[0, 5] += 2e-4
    assert comparison(keras, near, [1, 2]).misses(GATES["float32"]) == []
    assert comparison(keras, far, [1, 2]).misses(GATES["float32"]) == ["difference 2.0e-04 > 1e-04"]


def test_float16_may_differ_by_1e_2_and_no_more() -> None:
    keras = answers([1, 2])
    near, far = keras.copy(), keras.copy()
    near[0, 5] += 9e-3
    far[0, 5] += 2e-2
    assert comparison(keras, near, [1, 2]).misses(GATES["float16"]) == []
    assert comparison(keras, far, [1, 2]).misses(GATES["float16"]) == ["difference 2.0e-02 > 1e-02"]


def test_a_tie_may_fall_either_way_in_float32() -> None:
    keras = np.full((1, 10), 0.02, np.float32)
    keras[0, [3, 8]] = 0.42004, 0.42
    exported = keras.copy()
    exported[0, [3, 8]] = 0.42, 0.42004
    tied = comparison(keras, exported, [3])
    assert tied.figures().agreement == 0
    assert tied.misses(GATES["float32"]) == []


def test_a_changed_answer_that_is_no_tie_is_missed_by_float32() -> None:
    loose = Gate(max_difference=1e-4, min_agreement=1.0)
    clear = comparison(answers([3]), answers([8]), [3])
    assert clear.misses(loose) == ["difference 9.0e-01 > 1e-04", "agreement 0.000% < 100.0%"]


@pytest.mark.parametrize(("changed", "passes"), [(6, True), (7, False)])
def test_int8_must_agree_on_997_of_1000_rows(changed: int, passes: bool) -> None:
    keras, exported = [1] * 2000, [1] * (2000 - changed) + [2] * changed
    # Neither answer is right on the changed rows, so only the agreement suffers.
    labels = [1] * (2000 - changed) + [3] * changed
    misses = comparison(answers(keras), answers(exported), labels).misses(GATES["int8"])
    assert misses == ([] if passes else ["agreement 99.650% < 99.7%"])


@pytest.mark.parametrize(("lost", "passes"), [(2, True), (3, False)])
def test_int8_may_lose_a_tenth_of_a_point_of_accuracy(lost: int, passes: bool) -> None:
    keras, exported = [1] * 2000, [1] * (2000 - lost) + [2] * lost
    misses = comparison(answers(keras), answers(exported), [1] * 2000).misses(GATES["int8"])
    assert misses == ([] if passes else ["accuracy -0.15 points, limit 0.10"])


def test_more_accuracy_than_keras_is_no_loss() -> None:
    keras, exported = [1] * 996 + [2] * 4, [1] * 1000
    gate = Gate(max_accuracy_loss=0.0)
    assert comparison(answers(keras), answers(exported), [1] * 1000).misses(gate) == []


@pytest.mark.parametrize("gate", GATES.values(), ids=GATES)
def test_probabilities_that_are_not_numbers_never_pass(gate: Gate) -> None:
    broken = answers([1] * 5000)
    broken[7, 4] = np.nan
    misses = comparison(answers([1] * 5000), broken, [1] * 5000).misses(gate)
    assert misses == ["has probabilities that are not numbers"]


def test_all_selects_what_needs_no_request_and_a_name_only_its_own() -> None:
    assert select("all", "all") == [target for target in TARGETS if not target.on_request]
    assert [target.name for target in select("c", "all")] == ["c int8"]
    assert [target.name for target in select("tflite", "int8")] == ["tflite int8"]
    assert {target.format for target in select("onnx", "all")} == {"onnx"}
