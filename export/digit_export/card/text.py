"""The model card, made from the manifest and nothing else."""

from collections.abc import Mapping
from typing import Any, Final

from digit_runtime.contract import DIGITS
from digit_runtime.models.manifest import Manifest, ModelFile

from digit_export.card.notes import SEEN, notes

CARD_NAME: Final = "README.md"
CONFUSION: Final = "confusion.png"
HARDEST: Final = "hardest.png"
SHOWN: Final = 25
"""How many of the hardest digits the picture shows."""

_TEMPLATE = """\
# {name}

Recognizes a single handwritten digit, centred in 28x28 pixels, white on black.

| | |
|---|---|
{facts}

## Input and output

`pixels`: uint8 `[N, 784]`, the image row by row, 0 is background and 255 is ink.
`probabilities`: float32 `[N, 10]`, for the digits 0 to 9. Scaling and reshaping are part
of every file, so there is no preprocessing. N is free.

## Files

{files}
{notes}
Accuracy is on {rows}. "Agreement" is how often the file's answer is that of the Keras
model on the same rows, "difference" the largest one between their probabilities.

{evaluation}{training}## Intended use and limits

For teaching, for benchmarks of devices and formats, and for reading digits that were
brought to MNIST's form: one digit an image, scaled to 20x20 pixels, centred by its mass
in 28x28, white on black. {limit} Do not let it decide alone where a mistake harms somebody.

## Data

Trained on MNIST by Yann LeCun and Corinna Cortes, licence CC BY-SA 3.0, in the format of
Kaggle's Digit Recognizer competition. The test rows were not trained on, and nothing was
chosen by them: networks, recipes, temperature and limit were chosen by the last rows of the
training file, which were held out; the test rows were measured on when all was done.{calibration}

Made by `digit-export` and `digit-card` from manifest.json; do not edit.
"""

_OWN_TEMPLATE = """\
# {name}

Tells {classes} classes apart: {labels}.

| | |
|---|---|
{facts}

## Input and output

`pixels`: uint8 `[N, 784]`, a 28x28 image row by row, from 0 to 255.
`probabilities`: float32 `[N, {classes}]`, in the order of the classes above. Scaling and
reshaping are part of every file, so there is no preprocessing. N is free.

## Files

{files}
{notes}
Accuracy is on {rows}. "Agreement" is how often the file's answer is that of the Keras
model on the same rows, "difference" the largest one between their probabilities.

{evaluation}## Data

`digit-export` was given a trained model and does not know what it was trained on, under
which licence it may be used, or what it is good for.{calibration}

Made by `digit-export` from manifest.json; do not edit.
"""

_EVALUATION = """\
## What it can do, and where it fails

`{file}` on {engine}: **{accuracy:.2%}** of {rows:,} {kind} rows right ({wrong:,} wrong),
+/- {margin:.2f} points (95 %, Wilson: {low:.2%} to {high:.2%}).{seen}

| the same rows | accuracy |
|---|--:|
{robustness}

{strangers}![Confusion matrix: labels in rows, predictions in columns]({confusion})

The {count} digits to whose label it gave the least probability, wrong answers in red:

![Hardest digits, each with row, label, prediction and confidence]({hardest})

"""

_STRANGERS = """\
Of what is no digit, this much gets a probability of {limit:.4f} (`unsure_below`) or more and
passes for one. The limit was chosen on validation rows, so that 99 % of the digits there
reach it; of the test digits {kept:.2%} do. All was drawn with fonts and by generators that no
training saw; photographs and stars are kinds that no training saw.

| pictures without a digit | pass |
|---|--:|
{passing}

Each letter in 20 fonts: {letters}.

"""

_TRAINING = """\
## Training

{settings}

![Loss and error rate over the epochs, training and validation](history.png)

"""


def text(manifest: Manifest) -> str:
    """Return the card, Markdown."""
    splits = [split for split in ("test", "validation") if _has(manifest.files, split)]
    split = splits[0] if splits else "validation"
    labels = manifest.labels or DIGITS
    template = _TEMPLATE if manifest.provenance.get("training") else _OWN_TEMPLATE
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
        f'{unsure_below:.4f} for "unsure". That catches most of what is no digit, but not all.'
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
                facts.append((f"Keras {key.replace('_', ' ')}", f"{training[key]:.2%}"))
    return facts


def _table(files: tuple[ModelFile, ...], split: str) -> str:
    lines = [
        "| file | size kB | accuracy | Keras | agreement | difference |",
        "|---|--:|--:|--:|--:|--:|",
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
        return ["", "", "", ""]
    return [
        "" if parity.accuracy is None else f"{parity.accuracy:.2%}",
        "" if parity.keras_accuracy is None else f"{parity.keras_accuracy:.2%}",
        f"{parity.agreement:.2%}",
        f"{parity.max_difference:.1e}",
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
    return _EVALUATION.format(
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
    return _STRANGERS.format(
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
        ("time", f"{training['wall_s'] / 60:,.0f} minutes, {training['cpu_s'] / 60:,.0f} CPU "
         f"minutes on {training['machine']}"),
        ("rows held out for validation", f"the last {training['validation_rows']:,}"),
        *_flat(training["settings"]),
    ]  # fmt: skip
    lines = ["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows)]
    return _TRAINING.format(settings="\n".join(lines))


def _flat(settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for key, value in settings.items():
        if key == "phases":
            for number, phase in enumerate(value, start=1):
                rows += [(f"phase {number}: {name}", inner) for name, inner in _flat(phase)]
        elif isinstance(value, Mapping):
            rows += [(f"{key}: {name}", inner) for name, inner in _flat(value)]
        elif value is not None:
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
