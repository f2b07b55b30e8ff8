import numpy as np
import pytest
from digit_runtime.contract import Pixels
from digit_runtime.inputs.csv_parser import parse
from hypothesis import given, settings
from hypothesis import strategies as st

# Mostly zeros, as of a digit: words of them are left out.
cells = st.one_of(st.just(0), st.just(0), st.integers(0, 255))


def plain(line: bytes, columns: int) -> bool:
    row = line.removesuffix(b"\r").split(b",")
    return len(row) == columns and all(
        1 <= len(cell) <= 3 and cell.isdigit() and int(cell) <= 255 for cell in row
    )


def values(line: bytes) -> list[int]:
    return [int(cell) for cell in line.split(b",")]


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1)
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_rows_of_whole_numbers_are_read(rows: list[list[int]], end: str) -> None:
    block = "".join(",".join(map(str, row)) + end for row in rows).encode()
    parsed = parse(block, len(rows[0]))
    assert len(parsed.odd) == 0
    assert parsed.values.dtype == np.uint8
    assert parsed.values.tolist() == rows


pieces = st.sampled_from(
    ["0,", "0,0,0,0,", ",0,0,0,0", "0", ",", "\n", "1", "25", "6", *"x\r-/: +\0"]
)


@settings(max_examples=500)
@given(
    st.one_of(
        st.text("0123456789,\n", max_size=60),
        st.lists(pieces, max_size=40).map("".join),
        st.lists(st.lists(cells.map(str), min_size=8, max_size=9).map(",".join)).map("\n".join),
    ),
    st.integers(1, 12),
)
def test_each_line_is_read_as_it_says_or_called_odd(text: str, columns: int) -> None:
    block = f"{text}\n".encode()
    # What ends lines is one thing, a return among cells another.
    lines = block.replace(b"\r\n", b"\n").split(b"\n")[:-1]
    parsed = parse(block, columns)
    good = [index for index, line in enumerate(lines) if plain(line, columns) and b"\r" not in line]
    assert sorted({*range(len(lines))} - set(parsed.odd.tolist())) == good
    assert parsed.values.tolist() == [values(lines[index]) for index in good]


@pytest.mark.parametrize(
    "block",
    [
        b"1,,2\n",
        b",1\n",
        b"1,\n",
        b"1,256\n",
        b"1, 2\n",
        b"1,-2\n",
        b"1,2.0\n",
        b"1,0002\n",
        b"1,2,3\n",
        b"\n",
        b"1;2\n",
        b'"1","2"\n',
        b"1\r2\n",
    ],
)
def test_anything_else_is_left_to_the_careful_reader(block: bytes) -> None:
    parsed = parse(b"0,1\n" + block + b"3,4\n", 2)
    assert parsed.odd.tolist() == [1]
    assert parsed.values.tolist() == [[0, 1], [3, 4]]


def test_a_line_does_not_get_the_zeros_of_one_that_ends_with_a_comma() -> None:
    parsed = parse(b"0,0,0,0,0,0,0,0,\n0\n", 5)
    assert (parsed.odd.tolist(), len(parsed.values)) == ([0, 1], 0)


def test_no_lines_are_no_rows() -> None:
    assert parse(b"", 3).values.shape == (0, 3)


@pytest.mark.parametrize("rows", [1, 63, 200, 30_000])
def test_many_lines_are_read_and_the_odd_among_them_left_out(rows: int) -> None:
    random = np.random.default_rng(rows)
    expected: Pixels = random.integers(0, 256, (rows, 9), np.uint8)
    expected[random.random((rows, 9)) < 0.8] = 0
    lines = [",".join(map(str, row)) for row in expected]
    assert parse("\n".join([*lines, ""]).encode(), 9).values.tolist() == expected.tolist()
    odd = random.permutation(rows)[: rows // 3]
    for index in odd:
        lines[index] = ["", "x" + lines[index], lines[index] + ",0", "256" + lines[index]][
            index % 4
        ]
    parsed = parse("\n".join([*lines, ""]).encode(), 9)
    np.testing.assert_array_equal(parsed.odd, np.sort(odd))
    np.testing.assert_array_equal(parsed.values, np.delete(expected, odd, axis=0))
