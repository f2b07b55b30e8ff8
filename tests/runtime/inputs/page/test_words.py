"""Lines of words are no lines of digits."""

import pytest
from digit_runtime.inputs.page.words import are_words


@pytest.mark.parametrize(("count", "unsure"), [(1, 1), (2, 1), (3, 2), (8, 3), (10, 2), (40, 6)])
def test_a_line_of_digits_may_have_some_that_are_hard_to_read(count: int, unsure: int) -> None:
    assert not are_words([True] * unsure + [False] * (count - unsure))


@pytest.mark.parametrize(("count", "unsure"), [(5, 4), (10, 5), (20, 8), (49, 10)])
def test_many_doubts_make_a_line_of_words(count: int, unsure: int) -> None:
    assert are_words([True] * unsure + [False] * (count - unsure))


def test_an_empty_line_has_no_words() -> None:
    assert not are_words([])
