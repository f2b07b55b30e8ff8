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
    assert "One image at a time its agreement is 99.860% on 2,100" in card


def test_files_that_differ_never_agree_wholly(artifacts: Path) -> None:
    manifest = Manifest.read(artifacts / "mlp")
    shares = {file.path: file.parity["test"].agreement for file in manifest.files}
    assert any(0.99995 < share < 1 for share in shares.values()), "or this test shows nothing"
    card = text(manifest)
    for path, share in shares.items():
        (line,) = [line for line in card.splitlines() if line.startswith(f"| `{path}`")]
        assert ("| 100.000% |" in line) == (share == 1)


def test_the_card_tells_who_taught_and_where_the_training_began(artifacts: Path) -> None:
    said = "| teacher's networks | cnn, mlp, k3, k5"
    began = "; the training goes on from its"
    average = ", 0.25 of whose weights are in the average that is published"
    manifest = Manifest.read(artifacts / "tiny")
    training = manifest.provenance["training"]
    for start, share, more in (
        (None, 0.0, ""),
        ("mlp", 0.0, f"{began} mlp"),
        ("cnn", 0.25, f"{began} cnn{average}"),
    ):
        settings = training["settings"] | {"start": start, "start_share": share}
        provenance = {**manifest.provenance, "training": training | {"settings": settings}}
        card = text(replace(manifest, provenance=provenance))
        assert f"{said}{more} |\n" in card
        assert "| start" not in card
    alone = {**manifest.provenance, "training": training | {"teacher": None}}
    assert "teacher's" not in text(replace(manifest, provenance=alone))
