"""However a CSV is cut, its rows are the same, and each is there once."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import NEEDS_RAY

pytestmark = NEEDS_RAY

WHOLE = ",".join(str(value % 256) for value in range(784))
LINES = {
    "plain": WHOLE,
    "spaced": WHOLE.replace(",", ", "),
    "blank": "",
    "spaces": "  ",
    "short": WHOLE[:-5],
    "junk": "\xff\x00",
    "too large": WHOLE + "99",
}
GOOD = {"plain", "spaced"}


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kinds=st.lists(st.sampled_from(sorted(LINES)), min_size=1, max_size=12),
    part_rows=st.integers(1, 5),
    header=st.booleans(),
    labels=st.booleans(),
    mark=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    ended=st.booleans(),
    zipped=st.booleans(),
    block=st.sampled_from([100, 1600, 1 << 20]),
    ids=st.sampled_from([None, 0, 1, 700, "last"]),
)
def test_parts_have_every_row_once(
    kinds: list[str],
    part_rows: int,
    header: bool,
    labels: bool,
    mark: bool,
    end: str,
    ended: bool,
    zipped: bool,
    block: int,
    ids: int | str | None,
    tmp_path: Path,
) -> None:
    from digit_runtime.batch.readers import csv
    from digit_runtime.batch.sources import find

    kinds = ["plain", *kinds]
    lines = [("7," if labels and LINES[kind].strip() else "") + LINES[kind] for kind in kinds]
    if header:
        lines.insert(0, "label," * labels + ",".join(f"pixel{i}" for i in range(784)))
        if ids is not None:
            lines = [with_id(line, row, ids) for row, line in enumerate(lines)]
    text = ("\ufeff" * mark).encode() + (end.join(lines) + end * ended).encode("latin-1")
    (tmp_path / "a.csv").write_bytes(gzip.compress(text) if zipped else text)
    (source,) = find([str(tmp_path / "a.csv")], str(tmp_path / "out")).sources
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv, "BLOCK_BYTES", block)
        # Files this small would not be cut.
        patch.setattr(csv, "SHORTEST_ROW", 0)
        parts = csv.plan(source, part_rows)
        read = [_read(csv.read(part)) for part in parts]
    while kinds[-1] in ("blank", "spaces"):
        kinds.pop()
    good = [row for row, kind in enumerate(kinds, start=1) if kind in GOOD]
    assert [row for numbers, *_ in read for row in numbers] == good
    assert sorted(row for _, bad, *_ in read for row in bad) == [
        row for row, kind in enumerate(kinds, start=1) if kind not in GOOD
    ]
    assert sum(total for *_, total in read) == len(kinds)
    if not zipped:
        assert [part.rows for part in parts] == [total for *_, total in read]
        assert max(total for *_, total in read) <= part_rows
    assert all((pixels == np.arange(784) % 256).all() for _, _, pixels, *_ in read)
    named = [text for *_, texts, _ in read for text in texts]
    assert named == (
        [f'scan {row}, "a"' for row in good] if header and ids is not None else [None] * len(good)
    )


def with_id(line: str, row: int, at: int | str) -> str:
    """Insert a cell with a separator and quotes in it; the first line gets the column's name."""
    if row and not line.strip():
        return line
    cells = line.split(",")
    text = f'"scan {row}, ""a"""' if row else "Image_ID"
    cells.insert(len(cells) if isinstance(at, str) else at, text)
    return ",".join(cells)


def _read(rows: Any) -> tuple[list[int], list[int], Any, list[str | None], int]:
    ids: list[str | None] = []
    numbers: list[int] = []
    bad: list[int] = []
    pixels: list[Any] = []
    while True:
        try:
            some = next(rows)
        except StopIteration as end:
            return numbers, bad, np.concatenate(pixels), ids, end.value
        numbers += some.numbers.tolist()
        bad += [one.row for one in some.bad]
        pixels.append(some.pixels)
        ids += some.ids or [None] * len(some.numbers)


@pytest.mark.parametrize("text", [b"", b"\n\n", b"a;b\n", b"\x89PNG\r\n\x1a\n", b"0,1,2\n"])
def test_what_is_no_csv_of_digits_is_said_as_digit_predict_says_it(
    text: bytes, tmp_path: Path
) -> None:
    from digit_runtime import PixelsError, read_csv
    from digit_runtime.batch.readers import csv
    from digit_runtime.batch.sources import find

    path = tmp_path / "a.csv"
    path.write_bytes(text)
    (source,) = find([str(path)], str(tmp_path / "out")).sources
    with pytest.raises(PixelsError) as ours:
        list(csv.read(csv.plan(source, 10)[0]))
    with pytest.raises(PixelsError) as theirs:
        read_csv(path)
    assert str(ours.value) == str(theirs.value)


def test_an_endless_line_does_not_fill_the_memory(tmp_path: Path) -> None:
    import tracemalloc

    from digit_runtime import PixelsError
    from digit_runtime.batch.readers import csv
    from digit_runtime.batch.sources import find

    path = tmp_path / "a.csv"
    path.write_bytes(WHOLE.encode() + b"\n" + b"1," * (1 << 24))
    (source,) = find([str(path)], str(tmp_path / "out")).sources
    (part,) = csv.plan(source, 1 << 20)
    tracemalloc.start()
    with pytest.raises(PixelsError, match=r"a\.csv: has a line that is much too long"):
        list(csv.read(part))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1 << 23
