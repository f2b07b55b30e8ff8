"""digit-read: what stands on pictures, line by line."""

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import Result
from digit_runtime.commands.predict import predict
from digit_runtime.commands.read import read
from digit_runtime.inputs.page.read import read_page
from digit_runtime.reading import run as reading
from PIL import Image

CASES = Path(__file__).parents[2] / "cases" / "pictures"
NUMBER = CASES / "number_2026.png"
Run = Callable[..., Result]
FAST = ("--engine", "onnxruntime")


def test_prints_the_lines_and_what_was_left_out(run: Run) -> None:
    result = run(read, NUMBER, *FAST)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"{NUMBER}   2026     4 digits in 1 line")


def test_the_csv_has_a_row_for_each_digit(run: Run, tmp_path: Path) -> None:
    assert run(read, NUMBER, "-o", "digits.csv", *FAST).exit_code == 0
    rows = list(csv.DictReader((tmp_path / "digits.csv").read_text().splitlines()))
    assert [row["Label"] for row in rows] == list("2026")
    assert [row["Position"] for row in rows] == list("1234")
    assert [int(row["X"]) for row in rows] == sorted(int(row["X"]) for row in rows)
    assert not (tmp_path / "submission.csv").exists()


def test_a_bad_file_gets_a_row_and_the_others_are_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    result = run(read, "bad.png", NUMBER, "missing.png", "--json", *FAST)
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [len(file["pages"]) for file in found] == [0, 1, 0]
    assert found[1]["pages"][0]["lines"][0]["text"] == "2026"
    assert "cannot be read as an image" in found[0]["error"]
    assert found[2]["error"] == "no such file"
    assert "2 of 3 pictures could not be read" in result.stderr


def test_an_error_names_its_file_once(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder").mkdir()
    names = ["bad.png", "empty.png", "missing.png", "folder"]
    for output in (run(read, *names, *FAST).stdout, run(read, *names, "-o", "-", *FAST).stdout):
        lines = [line for line in output.splitlines() if not line.startswith("File,")]
        assert [line.count(name) for line, name in zip(lines, names, strict=True)] == [1] * 4
    result = run(read, "-", *FAST, input=b"no picture")
    assert result.stdout == (
        "-   cannot be read as an image (PNG, JPEG, BMP, GIF, TIFF, WEBP, PPM): it is none, or "
        "damaged\n"
    )


def test_the_annotated_picture_is_as_large_and_never_an_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(NUMBER.read_bytes())
    assert run(read, "a.png", "--show", "b.png", *FAST).exit_code == 0
    with Image.open(tmp_path / "a.png") as before, Image.open(tmp_path / "b.png") as after:
        assert before.size == after.size
    refused = run(read, "a.png", "--show", "a.png", *FAST)
    assert refused.exit_code == 2 and "which is read" in refused.stderr
    assert run(read, "a.png", "-o", "a.png", *FAST).exit_code == 2
    assert (tmp_path / "a.png").read_bytes() == NUMBER.read_bytes()


def test_standard_input_is_a_picture_too(run: Run) -> None:
    result = run(read, "-", *FAST, input=NUMBER.read_bytes())
    assert result.stdout.startswith("-   2026 "), result.output


def test_predict_says_that_there_are_more_digits(run: Run, tmp_path: Path) -> None:
    result = run(predict, NUMBER, *FAST)
    assert "the largest of 4 marks; digit-read reads all of them" in result.stdout
    assert not (tmp_path / "submission.csv").exists()


def test_predict_loses_only_the_bad_picture_of_a_folder(run: Run, tmp_path: Path) -> None:
    result = run(predict, CASES / "folder_blank", "-o", "out.csv", *FAST)
    assert result.exit_code == 1
    assert "3b_blank.png: has no ink" in result.stderr
    labels = [
        row["Label"] for row in csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
    ]
    assert labels == ["4", "1", "3", "", "3", "3", "9"]


def sheets(count: int) -> bytes:
    stream = io.BytesIO()
    with Image.open(NUMBER) as number:
        pages = [number.convert("L")] * count
    pages[0].save(stream, "TIFF", save_all=True, append_images=pages[1:])
    return stream.getvalue()


def test_a_page_is_told_once_it_is_read(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def watched(picture: Any, model: Any) -> Any:
        told.append(cast(io.BytesIO, sys.stdout.buffer).getvalue().decode())
        return read_page(picture, model)

    monkeypatch.setattr(reading, "read_page", watched)
    (tmp_path / "a.tif").write_bytes(sheets(3))
    (tmp_path / "b.tif").write_bytes(sheets(1))
    lines = run(read, "a.tif", "b.tif", *FAST).stdout.splitlines(keepends=True)
    names = ["a.tif [1]   2026 ", "a.tif [2]   2026 ", "a.tif [3]   2026 ", "b.tif   2026 "]
    assert all(line.startswith(name) for line, name in zip(lines, names, strict=True))
    assert told == ["", "".join(lines[:1]), "".join(lines[:2]), "".join(lines[:3])]


def test_what_was_read_before_an_error_is_told_once(run: Run, tmp_path: Path) -> None:
    whole = sheets(3)
    for size in range(1000, len(whole), len(whole) // 7):
        (tmp_path / "a.tif").write_bytes(whole[:size])
        result = run(read, "a.tif", *FAST)
        *pages, error = result.stdout.splitlines()
        numbers = [f"a.tif [{n}]   2026 " for n in (1, 2)] if len(pages) > 1 else ["a.tif   2026 "]
        assert [page.partition("    ")[0] for page in pages] == [
            number.strip() for number in numbers[: len(pages)]
        ]
        assert error.startswith("a.tif   cannot be read") and result.exit_code == 1


def test_all_that_is_known_of_any_picture_is_json(run: Run) -> None:
    found = json.loads(run(read, CASES, "--json", *FAST).stdout)
    assert {page["ink_is_dark"] for file in found for page in file["pages"]} == {True, False}
