"""The `digit-serve` command."""

from pathlib import Path

import click

from digit_runtime.commands import options
from digit_runtime.commands.command import DigitCommand


def _token(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    # An empty one would let everybody in, and others do not fit into a header.
    if value is not None and not (value.strip() and value.isascii() and value.isprintable()):
        raise click.BadParameter("expected printable ASCII characters, at least one")
    return value


@click.command(cls=DigitCommand, epilog="Example:  digit-serve --model cnn --port 8000")
@click.option("--model", default="cnn", show_default=True, help="The one that answers first.")
@options.format_and_precision
@options.engine
@click.option("--threads", type=click.IntRange(min=1), help="[default: all usable CPUs]")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at; 0.0.0.0 serves the whole network.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option(
    "--token",
    envvar="DIGIT_SERVE_TOKEN",
    callback=_token,
    show_envvar=True,
    help="A secret that the API then asks for, as bearer token.",
)
@options.artifacts
def serve(
    model: str,
    format_: str | None,
    precision: str | None,
    engine: str,
    threads: int | None,
    host: str,
    port: int,
    token: str | None,
    artifacts: Path | None,
) -> None:
    """Serve a page to draw digits on, and a JSON API, from this device.

    POST /predict takes pixels or a picture; /openapi.json describes the API, /healthz and
    /metrics are for those who watch it. Ctrl-C or SIGTERM stops the server once it has
    answered what it accepted.
    """
    from digit_runtime.errors import PackageNotInstalledError

    try:
        from digit_runtime.serve.limits import Limits
        from digit_runtime.serve.loaded_models import Lanes, Wanted
        from digit_runtime.serve.server import is_loopback, listen
        from digit_runtime.serve.server import serve as run
    except ImportError as error:
        raise PackageNotInstalledError(
            f'digit-serve needs {error.name}: pip install "digit-runtime[serve]"'
        ) from error

    limits = Limits()
    listener = listen(host, port)
    with listener:
        wanted = Wanted(model, format_, precision, None if engine == "auto" else engine)
        lanes = Lanes(wanted, artifacts, threads, limits)
        used = lanes.first.classifier
        address = f"[{host}]" if ":" in host else host
        where = f"http://{address}:{listener.getsockname()[1]}/"
        if not is_loopback(host) and not token:
            click.echo("note: anybody on the network may use it; --token asks for one", err=True)

        def started() -> None:
            click.echo(f"{used.path.name} on {used.engine} at {where}  (Ctrl-C stops)")

        try:
            run(listener, lanes, limits, token, started)
        except KeyboardInterrupt:
            click.echo("stopped", err=True)
