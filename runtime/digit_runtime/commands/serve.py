"""The `digit-serve` command."""

import os
from pathlib import Path
from typing import Final

import click

from digit_runtime.commands import options
from digit_runtime.commands.command import DigitCommand, say
from digit_runtime.device import MOST_THREADS

_TOKEN: Final = "DIGIT_SERVE_TOKEN"


def _token(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    # click takes an empty variable for none, and would let everybody in.
    if value is None:
        value = os.environ.get(_TOKEN)
    if value is not None and not (value.strip() and value.isascii() and value.isprintable()):
        raise click.BadParameter("expected printable ASCII characters, at least one")
    return value


def _name(ctx: click.Context, option: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for name in value:
        if not name or set(name) & set("/:*, "):
            raise click.BadParameter(f"expected a name as digits.example.org, not {name!r}")
    return value


@click.command(cls=DigitCommand, epilog="Example:  digit-serve --model cnn --port 8000")
@click.option("--model", default="cnn", show_default=True, help="The one that answers first.")
@options.format_and_precision
@options.engine
@click.option(
    "--threads",
    type=click.IntRange(1, MOST_THREADS),
    help="Of each worker.  [default: all usable CPUs]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes that answer; more than one for devices with several cores.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at; 0.0.0.0 serves the whole network.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option(
    "--allowed-host",
    "allowed",
    multiple=True,
    metavar="NAME",
    callback=_name,
    help="Another name of this server, as behind a proxy; may be repeated.",
)
@click.option(
    "--token",
    envvar=_TOKEN,
    callback=_token,
    show_envvar=True,
    help="A secret that the API then asks for, as bearer token.",
)
@click.option("--access-log", is_flag=True, help="Say on stderr who asks for what.")
@options.artifacts
def serve(
    model: str,
    format_: str | None,
    precision: str | None,
    engine: str,
    threads: int | None,
    workers: int,
    host: str,
    port: int,
    allowed: tuple[str, ...],
    token: str | None,
    access_log: bool,
    artifacts: Path | None,
) -> None:
    """Serve a page to draw digits on, and a JSON API, from this device.

    POST /predict takes pixels or a picture; /openapi.json describes the API; /healthz,
    /readyz and /metrics are for those who watch it. Ctrl-C or SIGTERM stops the server once
    it has answered what it accepted.
    """
    from digit_runtime.device import usable_cpus
    from digit_runtime.errors import PackageNotInstalledError

    try:
        from digit_runtime.serve.access import hosts_of, is_loopback
        from digit_runtime.serve.loaded_models import Wanted
        from digit_runtime.serve.server import Settings, listen
        from digit_runtime.serve.server import serve as run
    except ImportError as error:
        raise PackageNotInstalledError(
            f'digit-serve needs {error.name}: pip install "digit-runtime[serve]"'
        ) from error

    listener = listen(host, port)
    with listener:
        bound, port = listener.getsockname()[:2]
        settings = Settings(
            wanted=Wanted(model, format_, precision, None if engine == "auto" else engine),
            artifacts=artifacts,
            threads=threads or (max(1, usable_cpus() // workers) if workers > 1 else None),
            token=token,
            hosts=hosts_of(host, bound, allowed),
            access_log=access_log,
            workers=workers,
        )
        models = settings.load()
        used = models.first.classifier
        where = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        if not is_loopback(bound) and not token:
            click.echo("note: anybody on the network may use it; --token asks for one", err=True)

        def started() -> None:
            say(f"{used.path.name} on {used.engine} at {where}  (Ctrl-C stops)")

        run(listener, settings, models, started)
        click.echo("stopped", err=True)
