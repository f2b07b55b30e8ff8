"""What to run next never scores a model on the rows that it was trained on."""

from pathlib import Path

import pytest
from digit_export.keras_model.find import Source
from digit_export.report.table import next_steps


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(tmp_path / "own.keras", tmp_path / "artifacts" / "own", None)


def test_without_test_rows_the_files_are_verified(source: Source) -> None:
    lines = next_steps([source], None, None).splitlines()
    assert lines[1].startswith("  digit-verify own --artifacts ")
    assert lines[2].startswith("  digit-compare --models own --artifacts ")
    assert "--data" not in lines[2]


def test_what_begins_with_a_dash_is_no_option(tmp_path: Path) -> None:
    dash = Source(tmp_path / "-dash.keras", tmp_path / "artifacts" / "-dash", None)
    (_, verified, _) = next_steps([dash], None, None).splitlines()
    assert verified.startswith("  digit-verify --artifacts ")
    assert verified.endswith(" -- -dash")
    (_, predicted, _) = next_steps([dash], Path("-test.csv"), None).splitlines()
    assert predicted.startswith("  digit-predict ./-test.csv --model -dash ")


def test_with_test_rows_they_are_predicted(source: Source) -> None:
    lines = next_steps([source], Path("test.csv"), None).splitlines()
    assert lines[1].startswith("  digit-predict test.csv --model own ")
    assert lines[2].endswith("--data test.csv")


def test_the_commands_use_the_format_that_was_exported(source: Source) -> None:
    for rows in (None, Path("test.csv")):
        lines = next_steps([source], rows, None, "html").splitlines()
        assert all(" --format html" in line for line in lines[1:])
        assert "--format" not in next_steps([source], rows, None)
