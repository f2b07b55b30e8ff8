import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from digit_export.card.text import CONFUSION, HARDEST, text
from digit_export.commands.card import card as command
from digit_runtime.contract import Labels, Pixels
from digit_runtime.models.manifest import Manifest

Run = Callable[..., Result]


@pytest.fixture
def copy(artifacts: Path, tmp_path: Path) -> Path:
    shutil.copytree(artifacts / "mlp", tmp_path / "models" / "mlp")
    return tmp_path / "models"


@pytest.fixture
def rows(
    test_digits: tuple[Pixels, Labels], write_pixels: Callable[..., Path], tmp_path: Path
) -> list[object]:
    """The first 300 test digits as options of the command."""
    labels = tmp_path / "labels.csv"
    lines = [f"{row},{label}" for row, label in enumerate(test_digits[1][:300], start=1)]
    labels.write_text("\n".join(["ImageId,Label", *lines]) + "\n")
    data = write_pixels(tmp_path / "digits.csv", test_digits[0][:300])
    return ["--data", data, "--labels", labels]


def test_the_card_says_what_was_measured(run: Run, copy: Path, rows: list[object]) -> None:
    result = run(command, "--artifacts", copy, *rows)
    assert result.exit_code == 0, result.output
    found = Manifest.read(copy / "mlp").provenance["evaluation"]
    assert found["rows"] == 300
    text = (copy / "mlp" / "README.md").read_text()
    assert f"**{found['accuracy']:.2%}** of 300 test rows right" in text
    for name, accuracy in found["robustness"].items():
        assert f"| {name} | {accuracy:.2%} |" in text
    for picture in (CONFUSION, HARDEST):
        assert f"]({picture})" in text
        assert (copy / "mlp" / picture).read_bytes().startswith(b"\x89PNG")


def test_an_evaluation_of_another_file_is_not_shown(artifacts: Path) -> None:
    manifest = Manifest.read(artifacts / "mlp")
    assert "## What it can do" in text(manifest)
    other = tuple(replace(file, sha256="0" * 64) for file in manifest.files)
    assert "## What it can do" not in text(replace(manifest, files=other))


def test_the_shipped_cards_are_those_of_their_manifests(artifacts: Path) -> None:
    for name in ("mlp", "cnn"):
        card = (artifacts / name / "README.md").read_text()
        assert card == text(Manifest.read(artifacts / name))


def test_mistakes_are_one_line(run: Run, copy: Path, rows: list[object]) -> None:
    result = run(command, "--artifacts", copy, "--model", "lenet", *rows)
    assert result.exit_code == 1
    assert "lenet: has no manifest.json" in result.stderr
    labels = Path(str(rows[3]))
    labels.write_text("ImageId,Label\n1,1\n")
    result = run(command, "--artifacts", copy, *rows)
    assert result.exit_code == 1
    assert "has 1 rows" in result.stderr
