import gzip
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from digit_runtime import (
    DigitError,
    InputNotFoundError,
    InputReadError,
    PixelsError,
    read_csv,
    read_labels,
)
from digit_runtime.contract import Labels, Pixels
from digit_runtime.inputs.kaggle_csv import PixelCsv
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

HEADER = ",".join(f"pixel{i}" for i in range(784))
ROW = ",".join(["0"] * 783 + ["255"])


@pytest.fixture
def few(test_digits: tuple[Pixels, Labels]) -> tuple[Pixels, Labels]:
    return test_digits[0][:10], test_digits[1][:10]


def text_file(folder: Path, text: str) -> Path:
    path = folder / "input.csv"
    path.write_bytes(text.encode())
    return path


def test_reads_what_was_written(
    few: tuple[Pixels, Labels], write_pixels: Callable[..., Path], tmp_path: Path
) -> None:
    pixels, labels = few
    got, got_labels = read_csv(write_pixels(tmp_path / "a.csv", pixels, labels))
    assert got.dtype == np.uint8
    assert got.flags.c_contiguous
    np.testing.assert_array_equal(got, pixels)
    np.testing.assert_array_equal(got_labels, labels)


def test_gzip_is_recognised_by_content(
    few: tuple[Pixels, Labels], write_pixels: Callable[..., Path], tmp_path: Path
) -> None:
    plain = write_pixels(tmp_path / "a.csv", few[0])
    zipped = tmp_path / "no-suffix"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    np.testing.assert_array_equal(read_csv(zipped)[0], few[0])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="windows line ends"),
        pytest.param(lambda text: "\ufeff" + text, id="byte order mark"),
        pytest.param(lambda text: text + "\n\n  \n", id="blank lines at the end"),
        pytest.param(lambda text: text.rstrip("\n"), id="no line end at the end"),
        pytest.param(lambda text: text.split("\n", 1)[1], id="no header"),
        pytest.param(lambda text: text.replace(",", ", "), id="spaces"),
        pytest.param(lambda text: text.replace("pixel0", '"pixel0"', 1), id="quoted header"),
    ],
)
def test_harmless_variations_read_alike(
    change: Callable[[str], str],
    few: tuple[Pixels, Labels],
    write_pixels: Callable[..., Path],
    tmp_path: Path,
) -> None:
    text = write_pixels(tmp_path / "a.csv", few[0]).read_text()
    np.testing.assert_array_equal(read_csv(text_file(tmp_path, change(text)))[0], few[0])


def test_batches_are_no_larger_than_wanted_and_keep_order(
    test_digits: tuple[Pixels, Labels], write_pixels: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_pixels(tmp_path / "a.csv", test_digits[0][:25])
    with PixelCsv(path, batch_rows=10) as source:
        batches = [pixels for pixels, _ in source]
    assert len(batches) > 2
    assert max(map(len, batches)) <= 10
    np.testing.assert_array_equal(np.concatenate(batches), test_digits[0][:25])


@pytest.mark.parametrize(
    ("cell", "named"),
    [
        ("abc", "'abc'"),
        ("-1", "'-1'"),
        ("256", "'256'"),
        ("1.5", "'1.5'"),
        ("0.5", "multiply by 255"),
        ("", "an empty cell"),
        ("nan", "'nan'"),
        ("1e2", "'1e2'"),
        ("99999999999999999999", "'99999999999999999999'"),
        ("\u0661", "not a whole number"),
        ("#", "'#'"),
    ],
)
def test_a_bad_cell_is_named_by_file_row_and_column(cell: str, named: str, tmp_path: Path) -> None:
    bad = f"0,{cell},{','.join(['0'] * 782)}"
    path = text_file(tmp_path, "\n".join([HEADER, *[ROW] * 1500, bad, ROW]) + "\n")
    with pytest.raises(PixelsError, match="row 1501, column pixel1: ") as caught:
        read_csv(path)
    assert str(path) in str(caught.value)
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param(HEADER + "\n", "no rows", id="header only"),
        pytest.param("a,b\n1,2\n", "line 1 has 2 columns; expected 784", id="few columns"),
        pytest.param(f"id,{HEADER}\n1,{ROW}\n", "column 1 is 'id'", id="an id column"),
        pytest.param(f"{HEADER}\n{ROW},0\n", "row 1 has 785 columns", id="first row long"),
        pytest.param(f"{HEADER}\n{ROW}\n{ROW},0\n", "row 2 has 785 columns", id="ragged, long"),
        pytest.param(f"{HEADER}\n{ROW}\n0,0\n{ROW}\n", "row 2 has 2 columns", id="ragged, short"),
        pytest.param(f"{HEADER}\n{ROW}\n\n{ROW}\n", "row 2 is blank", id="blank line"),
        pytest.param(
            f"{HEADER}\n{ROW}\n".replace(",", ";"), "separated by semicolons", id="semicolons"
        ),
        pytest.param(f"label,{HEADER}\n12,{ROW}\n", "row 1, column label: 12", id="label 12"),
        pytest.param(f"label,{HEADER}\nx,{ROW}\n", "row 1, column label: 'x'", id="label x"),
        pytest.param("\x00\x01\x02PNG\n\x00", "is not text", id="binary"),
    ],
)
def test_a_bad_file_is_explained(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(PixelsError, match=message):
        read_csv(text_file(tmp_path, text))


def test_a_missing_file_is_also_the_builtin_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file") as caught:
        read_csv(tmp_path / "none.csv")
    assert isinstance(caught.value, InputNotFoundError)


def test_a_folder_is_not_a_csv(tmp_path: Path) -> None:
    with pytest.raises(InputReadError, match="cannot be read"):
        read_csv(tmp_path)


@pytest.mark.parametrize("keep", [12, 200, -20])
def test_truncated_gzip_is_an_error(keep: int, tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress("\n".join([HEADER, *[ROW] * 9]).encode())[:keep])
    with pytest.raises(InputReadError, match="cannot be read"):
        read_csv(path)


def test_labels_are_read_in_id_order(tmp_path: Path) -> None:
    np.testing.assert_array_equal(
        read_labels(text_file(tmp_path, "ImageId,Label\n1,7\n2,0\n")), [7, 0]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,7\n", "line 1 must be ImageId,Label"),
        ("ImageId,Label\n", "no rows"),
        ("ImageId,Label\n2,7\n", "row 1 must be 1,<label>"),
        ("ImageId,Label\n1,10\n", "row 1, column Label: '10' is not a digit"),
        ("ImageId,Label\n1,7\n2\n", "row 2 must be 2,<label>"),
    ],
)
def test_bad_labels_are_explained(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(PixelsError, match=message):
        read_labels(text_file(tmp_path, text))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_cell_is_either_read_exactly_or_refused_by_name(data: st.DataObject) -> None:
    cell = data.draw(st.one_of(st.integers(-300, 600).map(str), st.text(max_size=4)))
    row = ",".join(["7"] * 10 + [cell] + ["7"] * 773)
    text = f"{HEADER}\n{row}\n{ROW}\n"
    if cell in map(str, range(256)):
        assert _read(text.encode())[0, 10] == int(cell)
        return
    try:
        pixels = _read(text.encode())
    except PixelsError as error:
        assert "row" in str(error)
    else:
        # What numpy takes beyond plain numbers: spaces around them, a plus, leading zeros.
        assert pixels[0, 10] == int(cell.strip())


@settings(max_examples=200)
@given(
    st.one_of(
        st.binary(max_size=3000), st.text(',0123456789\n\r ;.-"', max_size=3000).map(str.encode)
    )
)
@example(b"\x1f\x8b")
@example(b"0" * 70_000)
def test_junk_never_raises_anything_but_a_digit_error(junk: bytes) -> None:
    with pytest.raises(DigitError):
        _read(junk)


def _read(content: bytes) -> Pixels:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        return read_csv("-")[0]
