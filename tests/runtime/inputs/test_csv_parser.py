import numpy as np
import pytest
from digit_runtime.inputs.csv_parser import parse, parse_blocks
from hypothesis import given
from hypothesis import strategies as st

cells = st.integers(0, 255)


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1)
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_rows_of_whole_numbers_are_read(rows: list[list[int]], end: str) -> None:
    block = "".join(",".join(map(str, row)) + end for row in rows).encode()
    parsed = parse(block, len(rows[0]))
    assert parsed is not None
    assert parsed.dtype == np.uint8
    assert parsed.tolist() == rows


@given(st.text("0123456789,\n", max_size=40), st.integers(1, 4))
def test_what_is_read_is_what_the_text_says(text: str, columns: int) -> None:
    lines = text.split("\n")
    rows = [line.split(",") for line in lines[:-1]]
    plain = (
        bool(rows)
        and lines[-1] == ""
        and all(
            len(row) == columns and all(1 <= len(cell) <= 3 and int(cell) <= 255 for cell in row)
            for row in rows
        )
    )
    parsed = parse(text.encode(), columns)
    assert (parsed is not None) == plain
    if parsed is not None:
        assert parsed.tolist() == [[int(cell) for cell in row] for row in rows]


@pytest.mark.parametrize(
    "block",
    [
        b"1,2",
        b"1,,2\n",
        b",1\n",
        b"1,\n",
        b"1,256\n",
        b"1, 2\n",
        b"1,-2\n",
        b"1,2.0\n",
        b"1,0002\n",
        b"1\n2\n",
        b"1,2,3\n",
        b"\n",
        b"",
        b"1;2\n",
        b'"1","2"\n',
        b"1\r2\n",
    ],
)
def test_anything_else_is_left_to_the_careful_reader(block: bytes) -> None:
    assert parse(block, 2) is None


@pytest.mark.parametrize("rows", [1, 63, 200, 30_000])
def test_lines_are_read_in_blocks(rows: int) -> None:
    expected = np.random.default_rng(rows).integers(0, 256, (rows, 3))
    text = "\n".join(",".join(map(str, row)) for row in expected)
    parsed = parse_blocks(text.encode(), 3)
    assert parsed is not None
    np.testing.assert_array_equal(parsed, expected)
    comma = text.rindex(",")
    assert parse_blocks(f"{text[:comma]};{text[comma + 1 :]}".encode(), 3) is None
