import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from digit_runtime.contract import Labels, Pixels
from digit_runtime.errors import DigitError
from digit_train.commands.data import data
from digit_train.explore.summary import read, summarise
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.image import imread

Run = Callable[..., Result]
HEADER = ",".join(["label", *(f"pixel{index}" for index in range(784))])


def row(**cells: str) -> str:
    """A row of zeros, but for the cells named label or pixelN."""
    return ",".join(cells.get(name, "0") for name in HEADER.split(","))


def csv(*rows: str) -> str:
    return "\n".join([HEADER, *rows, ""])


@pytest.fixture
def train(tmp_path: Path, digits: tuple[Pixels, Labels], write_pixels: Callable[..., Path]) -> Path:
    pixels, labels = digits
    return write_pixels(tmp_path / "train.csv", pixels[:200], labels[:200])


@pytest.fixture
def test_file(
    tmp_path: Path, digits: tuple[Pixels, Labels], write_pixels: Callable[..., Path]
) -> Path:
    return write_pixels(tmp_path / "test.csv", digits[0][:20])


def pictures(page: str) -> list[str]:
    return re.findall(r'<img [^>]*src="([^"]+)" alt="[^"]+">', page)


def test_shape_missing_values_range_and_balance_are_printed(
    train: Path, digits: tuple[Pixels, Labels], run: Run
) -> None:
    result = run(data, "explore", train, "--out", "report")
    assert result.exit_code == 0, result.output
    assert "200 rows, 785 columns" in result.stdout
    assert re.search(r"missing values: +0\n", result.stdout)
    assert re.search(r"pixel values: +0 to 255\n", result.stdout)
    counts = np.bincount(digits[1][:200], minlength=10)
    for digit, count in enumerate(counts):
        assert re.search(rf"^{digit} +{count} +{count / 200:.2%}$", result.stdout, re.MULTILINE)

    document = json.loads(run(data, "explore", train, "--json").stdout)
    assert document["counts"] == counts.tolist()
    assert (document["rows"], document["missing"], document["maximum"]) == (200, 0, 255)
    assert all(Path(path).exists() for path in document["report"])


@pytest.mark.skipif(sys.platform == "win32", reason="refuses such names")
def test_names_are_shown_on_one_line(train: Path, run: Run) -> None:
    Path("a\nb.csv").symlink_to(train)
    result = run(data, "explore", "a\nb.csv", "--out", "c\nd")
    assert result.stdout.startswith("file:            a\\nb.csv\nshape: ")
    assert result.stdout.endswith("\n\nreport: c\\nd/index.html\n")


def test_page_holds_every_picture_and_needs_nothing_else(train: Path, run: Run) -> None:
    assert run(data, "explore", train, "--out", "report").exit_code == 0
    page = Path("report/index.html").read_text("utf-8")
    names = pictures(page)
    assert sorted([*names, "index.html"]) == sorted(p.name for p in Path("report").iterdir())
    assert len(names) == page.count("<img") == 4
    assert not re.findall(r"https?:|<script|<link", page)
    for name in names:
        height, width, _ = imread(Path("report") / name).shape
        assert min(height, width) > 300


def test_digits_stand_in_the_row_of_their_class(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bright.csv"
    bright = {f"pixel{index}": "255" for index in range(784)}
    path.write_text(csv(row(label="3", **bright), row(label="0")))
    assert run(data, "explore", path, "--out", "report").exit_code == 0
    picture = imread("report/examples.png")
    ink = (picture[..., 3] == 1) & (picture[..., :3] == 1).all(axis=-1)
    top, bottom = np.flatnonzero(ink.any(axis=1))[[0, -1]] / len(picture)
    assert 0.3 < top < bottom < 0.4


def test_chosen_row_counts_from_1_as_image_ids_do(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "bright.csv"
    bright = {f"pixel{index}": "255" for index in range(784)}
    path.write_text(csv(row(), row(**bright, label="7"), row()))

    def brightness(number: int) -> float:
        assert run(data, "explore", path, "--out", "r", "--row", number).exit_code == 0
        return float(imread("r/digit.png")[100:600, 100:600, :3].mean())

    assert [brightness(number) for number in (1, 2, 3)] == [0, 1, 0]
    run(data, "explore", path, "--out", "r", "--row", 2)
    assert "<h2>Row 2</h2><p>One digit, labelled 7;" in Path("r/index.html").read_text()


@pytest.mark.parametrize(("number", "code"), [("4", 1), ("0", 2), ("x", 2)])
def test_row_that_is_not_there_is_an_error(
    run: Run, tmp_path: Path, number: str, code: int
) -> None:
    path = tmp_path / "short.csv"
    path.write_text(csv(row(), row(), row()))
    result = run(data, "explore", path, "--row", number)
    assert result.exit_code == code
    if code == 1:
        assert f"{path}: has rows 1 to 3; there is no row 4 for --row" in result.stderr
    assert not Path("report").exists()


def test_only_pictures_of_an_earlier_report_are_removed(
    train: Path, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "digit-1.png").write_bytes(b"somebody's own")
    run(data, "explore", train, "--out", "r", "--row", 2)
    run(data, "explore", train, "--out", "r", "--row", 2, "--row", 3)
    assert (tmp_path / "r" / "digit-1.png").read_bytes() == b"somebody's own"
    assert {path.name for path in (tmp_path / "r").glob("digit*.png")} == {
        *("digit-1.png", "digit-2.png", "digit-3.png")
    }


def test_several_rows_are_drawn_and_the_first_rows_shown(train: Path, run: Run) -> None:
    assert run(data, "explore", train, "--out", "r").exit_code == 0
    result = run(data, "explore", train, "--out", "r", "--row", 1, "--row", 50)
    assert result.exit_code == 0, result.output
    page = Path("r/index.html").read_text("utf-8")
    assert pictures(page)[-2:] == ["digit-1.png", "digit-50.png"]
    assert sorted(path.name for path in Path("r").glob("digit*")) == ["digit-1.png", "digit-50.png"]
    assert "<h2>First rows</h2>" in page
    assert re.search(r"^ *row +label +pixel0 .*pixel783", result.stdout, re.MULTILINE)


def test_what_digit_predict_reads_is_shown_alike(
    train: Path, digits: tuple[Pixels, Labels], run: Run
) -> None:
    """Headerless, in capitals, in another order, with semicolons, zipped: one reader."""
    expected = read(train)
    frame = pd.read_csv(train)
    variants: dict[str, Callable[[Path], None]] = {
        "plain": lambda path: frame.to_csv(path, index=False, header=False),
        "capitals": lambda path: frame.rename(columns=str.upper).to_csv(path, index=False),
        "sorted": lambda path: frame.sort_index(axis=1).to_csv(path, index=False),
        "semicolons": lambda path: frame.to_csv(path, index=False, sep=";"),
        "floats": lambda path: frame.astype(float).to_csv(path, index=False),
        "zip": lambda path: frame.to_csv(
            path, index=False, compression={"method": "zip", "archive_name": "train.csv"}
        ),
    }
    for name, write in variants.items():
        path = Path(f"{name}.csv")
        write(path)
        found = read(path)
        np.testing.assert_array_equal(found.pixels, expected.pixels)
        np.testing.assert_array_equal(found.labels, expected.labels)


def test_file_without_labels_leaves_out_what_needs_them(
    train: Path, test_file: Path, run: Run
) -> None:
    assert run(data, "explore", train, "--out", "report").exit_code == 0
    result = run(data, "explore", test_file, "--out", "report")
    assert result.exit_code == 0, result.output
    assert "20 rows, 784 columns (no labels, 784 pixels)" in result.stdout
    assert "left out, as are the means: no label column" in result.stdout
    page = Path("report/index.html").read_text("utf-8")
    assert "It has no labels" in page
    assert sorted(pictures(page)) == ["digit.png", "examples.png"]
    assert sorted(path.name for path in Path("report").glob("*.png")) == sorted(pictures(page))
    assert json.loads(run(data, "explore", test_file, "--json").stdout)["counts"] is None


def test_missing_values_are_counted_and_drawn_red(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "holes.csv"
    path.write_text(csv(row(), row(label="", pixel5="", pixel700="NA"), "1,2,3"))
    result = run(data, "explore", path, "--row", 2)
    assert result.exit_code == 0, result.output
    assert f"missing values:  {3 + 782}, the first in row 2, column label" in result.stdout
    red, green, blue, _ = np.moveaxis(imread("report/digit.png"), -1, 0)
    assert ((red > 0.8) & (green < 0.2) & (blue < 0.2)).any()
    assert f'<dd class="bad">{3 + 782}' in Path("report/index.html").read_text()


def test_a_file_of_nothing_but_holes_is_shown(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "holes.csv"
    path.write_text(csv("," * 784, "," * 784))
    result = run(data, "explore", path)
    assert result.exit_code == 0, result.output
    assert "pixel values:    none" in result.stdout
    assert json.loads(run(data, "explore", path, "--json").stdout)["minimum"] is None


def test_impossible_values_are_counted(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    odd = {"pixel1": "256", "pixel2": "-1", "pixel3": "1.5", "pixel4": "inf", "pixel5": "255"}
    path.write_text(csv(row(**odd, label="10"), row(label="-2"), row(label="3.5"), row(label="4")))
    result = run(data, "explore", path)
    assert result.exit_code == 0, result.output
    assert "pixel values:    -1 to 256, 4 not whole or not 0 to 255" in result.stdout
    assert "labels:          3 not a digit from 0 to 9" in result.stdout
    document = json.loads(run(data, "explore", path, "--json").stdout)
    assert (document["not_pixels"], document["not_digits"]) == (4, 3)
    assert document["counts"] == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "line 1 is blank"),
        (csv().encode(), "has a header but no rows"),
        (csv(row(), row(pixel3="seven")).encode(), "row 2, column pixel3: 'seven' is not a number"),
        (csv(row(pixel9="True")).encode(), "row 1, column pixel9: 'True' is not a number"),
        (csv(row(), row() + ",0").encode(), "row 2 has 786 columns; expected 785"),
        (csv(row() + ",0", row() + ",0").encode(), "row 1 has 786 columns; expected 785"),
        (b"a,b\n1,2\n", "line 1 has 2 columns; expected 784 (pixel0 to pixel783), or 785"),
        (
            b"\x89PNG\r\n\x1a\n\x00\x00" + bytes(range(256)),
            "is a PNG image; expected a CSV of digits",
        ),
    ],
)
def test_what_is_not_a_csv_of_digits_is_one_line(
    run: Run, tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    result = run(data, "explore", path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {path}: ")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""
    assert not Path("report").exists()


def test_missing_file_and_unwritable_folder_are_one_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "good.csv"
    result = run(data, "explore", path)
    assert (result.exit_code, result.stderr) == (1, f"Error: {path}: no such file\n")
    path.write_text(csv(row()))
    result = run(data, "explore", path, "--out", path / "report")
    assert result.exit_code == 1
    assert f"Error: {path / 'report'}" in result.stderr


def test_file_names_are_text_on_the_page(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a&b$c.csv"
    path.write_text(csv(row()))
    assert run(data, "explore", path).exit_code == 0
    assert "<h1>Digits in a&amp;b$c.csv</h1>" in Path("report/index.html").read_text()


cells = st.one_of(
    st.integers().map(str),
    st.floats().map(str),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(st.dictionaries(st.integers(0, 784), cells, max_size=3), max_size=4),
    tail=st.binary(max_size=8),
)
def test_any_file_is_read_or_refused(
    tmp_path: Path, changes: list[dict[int, str]], tail: bytes
) -> None:
    rows = [",".join(str(change.get(i, 0)) for i in range(785)) for change in changes]
    path = tmp_path / "any.csv"
    path.write_bytes(csv(*rows).encode() + tail)
    try:
        digits = read(path)
    except DigitError as error:
        assert str(error).startswith(f"{path}: ")
        assert len(str(error).splitlines()) == 1
        return
    summary = summarise(path, digits)
    assert digits.pixels.shape == (summary.rows, 784)
    json.dumps(summary.counts, allow_nan=False)
    assert sum(summary.counts or ()) + summary.not_digits <= summary.rows
