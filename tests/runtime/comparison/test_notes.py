"""The notes below a comparison are broken into lines where people would break them."""

from digit_runtime.comparison.notes import filled
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(0, 120))
def test_no_line_ends_between_a_number_and_what_belongs_to_it(before: int) -> None:
    text = (
        f"{'word ' * (before // 5)}{'x' * (before % 5)} +/- 0.10 points (95 %), 2,596 MHz, 3 rounds"
    )
    lines = filled(text).splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert " ".join(lines).split() == text.split()
    for part in ("+/- 0.10 points", "(95 %),", "2,596 MHz,", "3 rounds"):
        assert any(part in line for line in lines)
