"""The `digit-read` command."""

import json
from pathlib import Path

import click

from digit_runtime.commands import options
from digit_runtime.commands.command import DigitCommand
from digit_runtime.commands.outputs import refuse_overwriting
from digit_runtime.terminal import native_stderr_silenced


@click.command(
    cls=DigitCommand,
    epilog="Example:  digit-read sheet.jpg -o digits.csv --show sheet-read.png",
)
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True)
@options.model
@options.format_and_precision
@options.engine
@click.option("--threads", type=click.IntRange(min=1), help="[default: all usable CPUs]")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Also write a row for each digit, with its box, to this CSV; - for standard output.",
)
@click.option(
    "--show",
    type=click.Path(path_type=Path),
    help="Draw boxes and answers on the picture, and write it here; a folder for several.",
)
@options.artifacts
@options.as_json
def read(
    pictures: tuple[str, ...],
    model: str,
    format_: str | None,
    precision: str | None,
    engine: str,
    threads: int | None,
    output: Path | None,
    show: Path | None,
    artifacts: Path | None,
    as_json: bool,
) -> None:
    """Find and read all digits of photos, scans, sheets and forms, line by line.

    PICTURE is an image file (PNG, JPEG, TIFF with all its pages, BMP, GIF, WebP, PNM), a PDF,
    a folder of them, a pattern, or - for standard input. Uneven light, shadows, desks,
    rules, boxes and specks are left out. A ? stands for a digit that the model is unsure
    of. What cannot be read gets a line that says why; the exit status is then 1. Missing
    folders of the outputs are made.
    """
    from digit_runtime.errors import OutputError
    from digit_runtime.loading.load import load
    from digit_runtime.models.folder import files_behind
    from digit_runtime.reading.answers import Answer, as_csv
    from digit_runtime.reading.files import pictures_of
    from digit_runtime.reading.run import Shown, read_file
    from digit_runtime.storage.atomic import writing
    from digit_runtime.terminal import track

    files = pictures_of(pictures)
    named = [file for file in files if isinstance(file, str)]
    try:
        shown = Shown(show, named) if show else None
    except OutputError as error:
        raise click.UsageError(f"--show {error}") from error
    refuse_overwriting(
        {"-o": output, "--show": [shown.path(file) for file in named] if shown else None},
        [*named, *files_behind(model, artifacts)],
    )
    with native_stderr_silenced():
        classifier = load(
            model,
            format=format_,
            precision=precision,
            engine=engine,
            threads=threads,
            artifacts=artifacts,
        )
    answers = []
    to_stdout = str(output) == "-"
    quiet = as_json or to_stdout

    def tell(text: str) -> None:
        if not quiet:
            click.echo(text)

    for file in track(files, "reading", len(files)) if len(files) > 1 else files:
        if isinstance(file, Answer):
            answer = file
            tell(answer.error_text())
        else:
            source = Path(file) if file != "-" else None
            answer = read_file(source, file, classifier, shown, tell)
        answers.append(answer)
    if to_stdout:
        click.echo(as_csv(answers), nl=False)
    elif output is not None:
        with writing(output) as stream:
            stream.write(as_csv(answers))
    if as_json:
        click.echo(json.dumps([answer.as_json() for answer in answers], indent=2), err=to_stdout)
    failed = sum(answer.error is not None for answer in answers)
    if failed:
        raise click.ClickException(f"{failed:,} of {len(answers):,} pictures could not be read")
