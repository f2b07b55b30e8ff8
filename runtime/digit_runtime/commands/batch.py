"""The `digit-batch` command."""

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from digit_runtime.commands import options
from digit_runtime.commands.command import DigitCommand, say
from digit_runtime.commands.outputs import refuse_overwriting
from digit_runtime.terminal import native_stderr_silenced

_SHOWN: Final = 5


@click.command(
    cls=DigitCommand,
    epilog="Example:  digit-batch scans/ 'more/*.parquet' -o scored/ --model cnn",
)
@click.argument(
    "inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path(readable=False)
)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FOLDER",
    type=click.Path(readable=False),
    help="Gets the results.",
)
@click.option(
    "--output-format",
    type=click.Choice(["parquet", "csv"]),
    default="parquet",
    show_default=True,
    help="Of the results.",
)
@click.option(
    "--address",
    help="Of a Ray cluster, such as ray://host:10001.  [default: none: "
    "workers are started on this machine]",
)
@click.option(
    "--workers", type=click.IntRange(min=1), help="[default: as many as there are CPUs for]"
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Of each worker's engine.",
)
@click.option(
    "--part-rows",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="Rows that are scored, written and, after an interruption, repeated at once.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 if any row or file is bad.")
@click.option(
    "--force",
    is_flag=True,
    help="Replace results of inputs that changed, of another model, or of other options.",
)
@options.model
@options.format_and_precision
@options.engine
@options.orientation
@options.artifacts
@options.as_json
def batch(
    inputs: tuple[str, ...],
    output: str,
    output_format: str,
    address: str | None,
    workers: int | None,
    threads: int,
    part_rows: int,
    strict: bool,
    force: bool,
    model: str,
    format_: str | None,
    precision: str | None,
    engine: str,
    invert: bool,
    transpose: bool,
    artifacts: Path | None,
    as_json: bool,
) -> None:
    """Predict the digits of many files, with many workers, on one machine or a Ray cluster.

    An INPUT is a file, a folder or a pattern, of CSV (also .gz), .npy and Parquet files and of
    pictures; so may be an address such as s3://bucket/scans/. Parquet has the columns pixel0 to
    pixel783, or one column pixels with 784 bytes or numbers. Of pictures (photos, scans and
    forms, TIFF and PDF with all pages) every digit is found and is a row, as digit-read reads it.

    FOLDER gets Parquet or CSV files with source, row, label and confidence, and _errors.csv
    with source, row, column and reason. Each appears only when it is complete; what is
    complete is skipped when the command is repeated.
    """
    missing = [name for name in ("pyarrow", "fsspec", "ray") if not importlib.util.find_spec(name)]
    if missing:
        from digit_runtime.errors import PackageNotInstalledError

        raise PackageNotInstalledError(
            f'digit-batch needs {", ".join(missing)}: pip install "digit-runtime[batch]"'
        )
    from digit_runtime.batch.resume import classifier_for
    from digit_runtime.batch.run import Settings, run
    from digit_runtime.models.folder import files_behind

    if "://" not in output:
        folder = Path(output)
        # A file that lies in the results would be taken for one of them.
        files = [folder, *(folder / Path(name).name for name in inputs if "://" not in name)]
        refuse_overwriting({"-o": files}, [*inputs, *files_behind(model, artifacts)])
    with native_stderr_silenced():
        classifier = classifier_for(
            output,
            model,
            format=format_,
            precision=precision,
            engine=engine,
            threads=threads,
            artifacts=artifacts,
        )
    settings = Settings(
        address, workers, threads, part_rows, output_format, invert, transpose, force
    )
    summary = run(inputs, output, classifier, settings)
    _tell("warning", summary.warnings)
    _tell("passed over", [f"{one.name}: {one.reason}" for one in summary.passed_over])
    click.echo(json.dumps(summary.as_json(), indent=2) if as_json else str(summary))
    if strict and (summary.rows_bad or summary.files_bad):
        raise click.ClickException(
            f"--strict: {summary.rows_bad:,} rows and {summary.files_bad:,} files are bad; see "
            f"{summary.errors_file}"
        )


def _tell(what: str, texts: Sequence[str]) -> None:
    for text in texts[:_SHOWN]:
        say(f"{what}: {text}", err=True)
    if more := len(texts[_SHOWN:]):
        click.echo(f"{what}: {more:,} more; --json names all", err=True)
