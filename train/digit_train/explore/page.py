"""The report of `digit-data explore`: pictures, and one HTML page that holds them."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from digit_runtime.contract import LABELS
from digit_runtime.storage.atomic import writing

from digit_train.explore import pictures
from digit_train.explore.summary import Digits, Summary

PAGE: Final = "index.html"
EXAMPLES: Final = "examples.png"
MEANS: Final = "means.png"
BALANCE: Final = "balance.png"
DIGIT: Final = "digit.png"
_PICTURE: Final = re.compile(r'<img [^>]*src="([\w-]+\.png)"')


def names(rows: Sequence[int]) -> list[str]:
    """Return what the files of a report are called; `rows` are those to draw large."""
    rows = rows or [1]
    return [PAGE, EXAMPLES, MEANS, BALANCE, *(picture_of(row, rows) for row in rows)]


def write(folder: Path, summary: Summary, digits: Digits, rows: Sequence[int]) -> list[Path]:
    """Publish the report and return its files, the page first.

    Without labels there are no means and no balance; those of an earlier report in the
    same folder are removed, so that it never mixes two files.

    Args:
        folder: Made if missing.
        summary: Of the same file as `digits`.
        digits: What to draw.
        rows: Those to draw large, from 1 to N.

    Raises:
        OutputError: The folder is not writable.
    """
    names = {row: picture_of(row, rows) for row in rows}
    figures = {names[row]: pictures.one_digit(digits.pixels[row - 1]) for row in rows}
    if summary.counts is None:
        figures[EXAMPLES] = pictures.first_examples(digits)
    else:
        figures[EXAMPLES] = pictures.examples_by_class(digits)
        figures[MEANS] = pictures.mean_by_class(digits)
        figures[BALANCE] = pictures.class_balance(summary.counts)
    for name, figure in figures.items():
        pictures.save(figure, folder / name)
    # Only what an earlier report shows: the folder may hold other people's pictures.
    with suppress(OSError, UnicodeDecodeError):
        for name in set(_PICTURE.findall((folder / PAGE).read_text("utf-8"))) - set(figures):
            (folder / name).unlink(missing_ok=True)
    template = Template(files("digit_train.explore").joinpath("explore.html").read_text("utf-8"))
    page = template.substitute(
        name=escape(Path(summary.file).name),
        facts="\n".join(_facts(summary)),
        sections="\n".join(
            [
                _head(digits),
                *_sections(summary),
                *(_large(row, names[row], label_of(digits, row)) for row in names),
            ]
        ),
    )
    with writing(folder / PAGE) as stream:
        stream.write(page.encode())
    return [folder / name for name in (PAGE, *figures)]


def picture_of(row: int, rows: Sequence[int]) -> str:
    """Return the name of the picture of a row, one of those to draw large."""
    return DIGIT if len(set(rows)) == 1 else f"digit-{row}.png"


def label_of(digits: Digits, row: int) -> str | None:
    """Return the label of a row, from 1 to N, as text; None if it has none."""
    if digits.labels is None or digits.labels[row - 1] != digits.labels[row - 1]:
        return None
    return f"{digits.labels[row - 1]:g}"


def value_range(summary: Summary) -> str:
    """Return the range of the pixels as text."""
    if summary.minimum is None or summary.maximum is None:
        return "none"
    return f"{summary.minimum:g} to {summary.maximum:g}"


def _facts(summary: Summary) -> Iterator[str]:
    labelled = summary.counts is not None
    yield _fact("rows", f"{summary.rows:,}")
    yield _fact(
        "columns", f"{summary.columns}", "label and 784 pixels" if labelled else "pixels, no label"
    )
    first = f"first: {summary.first_missing}" if summary.first_missing else None
    yield _fact("missing values", f"{summary.missing:,}", first, bad=summary.missing > 0)
    yield _fact("pixel values", value_range(summary))
    if summary.not_pixels:
        yield _fact(
            "impossible pixels", f"{summary.not_pixels:,}", "not whole, or not 0 to 255", True
        )
    if summary.not_digits:
        yield _fact("impossible labels", f"{summary.not_digits:,}", "not a digit from 0 to 9", True)


def _fact(name: str, value: str, note: str | None = None, bad: bool = False) -> str:
    small = f"<small>{escape(note)}</small>" if note else ""
    kind = ' class="bad"' if bad else ""
    return f"<div><dt>{name}</dt><dd{kind}>{escape(value)}{small}</dd></div>"


def _sections(summary: Summary) -> Iterator[str]:
    if summary.counts is None:
        yield _section(
            "Examples",
            "The first digits of the file. It has no labels, so there is nothing to say about "
            "its classes.",
            _image(EXAMPLES, "a grid of the first handwritten digits of the file"),
        )
    else:
        yield _section(
            "Class balance",
            "Rows per digit; the dashed line is where all would be equal.",
            f'<div class="columns">{_image(BALANCE, "bar chart of the rows per digit")}'
            f"{_balance_table(summary.counts)}</div>",
        )
        yield _section(
            "Examples",
            "The first digits of each class.",
            _image(EXAMPLES, "a grid of handwritten digits, a row for each class from 0 to 9"),
        )
        yield _section(
            "Mean images",
            "The mean of all digits of each class.",
            _image(MEANS, "ten blurred digits, the mean image of each class"),
        )


def _large(row: int, picture: str, label: str | None) -> str:
    known = "not labelled" if label is None else f"labelled {label}"
    return _section(
        f"Row {row:,}",
        f"One digit, {escape(known)}; rows and columns of pixels count from 0. A missing pixel "
        "would be red.",
        _image(picture, f"the handwritten digit of row {row}, {known}", 'class="one" '),
    )


def _head(digits: Digits) -> str:
    header, *rows = digits.head()
    cells = "".join(f"<th>{escape(name)}" for name in header)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}" for cell in row) for row in rows)
    return _section(
        "First rows",
        "The first and last columns of pixels, which are nearly always paper.",
        f'<div class="wide"><table><tr>{cells}{lines}</table></div>',
    )


def _section(title: str, text: str, content: str) -> str:
    return f"<section><h2>{title}</h2><p>{text}</p>\n{content}</section>"


def _image(name: str, alt: str, attributes: str = "") -> str:
    return f'<img {attributes}src="{name}" alt="{escape(alt)}">'


def _balance_table(counts: tuple[int, ...]) -> str:
    total = max(sum(counts), 1)
    rows = "".join(
        f"<tr><td>{digit}<td>{counts[digit]:,}<td>{counts[digit] / total:.2%}"
        for digit in range(LABELS)
    )
    return f"<table><tr><th>digit<th>rows<th>share{rows}</table>"
