"""From a model directory and test rows to its full card: the story of `digit-card`."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from digit_runtime.contract import DIGITS, Labels, Pixels
from digit_runtime.errors import ModelFileError
from digit_runtime.loading.auto import preferred
from digit_runtime.models.classifier import Classifier
from digit_runtime.models.folder import find_all
from digit_runtime.models.manifest import MANIFEST_NAME, Manifest
from digit_runtime.models.provenance import read_checked
from digit_train.training import folder

from digit_export.card.evaluate import evaluate
from digit_export.card.pictures import draw_confusion, draw_hardest
from digit_export.card.strangers import measure
from digit_export.card.text import CARD_NAME, CONFUSION, HARDEST, text


def written(directory: Path) -> list[Path]:
    """Return the files that `write` writes."""
    return [directory / name for name in (CARD_NAME, CONFUSION, HARDEST, MANIFEST_NAME)]


def write(
    directory: Path,
    pixels: Pixels,
    labels: Labels,
    report: Callable[[str], None] = lambda line: None,
    data_sha256: str = "",
    others: Path | None = None,
) -> Path:
    """Evaluate the model's smallest file, record it in the manifest, and write card and pictures.

    Args:
        directory: A model directory with exported files.
        pixels: uint8 ``[N, 784]``, rows that the model was not trained on.
        labels: uint8 ``[N]``.
        report: Called with each result.
        data_sha256: Of the file that the rows are from: a model's own training rows tell
            nothing of digits that it has not seen, and the card says so.
        others: What ``digit-data others`` fetched; without it, pictures of no digit and
            digits of other hands are left out.

    Returns:
        The path of the card.

    Raises:
        ModelNotFoundError: No manifest, or no exported file.
        ManifestError: See `provenance.read_checked`.
        ModelFileError: A model of other classes.
        DigitError: The file cannot be used, or something cannot be written.
    """
    manifest = read_checked(directory)
    files = find_all(directory)
    # Not what is faster at this moment: the figures depend on no clock.
    first = preferred(files)[0]
    classifier = Classifier(first.file, first.engine.name)
    if classifier.labels != DIGITS:
        raise ModelFileError(f"{directory}: digit-card evaluates models of the ten digits only")
    evaluation = evaluate(classifier, pixels, labels, report)
    stranger_figures = measure(classifier, pixels, others, report) if others else None
    (entry,) = manifest.select(classifier.format, classifier.precision)
    figures = {
        "file": entry.path,
        "sha256": entry.sha256,
        "engine": classifier.engine,
        "pixels_sha256": hashlib.sha256(pixels.data).hexdigest(),
        **evaluation.as_json(),
    }
    if stranger_figures:
        figures["robustness"] |= stranger_figures.hands
        figures["strangers"] = stranger_figures.as_json()
    if data_sha256 in _trained_on(manifest):
        figures["training_rows"] = True
    with folder.locked(directory):
        # An export may have published more since, or other bytes.
        manifest = read_checked(directory)
        if entry.sha256 not in {file.sha256 for file in manifest.files}:
            raise ModelFileError(
                f"{directory / entry.path}: was exported anew meanwhile; try again"
            )
        manifest = replace(manifest, provenance={**manifest.provenance, "evaluation": figures})
        folder.write(
            directory,
            {
                CONFUSION: draw_confusion(evaluation),
                HARDEST: draw_hardest(evaluation, pixels),
                CARD_NAME: text(manifest).encode(),
                MANIFEST_NAME: manifest.to_json().encode(),
            },
        )
    return directory / CARD_NAME


def _trained_on(manifest: Manifest) -> set[str]:
    """Return the hashes of the CSVs that the model was trained on or calibrated with."""
    known = [
        manifest.provenance.get(section, {}).get("data", {}).get(key)
        for section, key in (("training", "sha256"), ("export", "train"))
    ]
    return {sha256 for sha256 in known if sha256}
