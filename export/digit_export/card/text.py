"""The model card, made from the manifest and nothing else."""

from collections.abc import Mapping
from typing import Any, Final

from digit_runtime.contract import DIGITS
from digit_runtime.models.manifest import Manifest, ModelFile
from digit_runtime.terminal import duration, percent

from digit_export.card.notes import SEEN, notes
from digit_export.card.templates import EVALUATION, OWN_TEMPLATE, STRANGERS, TEMPLATE, TRAINING

CARD_NAME: Final = "README.md"
CONFUSION: Final = "confusion.png"
HARDEST: Final = "hardest.png"
SHOWN: Final = 25
"""How many of the hardest digits the picture shows."""


def text(manifest: Manifest) -> str:
    """Return the card, Markdown."""
    splits = [split for split in ("test", "validation") if _has(manifest.files, split)]
    split = splits[0] if splits else "validation"
    labels = manifest.labels or DIGITS
    template = TEMPLATE if manifest.provenance.get("training") else OWN_TEMPLATE
    return template.format(
        name=manifest.name,
        classes=len(labels),
        labels=", ".join(labels),
        facts="\n".join(f"| {key} | {value} |" for key, value in _facts(manifest.provenance)),
        files=_table(manifest.files, split),
        notes="".join(notes(manifest.files)),
        rows=_rows(manifest.files, split),
        evaluation=_evaluation(manifest),
        limit=_limit(manifest.unsure_below),
        training=_training(manifest.provenance),
        calibration=_calibration(manifest.provenance, "class" if manifest.labels else "digit"),
    )


def _limit(unsure_below: float | None) -> str:
    if unsure_below is None:
        return (
            "It answers with a digit whatever it is shown, letters, two digits or a blank page "
            "included, and often with high confidence."
        )
    return (
        f"It gives ten probabilities whatever it is shown; take a highest one below "
        f'{unsure_below:.4f} for "unsure". How much of what is no digit that catches, "What it can '
        'do" tells, where it was measured.'
    )


def _has(files: tuple[ModelFile, ...], split: str) -> bool:
    return any(split in file.parity for file in files)


def _facts(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    model, training = provenance.get("model", {}), provenance.get("training", {})
    facts = [
        ("parameters", f"{model['parameters']:,}" if "parameters" in model else ""),
        ("Keras file", f"`{model.get('file')}`, sha256 `{model.get('sha256', '')[:16]}`"),
    ]
    if "adapted" in model:
        facts.append(("the Keras model", "; ".join(model["adapted"])))
    if training:
        data = training.get("data", {})
        facts += [
            ("recipe", f"{training.get('recipe')}, {training.get('epochs')} epochs, "
             f"seed {training.get('seed')}"),
            ("training data", f"`{data.get('file')}`, {data.get('rows', 0):,} rows, sha256 "
             f"`{data.get('sha256', '')[:16]}`"),
        ]  # fmt: skip
        for key in ("validation_accuracy", "test_accuracy"):
            if training.get(key) is not None:
                facts.append((f"Keras {key.replace('_', ' ')}", percent(training[key])))
    return facts


def _table(files: tuple[ModelFile, ...], split: str) -> str:
    lines = [
        "| file | size kB | accuracy | Keras | agreement | difference | calibration error |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for file in files:
        cells = [
            f"`{file.path}`{' (by --tolerance only)' * bool(file.tolerance)}",
            f"{file.bytes / 1000:,.0f}",
            *_figures(file, split),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _figures(file: ModelFile, split: str) -> list[str]:
    parity = file.parity.get(split)
    if parity is None:
        return [""] * 5
    return [
        "" if parity.accuracy is None else percent(parity.accuracy),
        "" if parity.keras_accuracy is None else percent(parity.keras_accuracy),
        percent(parity.agreement, 3),
        f"{parity.max_difference:.1e}",
        "" if parity.ece is None else f"{parity.ece:.2%}",
    ]


def _rows(files: tuple[ModelFile, ...], split: str) -> str:
    counts = {file.parity[split].rows for file in files if split in file.parity}
    return f"{max(counts, default=0):,} {split} rows"


def _evaluation(manifest: Manifest) -> str:
    found = manifest.provenance.get("evaluation")
    # An evaluation of a file that was exported anew since says nothing about the new one.
    if not found or found["sha256"] not in {file.sha256 for file in manifest.files}:
        return ""
    low, high = found["confidence_interval_95"]
    return EVALUATION.format(
        file=found["file"],
        kind="training" if found.get("training_rows") else "test",
        seen=SEEN if found.get("training_rows") else "",
        engine=found["engine"],
        accuracy=found["accuracy"],
        rows=found["rows"],
        wrong=found["rows"] - found["correct"],
        low=low,
        high=high,
        margin=100 * max(high - found["accuracy"], found["accuracy"] - low),
        robustness="\n".join(
            f"| {name} | {accuracy:.2%} |" for name, accuracy in found["robustness"].items()
        ),
        strangers=_strangers(found.get("strangers")),
        confusion=CONFUSION,
        count=min(SHOWN, found["rows"]),
        hardest=HARDEST,
    )


def _strangers(found: Mapping[str, Any] | None) -> str:
    if not found:
        return ""
    letters: dict[str, list[str]] = {}
    for letter, share in found["letters"].items():
        letters.setdefault(f"{share:.0%}", []).append(letter)
    return STRANGERS.format(
        limit=found["unsure_below"],
        kept=found["digits_kept"],
        passing="\n".join(f"| {name} | {share:.1%} |" for name, share in found["passing"].items()),
        letters="; ".join(
            f"{share} of {' '.join(letters[share])}"
            for share in sorted(letters, key=lambda share: -int(share[:-1]))
        ),
    )


def _training(provenance: Mapping[str, Any]) -> str:
    training = provenance.get("training", {})
    if not {"settings", "wall_s", "cpu_s", "machine", "validation_rows"} <= training.keys():
        return ""
    rows = [
        ("time", f"{duration(training['wall_s'])}, {duration(training['cpu_s'])} of CPU time, on "
         f"{training['machine']}"),
        ("rows held out for validation", f"the last {training['validation_rows']:,}"),
        *_teacher(training),
        *_flat(training["settings"]),
    ]  # fmt: skip
    lines = ["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows)]
    return TRAINING.format(settings="\n".join(lines))


def _teacher(training: Mapping[str, Any]) -> list[tuple[str, str]]:
    if not (teacher := training.get("teacher")):
        return []
    settings = training["settings"]
    said = ", ".join(teacher["members"])
    if start := settings.get("start"):
        said += f"; the training goes on from its {start}"
        if share := settings.get("start_share"):
            said += f", {share:g} of whose weights are in the average that is published"
    return [("teacher's networks", said)]


def _flat(settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in settings.items():
        if key == "phases":
            for number, phase in enumerate(value, start=1):
                # What is no digit comes with a teacher's lessons only.
                said = {**phase, "sketched": phase.get("sketched") or None}
                said |= {} if phase.get("lessons") else {"outliers": None}
                rows += [(f"phase {number}: {name}", inner) for name, inner in _flat(said)]
        elif isinstance(value, Mapping):
            rows += [(f"{key}: {name}", inner) for name, inner in _flat(value)]
        elif value is not None and key not in ("start", "start_share"):  # See `_teacher`.
            rows.append((key.replace("_", " "), value))
    return rows


def _calibration(provenance: Mapping[str, Any], kind: str) -> str:
    if "calibration" not in provenance:
        return ""
    calibration = provenance["calibration"]
    return (
        f"\nThe int8 files are calibrated on {calibration['rows']} training rows, as many of "
        f"each {kind},\nseed {calibration['seed']}, sha256 `{calibration['sha256'][:16]}`."
    )
