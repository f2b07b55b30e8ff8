import gzip
import io
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from digit_runtime import (
    DigitError,
    InputNotFoundError,
    InputReadError,
    PixelsError,
    PixelsWarning,
    load,
    read_csv,
    read_labels,
)
from digit_runtime.contract import Labels, Pixels
from digit_runtime.inputs.kaggle_csv import PixelCsv
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

CASE = Path(__file__).parent / "permuted_by_name.csv"
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
        pytest.param(str.upper, id="capitals in the header"),
        pytest.param(lambda text: re.sub("[^,\n]+", r'"\g<0>"', text), id="quoted cells"),
        pytest.param(lambda text: re.sub(r"\b\d+(?=[,\n])", r"\g<0>.0", text), id="12.0"),
        pytest.param(lambda text: re.sub(r"\b255\b", "2.55e+02", text), id="2.55e+02"),
        pytest.param(lambda text: text.replace(",", ";"), id="semicolons"),
        pytest.param(lambda text: text.replace(",", "\t"), id="tabs"),
        pytest.param(
            lambda text: (
                re.sub(r"\b\d+(?=[,\n])", r"\g<0>#0", text).replace(",", ";").replace("#", ",")
            ),
            id="semicolons and decimal commas",
        ),
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
        pytest.param(f"label,{HEADER}\n12,{ROW}\n", "row 1, column label: '12'", id="label 12"),
        pytest.param(f"{HEADER},\n{ROW},\n", "line ends with a comma", id="comma at the end"),
        pytest.param(f"{ROW},\n{ROW},\n", "line 1 ends with ','", id="the same, no header"),
        pytest.param(f"{HEADER}\n{ROW},\n", "it ends with a comma", id="the same, in a row"),
        pytest.param(f",{HEADER}\n0,{ROW}\n", r"to_csv\(index=False\)", id="an index"),
        pytest.param(f"{HEADER},id\n{ROW},1\n", "column 785 is 'id'; leave it out", id="id last"),
        pytest.param(
            f"{HEADER}\n{ROW}\n".replace("pixel7,", "pixel8,"), "no pixel7", id="one twice"
        ),
        pytest.param(f"{HEADER},pixel3\n{ROW},1\n", "two columns 'pixel3'", id="one too many"),
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


def shuffled(pixels: Pixels, labels: Labels | None, at: int, seed: int, name: str) -> bytes:
    """A CSV whose columns are in another order, named as `name` has it."""
    order = np.random.default_rng(seed).permutation(784)
    names = [name.format(i=i, one=i + 1, row=i // 28 + 1, column=i % 28 + 1) for i in order]
    cells = pixels[:, order].astype(str).tolist()
    if labels is not None:
        names.insert(at, "label")
        for row, label in zip(cells, labels.tolist(), strict=True):
            row.insert(at, str(label))
    return "\n".join(map(",".join, [names, *cells])).encode()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    at=st.one_of(st.none(), st.integers(0, 784)),
    seed=st.integers(0, 99),
    name=st.sampled_from(["pixel{i}", "{i}", "pixel{one}", "{row}x{column}"]),
)
def test_names_decide_which_column_is_which(
    at: int | None, seed: int, name: str, few: tuple[Pixels, Labels]
) -> None:
    labels = None if at is None else few[1]
    pixels, found = read_csv(shuffled(few[0], labels, at or 0, seed, name))
    np.testing.assert_array_equal(pixels, few[0])
    if at is None:
        assert found is None
    else:
        np.testing.assert_array_equal(found, few[1])


def test_columns_that_pandas_has_sorted_are_read_by_name(
    test_digits: tuple[Pixels, Labels],
) -> None:
    content = shuffled(test_digits[0][:50], None, 0, 1, "pixel{i}")
    frame = pd.read_csv(io.BytesIO(content)).sort_index(axis=1)
    stream = io.BytesIO()
    frame.to_csv(stream, index=False)
    stream.seek(0)
    np.testing.assert_array_equal(read_csv(stream)[0], test_digits[0][:50])


def test_a_path_the_bytes_and_a_stream_are_read_alike(
    few: tuple[Pixels, Labels], write_pixels: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_pixels(tmp_path / "a.csv", *few)
    content = path.read_bytes()
    with path.open("rb") as stream:
        results = [read_csv(source) for source in (path, content, stream, io.BytesIO(content))]
        assert not stream.closed
    for pixels, labels in results:
        np.testing.assert_array_equal(pixels, few[0])
        np.testing.assert_array_equal(labels, few[1])
    with path.open() as text, pytest.raises(InputReadError, match="open it in binary mode"):
        read_csv(text)  # type: ignore[arg-type]


def test_an_error_carries_row_column_and_reason() -> None:
    bad = ROW.replace("255", "x")
    with pytest.raises(PixelsError) as caught:
        read_csv(f"{HEADER}\n{ROW}\n{bad}\n".encode())
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.row, error.column) == (2, "pixel783")
    assert error.reason == "'x' is not a whole number from 0 to 255"
    assert str(error) == f"the bytes: row 2, column pixel783: {error.reason}"


def zipped(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return path


def test_zips_are_read(few: tuple[Pixels, Labels], tmp_path: Path) -> None:
    one = shuffled(few[0], None, 0, 1, "pixel{i}")
    other = shuffled(few[0][:4], few[1][:4], 0, 1, "pixel{i}")
    sample = b"ImageId,Label\n1,0\n"
    with pytest.warns(PixelsWarning, match=r"reading test\.csv of "):
        assert len(read_csv(zipped(tmp_path / "a.csv.zip", test__csv=one))[0]) == 10
    kaggle = zipped(
        tmp_path / "digit-recognizer.zip",
        sample_submission__csv=sample,
        test__csv=one,
        train__csv=other,
    )
    with pytest.warns(PixelsWarning, match=r"reading test\.csv of "):
        np.testing.assert_array_equal(read_csv(kaggle)[0], few[0])
    with pytest.warns(PixelsWarning, match=r"reading train\.csv of "):
        np.testing.assert_array_equal(read_csv(kaggle / "train.csv")[1], few[1][:4])
    with pytest.raises(PixelsError, match=r"no such file in that archive; it has test\.csv, train"):
        read_csv(kaggle / "dev.csv")
    several = zipped(tmp_path / "b.zip", a__csv=one, b__csv=one)
    with pytest.raises(PixelsError, match=r"archive of a\.csv, b\.csv; say which: .*b\.zip/a\.csv"):
        read_csv(several)
    with pytest.raises(PixelsError, match="is an Excel workbook; save it as CSV"):
        read_csv(zipped(tmp_path / "a.xlsx", **{"[Content_Types]__xml": b"", "xl/a__xml": b""}))
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(kaggle.read_bytes()[:-30])
    with pytest.raises(InputReadError, match="cannot be read"):
        read_csv(damaged)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_with_a_word_about_it(
    encoding: str, few: tuple[Pixels, Labels], tmp_path: Path
) -> None:
    text = shuffled(few[0], few[1], 3, 1, "pixel{i}").decode()
    mark = "" if encoding == "utf-16" else "\ufeff"
    (tmp_path / "a.csv").write_bytes((mark + text).encode(encoding))
    with pytest.warns(PixelsWarning, match="is UTF-16 text"):
        pixels, labels = read_csv(tmp_path / "a.csv")
    np.testing.assert_array_equal(pixels, few[0])
    np.testing.assert_array_equal(labels, few[1])


def test_an_address_is_no_file() -> None:
    with pytest.raises(InputNotFoundError, match="download it first"):
        read_csv("https://example.org/test.csv")


def test_the_case_of_the_issue_is_read_by_name() -> None:
    """Kaggle's rows as pandas leaves them after sort_index(axis=1)."""
    pixels = read_csv(CASE)[0]
    predicted = load("cnn").predict(pixels)
    answers = read_labels(CASE.with_suffix(".labels.csv"))
    assert len(answers) == 20
    assert (predicted == answers).mean() >= 0.95
