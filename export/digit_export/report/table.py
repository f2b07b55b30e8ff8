"""What `digit-export` prints: a table, JSON, and the commands to run next."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from digit_runtime.models.manifest import Parity
from digit_runtime.terminal import one_line, percent, table

from digit_export.keras_model.find import Source
from digit_export.parity.parity import ALONE
from digit_export.publish.outcome import REPRODUCED, Outcome

_HEADER = ["file", "kB", "accuracy", "vs Keras", "agreement", "max diff", "mean diff", "result"]

_REPRODUCED_NOTE = (
    f"{REPRODUCED}: byte for byte the file that manifest.json describes, so its figures are the\n"
    "recorded ones; it was checked here on the validation rows. --force measures all again."
)


def as_table(source: Source, outcomes: Sequence[Outcome]) -> str:
    """Return one line per target: its figures on the test rows, if any, and what became of it."""
    splits = [name for name in ("test", "validation") if any(name in o.parity for o in outcomes)]
    split = splits[0] if splits else "validation"
    known = [outcome.parity[split] for outcome in outcomes if split in outcome.parity]
    title = source.name
    if known and known[0].keras_accuracy is not None:
        title += f": Keras {percent(known[0].keras_accuracy)} on {known[0].rows:,} {split} rows"
    rows = [
        [
            outcome.path.name,
            f"{outcome.bytes / 1000:,.0f}" if outcome.bytes else "-",
            *_figures(outcome.parity.get(split)),
            outcome.status,
        ]
        for outcome in outcomes
    ]
    text = f"{title}\n\n{table(_HEADER, rows)}"
    if told := [line for outcome in outcomes for line in _told(outcome)]:
        text += "\n\n" + "\n".join(map(one_line, told))
    if any(outcome.status == REPRODUCED for outcome in outcomes):
        text += f"\n\n{_REPRODUCED_NOTE}"
    return text


def _told(outcome: Outcome) -> Iterator[str]:
    """Yield a line for each thing that the table has no column for."""
    for reason in outcome.reasons:
        yield f"{outcome.path.name} {outcome.status}: {reason}"
    if singly := outcome.parity.get(ALONE):
        yield (
            f"{outcome.path.name}: an answer depends on the images that are asked for with it; "
            f"one image at a time agreement {percent(singly.agreement, 3)} on {singly.rows:,} "
            f"validation rows, max diff {singly.max_difference:.1e}"
        )


def as_json(source: Source, outcomes: Sequence[Outcome], lost: Sequence[str]) -> dict[str, Any]:
    """Return the same and the figures on every split, as plain data.

    Args:
        source: The model.
        outcomes: Of its targets.
        lost: The files that the manifest lists no longer.
    """
    return {
        "model": source.name,
        "folder": str(source.directory),
        "keras_sha256": source.sha256,
        "no_longer_listed": list(lost),
        "files": [
            {
                "path": str(outcome.path),
                "format": outcome.target.format,
                "precision": outcome.target.precision,
                "status": outcome.status,
                "reasons": list(outcome.reasons),
                "bytes": outcome.bytes,
                "sha256": outcome.sha256,
                "parity": {key: asdict(parity) for key, parity in outcome.parity.items()},
                **({"layers": [e.as_json() for e in outcome.layers]} if outcome.layers else {}),
            }
            for outcome in outcomes
        ],
    }


def layers(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield a table of the layers of each file whose layers were compared."""
    for outcome in outcomes:
        if outcome.layers:
            from digit_export.parity.layer_errors import as_table

            yield f"{outcome.path.name}, layer by layer\n\n{as_table(list(outcome.layers))}"


def next_steps(
    sources: Sequence[Source], rows: Path | None, labels: Path | None, format: str | None = None
) -> str:
    """Return the commands that use what was exported.

    Args:
        sources: The exported models; those of one folder are compared together.
        rows: A CSV to predict, which is not the one that the models were trained on; None
            if there is none, and then the files are verified and timed on their own rows.
        labels: The CSV of its labels, if there is one.
        format: The only one that was exported; None for all.
    """
    kind = ["--format", format] if format else []
    given = ["--labels", str(labels)] if labels else []
    data = ["--data", str(rows)] if rows else []
    lines: list[list[str]] = []
    for folder in dict.fromkeys(_shown(source.directory.parent) for source in sources):
        models = [s.directory.name for s in sources if _shown(s.directory.parent) == folder]
        where = ["--artifacts", str(folder), *kind]
        for model in models:
            output = ["-o", f"submission-{model}.csv"]
            lines.append(
                ["digit-predict", _argument(rows), "--model", model, *where, *given, *output]
                if rows
                else _verify(model, where)
            )
        which = [word for model in models for word in ("--models", model)]
        lines.append(["digit-compare", *which, *where, *data, *given])
    return "\n  ".join(["next:", *map(shlex.join, lines)])


def _argument(path: Path) -> str:
    # What begins with a dash would be read as an option.
    return f"./{path}" if str(path).startswith("-") else str(path)


def _verify(model: str, where: list[str]) -> list[str]:
    # Nor can "./" help here: it would make a path of a name.
    if model.startswith("-"):
        return ["digit-verify", *where, "--", model]
    return ["digit-verify", model, *where]


def _shown(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _figures(parity: Parity | None) -> list[str]:
    if parity is None:
        return ["-"] * 5
    accuracy, difference = "-", "-"
    if parity.accuracy is not None and parity.keras_accuracy is not None:
        accuracy = percent(parity.accuracy)
        difference = f"{100 * (parity.accuracy - parity.keras_accuracy):+.3f}"
    return [
        accuracy,
        difference,
        percent(parity.agreement, 3),
        f"{parity.max_difference:.1e}",
        f"{parity.mean_difference:.1e}",
    ]
