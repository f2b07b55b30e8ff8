"""report.html: what exporting changed in the models of a folder, for a person to read."""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from digit_runtime.contract import DIGITS, SIDE, Pixels
from digit_runtime.errors import DigitError
from digit_runtime.models.manifest import Manifest, ModelFile, Parity, models_in
from digit_runtime.storage.atomic import writing
from digit_runtime.terminal import percent
from PIL import Image

from digit_export.parity import evidence
from digit_export.parity.evidence import Measured, Splits
from digit_export.parity.statistics import Reliability
from digit_export.report import flips, page_plots

PAGE_NAME: Final = "report.html"
_SIGNIFICANT: Final = 0.05
# Points between confidence and accuracy that nobody need care about.
_CALIBRATED: Final = 0.5
_COLUMNS: Final = (
    "file", "kB", "accuracy", "change, points", "", "lost", "gained", "McNemar's p", "agreement",
    "KL", "ECE", "gate",
)  # fmt: skip


def written(folder: Path) -> list[Path]:
    """Return the files that `write` writes."""
    names = (flips.FLIPS_CSV, flips.FLIPS_PICTURE)
    lists = [folder / model / name for model in models_in(folder) for name in names]
    return [folder / PAGE_NAME, *lists]


def write(folder: Path) -> Path | None:
    """Write the page about all models of `folder` that have evidence; None if none has.

    Each model's list and picture of changed answers is written beside its files.

    Raises:
        OutputError: Something cannot be written.
    """
    found = []
    for directory in (folder / model for model in models_in(folder)):
        try:
            manifest = Manifest.read(directory)
        except DigitError:  # Somebody else's; digit-info tells what is wrong with it.
            continue
        known = evidence.read(directory, manifest)
        split, rows = evidence.measured(manifest, known)
        if rows:
            flips.write(directory, known, manifest.labels or DIGITS)
            found.append(_model(manifest, known, split, rows))
    if not found:
        return None
    template = Template(files("digit_export.report").joinpath("parity.html").read_text("utf-8"))
    with writing(folder / PAGE_NAME) as stream:
        stream.write(template.substitute(models="\n".join(found)).encode())
    return folder / PAGE_NAME


def _model(
    manifest: Manifest, known: Mapping[str, Splits], split: str, rows: Sequence[Measured]
) -> str:
    first = rows[0][1]
    names = manifest.labels or DIGITS
    return "\n".join(
        [
            f"<h2>{escape(manifest.name)}</h2>",
            f"<p>Keras reads {_percent(first.keras_accuracy)} of {first.rows:,} {split} rows right"
            f". {_confidence(manifest, rows[0][2].keras_reliability)} {_verdict(rows)}</p>",
            _section("Files", "", _files(rows)),
            _section("Accuracy by class", _CLASSES, _classes(rows, names)),
            _section("Calibration", _CALIBRATION, _calibration(rows)),
            _section("Changed answers", _CHANGED, _flips(known, names)),
        ]
    )


_CLASSES: Final = (
    "How many more or fewer rows of each class the file has right than Keras. A point means no "
    "change."
)
_CALIBRATION: Final = (
    'How often an answer is right over how sure the model was: <span class="key keras">Keras</span>'
    ' and the <span class="key file">file</span>. On the diagonal, confidence can be taken at its '
    "word. Below, how many rows each bin has, by their number of decimals. Thin lines are 95 % "
    "intervals; hollow marks are bins of fewer than ten rows."
)
_CHANGED: Final = (
    f"The rows that a file answers otherwise than Keras, up to {evidence.SHOWN}, those first of "
    f"which both were sure. All of them, for each file, are in {flips.FLIPS_CSV}."
)


def _verdict(rows: Sequence[Measured]) -> str:
    """Say in a sentence which files are worse than Keras beyond what chance explains."""
    worse = [escape(_name(file)) for file, parity, _ in rows if _is_worse(parity)]
    if worse:
        return f"Worse by more than chance explains: <strong>{', '.join(worse)}</strong>."
    return "<strong>No file is worse by more than chance explains.</strong>"


def _confidence(manifest: Manifest, curve: Reliability) -> str:
    """Say whether Keras is as sure as it is right, and if not, in which way and why."""
    rows = sum(curve.rows)
    said = sum(n * mean for n, mean in zip(curve.rows, curve.confidence, strict=True)) / rows
    right = sum(curve.correct) / rows
    gap = 100 * (right - said)
    means = f"its answers say {said:.2%} on average and {right:.2%} of them are right"
    if abs(gap) < _CALIBRATED:
        return f"Its confidence can be taken at its word: {means}."
    way = "under" if gap > 0 else "over"
    why = ""
    match manifest.provenance.get("training"):
        case {"settings": {"label_smoothing": float(smoothing)}} if smoothing and gap > 0:
            why = f"; it was trained with label smoothing of {smoothing:g}"
    return f"It is {way}-confident by {abs(gap):.1f} points: {means}{why}."


def _is_worse(parity: Parity) -> bool:
    worse = (parity.accuracy or 0) < (parity.keras_accuracy or 0)
    return worse and parity.mcnemar_p is not None and parity.mcnemar_p < _SIGNIFICANT


def _files(rows: Sequence[Measured]) -> str:
    bounds = [abs(b or 0) for _, parity, _ in rows for b in (parity.change_low, parity.change_high)]
    limits = [limit for file, _, _ in rows if (limit := file.gate.get("max_accuracy_loss"))]
    reach = max([*bounds, *limits]) * 1.05 or 1.0
    axis = page_plots.axis(reach, limits)
    head = "".join(f"<th>{name or axis}" for name in _COLUMNS)
    body = "".join(f"<tr>{_file(row, reach)}" for row in rows)
    return f"<table><thead><tr>{head}<tbody>{body}</table>"


def _file(row: Measured, reach: float) -> str:
    file, parity, found = row
    low, high = parity.change_low or 0.0, parity.change_high or 0.0
    change = (parity.accuracy or 0.0) - (parity.keras_accuracy or 0.0)
    limit = file.gate.get("max_accuracy_loss")
    lost = sum(flip.keras == flip.label for flip in found.flips)
    gained = sum(flip.exported == flip.label for flip in found.flips)
    cells = [
        f"{file.bytes / 1000:,.0f}",
        _percent(parity.accuracy),
        f"{100 * change:+.3f} <small>{100 * low:+.3f} to {100 * high:+.3f}</small>",
        page_plots.interval(low, change, high, limit, reach),
        f"{lost:,}",
        f"{gained:,}",
        f'<span class="{"bad" if _is_worse(parity) else ""}">{parity.mcnemar_p or 0:.2g}</span>',
        percent(parity.agreement, 3),
        f"{parity.kl_divergence or 0:.1e}",
        f"{parity.keras_ece or 0:.2%} → {parity.ece or 0:.2%}",
        _gate(file),
    ]
    return f"<th scope=row>{escape(_name(file))}" + "".join(f"<td>{cell}" for cell in cells)


def _gate(file: ModelFile) -> str:
    if not file.tolerance:
        return '<span class="good">passed</span>'
    given = ", ".join(f"{name} {value:g}" for name, value in file.tolerance.items())
    return f'<span class="bad">passed with --tolerance</span><br><small>{escape(given)}</small>'


def _classes(rows: Sequence[Measured], names: Sequence[str]) -> str:
    head = "".join(f"<th>{escape(_name(file))}" for file, _, _ in rows)
    first = rows[0][2]
    lines = []
    for index, name in enumerate(names):
        total, right = first.class_rows[index], first.keras_correct[index]
        changes = [found.correct[index] - found.keras_correct[index] for _, _, found in rows]
        lines.append(
            f"<tr><th scope=row>{escape(name)}<td class=inline>{right / total if total else 0:.2%} "
            f"<small>of {total:,}</small>" + "".join(map(_change, changes))
        )
    return f"<table><thead><tr><th>class<th>Keras{head}<tbody>{''.join(lines)}</table>"


def _change(change: int) -> str:
    if not change:
        return '<td class="none">·'
    return f'<td class="{"bad" if change < 0 else "good"}">{change:+,}'


def _calibration(rows: Sequence[Measured]) -> str:
    """Draw the quantized files, or all if there are none: others lie on the line of Keras."""
    drawn = [row for row in rows if "max_difference" not in row[0].gate] or rows
    return '<div class="columns">' + "".join(
        f"<figure style='margin:0'><figcaption>{escape(_name(file))}</figcaption>"
        + page_plots.reliability({"keras": found.keras_reliability, "file": found.reliability})
        + "</figure>"
        for file, _, found in drawn
    ) + "</div>"  # fmt: skip


def _flips(known: Mapping[str, Splits], names: Sequence[str]) -> str:
    items = "".join(f"<li>{_flip(row, names)}" for row in flips.shown(known))
    if not items:
        return "<p>None: every file answers every row as Keras does.</p>"
    return f'<ul class="flips">{items}</ul>'


def _flip(row: flips.Flipped, names: Sequence[str]) -> str:
    flip = row.any
    answers = "<br>".join(_answers(row, names))
    caption = (
        f"{row.split} {flip.image_id:,}, labelled <strong>{escape(names[flip.label])}</strong>"
    )
    alt = f"image of a {names[flip.label]}"
    return (
        f'<img src="{_png(row.pixels)}" alt="{escape(alt)}" width=28 height=28>'
        f"{caption}<br>Keras {_answer(flip.keras, flip.label, flip.keras_confidence, names)}"
        f"<br>{answers}"
    )


def _answers(row: flips.Flipped, names: Sequence[str]) -> Iterator[str]:
    """Yield one line for each other answer, with the files that gave it."""
    by_answer: dict[int, list[tuple[str, float]]] = {}
    for path, flip in row.by_file.items():
        by_answer.setdefault(flip.exported, []).append((path, flip.exported_confidence))
    for digit, who in by_answer.items():
        surest = max(confidence for _, confidence in who)
        paths = ", ".join(escape(flips.short(path)) for path, _ in who)
        yield f"{_answer(digit, row.any.label, surest, names)} <small>{paths}</small>"


def _answer(digit: int, label: int, confidence: float, names: Sequence[str]) -> str:
    kind = "good" if digit == label else "bad"
    return f'<span class="{kind}">{escape(names[digit])}</span> {confidence:.0%}'


def _png(pixels: Pixels) -> str:
    content = io.BytesIO()
    Image.fromarray(pixels.reshape(SIDE, SIDE)).save(content, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def _section(title: str, text: str, content: str) -> str:
    explained = f"<p>{text}</p>" if text else ""
    return f'<section><h3>{title}</h3>{explained}<div class="wide">{content}</div></section>'


def _name(file: ModelFile) -> str:
    return f"{file.format} {file.precision}"


def _percent(value: float | None) -> str:
    return "-" if value is None else percent(value)
