"""What the card says of rows that were trained on, and of files that barely passed."""

from dataclasses import replace
from pathlib import Path

from digit_export.card.text import text
from digit_export.parity.parity import ALONE
from digit_runtime.models.manifest import Manifest, Parity


def test_training_rows_are_called_so(artifacts: Path) -> None:
    manifest = Manifest.read(artifacts / "mlp")
    assert "test rows right" in text(manifest)
    found = {**manifest.provenance["evaluation"], "training_rows": True}
    card = text(replace(manifest, provenance={**manifest.provenance, "evaluation": found}))
    assert "test rows right" not in card
    assert "training rows right" in card
    assert "trained on these very rows" in card


def test_a_file_that_passed_by_tolerance_is_marked(artifacts: Path) -> None:
    manifest = Manifest.read(artifacts / "mlp")
    first = replace(manifest.files[0], tolerance={"min_agreement": 0.5})
    card = text(replace(manifest, files=(first, *manifest.files[1:])))
    assert f"`{first.path}` (by --tolerance only)" in card
    assert "moved the limits (min_agreement 0.5)" in card


def test_answers_that_depend_on_the_batch_are_told(artifacts: Path) -> None:
    manifest = Manifest.read(artifacts / "mlp")
    first = replace(manifest.files[0], parity={ALONE: Parity(2100, 0.9986, 1e-2, 1e-4)})
    card = text(replace(manifest, files=(first, *manifest.files[1:])))
    assert "One image at a time its agreement is 99.86% on 2,100" in card
