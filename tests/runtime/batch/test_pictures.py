"""Pictures in a batch run: every digit is a row; the workers are in this process."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from digit_runtime import load, read_digits
from PIL import Image

from .conftest import NEEDS_RAY, errors

pytestmark = [NEEDS_RAY, pytest.mark.usefixtures("in_process")]

CASES = Path(__file__).parents[2] / "cases" / "pictures"
Score = Callable[..., dict[str, Any]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A form, a number, a blank sheet and what is no picture."""
    target = tmp_path / "pictures"
    target.mkdir()
    for name in ("form_scan_black_boxes.png", "number_2026.png"):
        shutil.copy(CASES / name, target)
    Image.new("L", (300, 200), 255).save(target / "blank.png")
    (target / "broken.jpg").write_bytes(b"not a picture")
    return target


def rows(output: str) -> list[dict[str, str]]:
    return [
        row
        for path in sorted(Path(output).glob("[!_]*.csv"))
        for row in csv.DictReader(path.read_text().splitlines())
    ]


def test_every_digit_is_a_row_as_digit_read_has_it(
    score: Score, folder: Path, artifacts: Path
) -> None:
    summary = score(folder, "-o", "out", "--output-format", "csv")
    mlp = load("mlp", artifacts=artifacts, engine="onnxruntime", format="onnx")
    expected = []
    for name in ("form_scan_black_boxes.png", "number_2026.png"):
        row = 0
        for number, line in enumerate(read_digits(folder / name, mlp).lines, 1):
            for position, mark in enumerate(line.marks, 1):
                row += 1
                where = (f"{row}", mark.label, "1", f"{number}", f"{position}")
                box = tuple(map(str, mark.box))
                expected.append((name, *where, *box, str(mark.unsure).lower()))
    wanted = ("row", "label", "page", "line", "position", "x", "y", "width", "height", "unsure")
    found = [(Path(row["source"]).name, *(row[name] for name in wanted)) for row in rows("out")]
    assert sorted(found) == sorted(expected)
    assert (summary["rows_in"], summary["rows_out"], summary["rows_bad"]) == (36, 36, 0)


def test_a_picture_that_cannot_be_read_is_a_bad_file_with_its_reason(
    score: Score, batch: Callable[..., Result], folder: Path
) -> None:
    summary = score(folder, "-o", "out")
    assert (summary["files"], summary["files_bad"]) == (4, 1)
    ((source, row, _, reason),) = errors(Path("out"))
    assert (Path(source).name, row) == ("broken.jpg", "")
    assert "cannot be read as an image" in reason
    again = score(folder, "-o", "out")
    assert (again["parts_kept"], again["rows_out"]) == (3, 36)
    assert batch(folder, "-o", "out", "--strict").exit_code == 1


def test_the_pages_before_a_damaged_one_are_kept(score: Score, folder: Path) -> None:
    pages = []
    for name in ("number_2026.png", "form_scan_black_boxes.png"):
        with Image.open(CASES / name) as picture:
            pages.append(picture.convert("L"))
    path = folder / "pages.tif"
    pages[0].save(path, save_all=True, append_images=pages[1:], compression="tiff_lzw")
    data = bytearray(path.read_bytes())
    data[-len(data) // 3 : -2000] = bytes(len(data) // 3 - 2000)
    path.write_bytes(data)
    summary = score(path, "-o", "out", "--output-format", "csv")
    assert {row["page"] for row in rows("out")} == {"1"}
    assert (summary["rows_out"], summary["rows_bad"]) == (4, 1)
    ((_, row, _, reason),) = errors(Path("out"))
    assert row == "5" and reason.startswith("the page behind page 1:")
