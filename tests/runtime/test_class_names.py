"""Classes other than the ten digits: their names in manifests, CSV files and scores."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_runtime import ManifestError, PixelsError, read_csv, read_labels
from digit_runtime.models.manifest import Manifest
from digit_runtime.predicting.score import score

BLANK = ",".join(["0"] * 784)
LETTERS = ("a", "b", "zwölf")


def document(**more: Any) -> str:
    return json.dumps({"schema": 1, "name": "own", "contract": 2, "files": [], **more})


def rows(path: Path, *labels: str) -> Path:
    header = ",".join(["label", *(f"pixel{i}" for i in range(784))])
    lines = [header, *(f"{label},{BLANK}" for label in labels)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_labels_go_through_a_manifest_unchanged() -> None:
    manifest = Manifest.from_json(document(labels=["é", "two words"]))
    assert manifest.labels == ("é", "two words")
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert json.loads(manifest.to_json())["contract"] == 2


def test_a_manifest_of_digits_has_none_and_keeps_contract_1() -> None:
    manifest = Manifest.from_json(document(contract=1))
    assert manifest.labels == ()
    assert "labels" not in manifest.to_json()
    assert json.loads(manifest.to_json())["contract"] == 1


@pytest.mark.parametrize(
    "labels",
    [
        *(None, "ab", {"a": 1}, [], ["a"], ["a", "a"], ["a", 1], ["a", ""], ["a", " b"]),
        *(["a", "b,c"], ["a", "b\n"], [str(number) for number in range(257)]),
    ],
)
def test_labels_that_are_none_are_refused(labels: Any) -> None:
    with pytest.raises(ManifestError, match="label"):
        Manifest.from_json(document(labels=labels))


def test_answers_are_read_by_name_or_index(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text("ImageId,Label\n1,zwölf\n2,a\n3,1\n", encoding="utf-8")
    np.testing.assert_array_equal(read_labels(path, LETTERS), [2, 0, 1])
    with pytest.raises(PixelsError, match="row 1, column Label: 'zwölf' is not one of a, b"):
        read_labels(path, ("a", "b"))
    with pytest.raises(PixelsError, match="row 1, column Label: 'zwölf' is not a digit"):
        read_labels(path)


def test_a_label_column_holds_names_or_indices(tmp_path: Path) -> None:
    path = rows(tmp_path / "rows.csv", "zwölf", '"b"', "0")
    pixels, labels = read_csv(path, LETTERS)
    np.testing.assert_array_equal(labels, [2, 1, 0])
    assert pixels.shape == (3, 784)
    with pytest.raises(PixelsError, match="row 2, column label: '3' is not one of a, b, zwölf"):
        read_csv(rows(path, "a", "3"), LETTERS)


def test_names_that_are_numbers_are_never_taken_for_indices(tmp_path: Path) -> None:
    path = rows(tmp_path / "rows.csv", "2", "1")
    np.testing.assert_array_equal(read_csv(path, ("1", "2"))[1], [1, 0])
    with pytest.raises(PixelsError, match="row 1, column label: '0' is not one of 1, 2"):
        read_csv(rows(path, "0"), ("1", "2"))


def test_a_label_column_can_be_ignored_whatever_it_holds(tmp_path: Path) -> None:
    pixels, labels = read_csv(rows(tmp_path / "rows.csv", "?", "300"), None)
    assert pixels.shape == (2, 784)
    assert labels is None


def test_bad_pixels_after_a_name_are_still_found(tmp_path: Path) -> None:
    path = rows(tmp_path / "rows.csv", "a", "b")
    path.write_text(path.read_text().replace("b,0,0,", "b,0,256,"))
    with pytest.raises(PixelsError, match="row 2, column pixel1: '256' is not a whole number"):
        read_csv(path, LETTERS)


def test_a_score_has_as_many_rows_as_classes() -> None:
    found = score(np.array([0, 1, 2, 2], np.uint8), np.array([0, 1, 2, 1], np.uint8), "abc")
    assert found.confusion.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    assert str(found).splitlines()[-2].split() == ["b", ".", "1", "1", "50.00%"]
