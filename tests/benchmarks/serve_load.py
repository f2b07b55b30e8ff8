"""digit-serve under load: requests a second and their latency, beside the bare engine.

    python tests/benchmarks/serve_load.py --model mlp --model cnn

A server runs in a process of its own; 1, 16 and 256 clients, each with one connection,
send one digit after the other, as JSON and in another row as PNG. They share the machine
with the server, so a client elsewhere sees more. Every answer is compared with the
engine's own. The bare engine predicts the same digits in this process, one by one and in
batches of 64, on as many threads.
"""

import asyncio
import io
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import cycle, islice

import click
import numpy as np
from digit_runtime import load, read_csv
from digit_runtime.contract import Pixels
from digit_runtime.device import cpu_name, usable_cpus
from digit_runtime.terminal import native_stderr_silenced, table
from PIL import Image

COMMAND = [
    sys.executable,
    "-c",
    "from digit_runtime.commands.serve import serve; serve()",
    "--port",
    "0",
]
DIGITS = 500


def as_json(row: Pixels) -> tuple[str, bytes]:
    """Return content type and body."""
    return "application/json", json.dumps({"pixels": row.tolist()}).encode()


def as_png(row: Pixels) -> tuple[str, bytes]:
    """Return content type and body: the digit, black on white, of 200 x 200 pixels."""
    stream = io.BytesIO()
    Image.fromarray(255 - row.reshape(28, 28)).resize((200, 200)).save(stream, "PNG")
    return "image/png", stream.getvalue()


def request(form: Callable[[Pixels], tuple[str, bytes]], row: Pixels) -> bytes:
    """Return the bytes of a whole request."""
    kind, body = form(row)
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def client(
    port: int, requests: list[tuple[bytes, str | None]], end: float, first: int
) -> list[float]:
    """Send requests until the end; return the seconds of each."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    for content, label in islice(cycle(requests), first, None):
        start = time.perf_counter()
        if start > end:
            break
        writer.write(content)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length
        body = await reader.readexactly(int(length[1]))
        took.append(time.perf_counter() - start)
        assert head.startswith(b"HTTP/1.1 200"), head + body
        found = json.loads(body)["predictions"][0]["label"]
        assert label in (None, found), f"expected {label}, got {found}"
    writer.close()
    return took


async def clients(
    port: int, requests: list[tuple[bytes, str | None]], count: int, seconds: float
) -> tuple[float, list[float]]:
    """Return requests a second, and the seconds of each."""
    start = time.perf_counter()
    done = await asyncio.gather(
        *(client(port, requests, start + seconds, 7 * n % DIGITS) for n in range(count))
    )
    elapsed = time.perf_counter() - start
    took = [value for part in done for value in part]
    return len(took) / elapsed, took


def rate(work: Callable[[Pixels], object], pixels: Pixels, rows: int, seconds: float) -> float:
    """Return the images a second of the engine itself, in batches of `rows`."""
    batches = [
        np.ascontiguousarray(pixels[i : i + rows]) for i in range(0, len(pixels) - rows, rows)
    ]
    done, start = 0, time.perf_counter()
    for batch in cycle(batches):
        if time.perf_counter() - start > seconds:
            break
        work(batch)
        done += len(batch)
    return done / (time.perf_counter() - start)


@click.command()
@click.option("--model", "models", type=click.Choice(["mlp", "cnn"]), multiple=True, required=True)
@click.option("--data", type=click.Path(exists=True), default="data/test.csv")
@click.option("--seconds", default=5.0, show_default=True, help="For each figure.")
@click.option("--clients", "counts", default=(1, 16, 256), multiple=True, show_default=True)
def main(models: tuple[str, ...], data: str, seconds: float, counts: tuple[int, ...]) -> None:
    """Print one table."""
    pixels = read_csv(data)[0][:DIGITS]
    click.echo(f"{cpu_name()}, {usable_cpus()} CPUs, shared by server and clients\n")
    lines = []
    for model in models:
        server = subprocess.Popen(
            [*COMMAND, "--model", model], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert server.stdout
        try:
            started = re.search(r" on (\w+) at http://[^ ]*:(\d+)/", server.stdout.readline())
            assert started, server.communicate()[1]
            engine, port = started[1], int(started[2])
            with native_stderr_silenced():
                classifier = load(model, engine=engine)
            single = rate(classifier.predict_proba, pixels, 1, seconds)
            batched = rate(classifier.predict_proba, pixels, 64, seconds)
            for name, speed in (("one by one", single), ("batches of 64", batched)):
                lines.append([model, f"{engine} itself, {name}", *"--", f"{speed:,.0f}", *"---"])
            answers = [classifier.labels[label] for label in classifier.predict(pixels)]
            for form, checked in ((as_json, True), (as_png, False)):
                bodies = [request(form, row) for row in pixels]
                # The picture is centred anew, which changes a few answers.
                wanted = list(zip(bodies, answers if checked else cycle([None]), strict=False))
                for count in counts:
                    speed, took = asyncio.run(clients(port, wanted, count, seconds))
                    centiles = statistics.quantiles(took, n=100)
                    lines.append(
                        [
                            *(model, "digit-serve", form.__name__[3:], f"{count}"),
                            *(f"{speed:,.0f}", f"{speed / batched:.1%}"),
                            *(f"{1000 * centiles[i]:.1f}" for i in (49, 98)),
                        ]
                    )
        finally:
            server.terminate()
            server.communicate()
    header = ["model", "what", "body", "clients", "digits/s", "of batches\nof 64", "p50\nms"]
    click.echo(table([*header, "p99\nms"], lines, left=3))


if __name__ == "__main__":
    main()
