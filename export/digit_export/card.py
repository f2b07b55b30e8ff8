"""The model card, made from the manifest and nothing else."""

from typing import Any

from digit_runtime.manifest import Manifest, ModelFile

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

Accuracy is on {rows}. "Agreement" is how often the file's answer is that of the Keras
model on the same rows, "difference" the largest one between their probabilities.

## Data

Trained on MNIST by Yann LeCun and Corinna Cortes, licence CC BY-SA 3.0, in the format of
Kaggle's Digit Recognizer competition. The test rows were not trained on.{calibration}

Made by `digit-export` from manifest.json; do not edit.
"""


def text(manifest: Manifest) -> str:
    """Return the card, Markdown."""
    splits = [split for split in ("test", "validation") if _has(manifest.files, split)]
    split = splits[0] if splits else "validation"
    return _TEMPLATE.format(
        name=manifest.name,
        facts="\n".join(f"| {key} | {value} |" for key, value in _facts(manifest.provenance)),
        files=_table(manifest.files, split),
        rows=_rows(manifest.files, split),
        calibration=_calibration(manifest.provenance),
    )


def _has(files: tuple[ModelFile, ...], split: str) -> bool:
    return any(split in file.parity for file in files)


def _facts(provenance: Any) -> list[tuple[str, str]]:
    model, training = provenance.get("model", {}), provenance.get("training", {})
    facts = [
        ("parameters", f"{model['parameters']:,}" if "parameters" in model else ""),
        ("Keras file", f"`{model.get('file')}`, sha256 `{model.get('sha256', '')[:16]}`"),
    ]
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
        cells = [f"`{file.path}`", f"{file.bytes / 1000:,.0f}", *_figures(file, split)]
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


def _calibration(provenance: Any) -> str:
    if "calibration" not in provenance:
        return ""
    calibration = provenance["calibration"]
    return (
        f"\nThe int8 files are calibrated on {calibration['rows']} training rows, as many of "
        f"each digit,\nseed {calibration['seed']}, sha256 `{calibration['sha256'][:16]}`."
    )
