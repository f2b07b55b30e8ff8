import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from digit_export.card.text import CONFUSION, HARDEST, text
from digit_export.commands.card import card as command
from digit_runtime.commands.info import info
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
    assert "others is not there, so the cards tell nothing of letters" in result.stderr
    found = Manifest.read(copy / "mlp").provenance["evaluation"]
    assert found["rows"] == 300
    text = (copy / "mlp" / "README.md").read_text()
    assert f"**{found['accuracy']:.2%}** of 300 test rows right" in text
    for name, accuracy in found["robustness"].items():
        assert f"| {name} | {accuracy:.2%} |" in text
    for picture in (CONFUSION, HARDEST):
        assert f"]({picture})" in text
        assert (copy / "mlp" / picture).read_bytes().startswith(b"\x89PNG")


def test_a_card_that_cannot_be_written_changes_nothing(
    run: Run, copy: Path, rows: list[object]
) -> None:
    (copy / "mlp" / HARDEST).unlink()
    (copy / "mlp" / HARDEST).mkdir()
    before = {path: path.read_bytes() for path in (copy / "mlp").iterdir() if path.is_file()}
    result = run(command, "--artifacts", copy, *rows)
    assert result.exit_code == 1
    assert f"{HARDEST}: is a folder" in result.stderr
    now = {path: path.read_bytes() for path in (copy / "mlp").iterdir() if path.is_file()}
    assert now == before


def test_the_card_says_what_passes_for_a_digit(
    run: Run, artifacts: Path, tmp_path: Path, rows: list[object], others_folder: Path
) -> None:
    models = tmp_path / "some"
    shutil.copytree(artifacts / "tiny", models / "tiny")
    result = run(command, "--artifacts", models, "--others", others_folder, *rows)
    assert result.exit_code == 0, result.output
    manifest = Manifest.read(models / "tiny")
    found = manifest.provenance["evaluation"]["strangers"]
    assert found["unsure_below"] == manifest.unsure_below
    assert 0.9 < found["digits_kept"] <= 1
    assert len(found["letters"]) == 52
    card = (models / "tiny" / "README.md").read_text()
    for name, share in found["passing"].items():
        assert f"| {name} | {share:.1%} |" in card
    assert "| digits of 20 handwriting fonts |" in card
    # The letter O of DejaVu is a zero to anybody.
    assert found["letters"]["O"] == 1


def test_the_card_says_how_long_the_training_took_as_digit_info_does(
    run: Run, artifacts: Path
) -> None:
    card = text(Manifest.read(artifacts / "mlp"))
    said = re.search(r"trained for +(.+)", run(info, "mlp", "--artifacts", artifacts).stdout)
    assert said and f"| time | {said[1]}, " in card


def test_an_evaluation_of_another_file_is_not_shown(artifacts: Path) -> None:
    manifest = Manifest.read(artifacts / "mlp")
    assert "## What it can do" in text(manifest)
    other = tuple(replace(file, sha256="0" * 64) for file in manifest.files)
    assert "## What it can do" not in text(replace(manifest, files=other))


def test_the_shipped_cards_are_those_of_their_manifests(artifacts: Path) -> None:
    for name in ("mlp", "tiny", "cnn"):
        card = (artifacts / name / "README.md").read_text()
        assert card == text(Manifest.read(artifacts / name))


def test_the_shipped_files_say_how_far_their_probabilities_are_off(artifacts: Path) -> None:
    for name in ("mlp", "tiny", "cnn"):
        card = (artifacts / name / "README.md").read_text()
        for file in Manifest.read(artifacts / name).files:
            error = file.parity["test"].ece
            assert error is not None
            assert error <= 0.005, f"{file.path}: no longer calibrated"
            assert re.search(rf"\| `{file.path}` \|.*\| {error:.2%} \|\n", card)


def test_mistakes_are_one_line(run: Run, copy: Path, rows: list[object]) -> None:
    result = run(command, "--artifacts", copy, "--model", "lenet", *rows)
    assert result.exit_code == 1
    assert "lenet: has no manifest.json" in result.stderr
    labels = Path(str(rows[3]))
    labels.write_text("ImageId,Label\n1,1\n")
    result = run(command, "--artifacts", copy, *rows)
    assert result.exit_code == 1
    assert "has 1 row," in result.stderr
