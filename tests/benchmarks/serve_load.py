"""digit-serve under load: digits a second and their latency, beside the bare engine.

    python tests/benchmarks/serve_load.py --model mlp --model cnn

A server runs in a process of its own; 1, 16 and 64 clients, each with one connection, send
one request after the other: JSON, raw bytes, raw bytes of 64 digits, a picture. Where there
are four CPUs or more, half of them are the server's and the bare engine's, and the other half
the clients'; with fewer they share them, so that a client elsewhere sees more. Answers are
compared with the engine's own. The bare engine predicts the same digits in this process, one
by one and in batches of 64, on as many threads as the server's.
"""

import asyncio
import io
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Any

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
DIGITS = 512
# Of the answers to 64 digits, one in so many is read; reading takes longer than the engine.
READ = 16


Asked = tuple[bytes, list[str] | None]
"""A request, and the labels that are the right answer, if that is known."""


def as_json(row: Pixels) -> tuple[str, bytes]:
    """Return content type and body."""
    return "application/json", json.dumps({"pixels": row.tolist()}).encode()


def as_png(row: Pixels) -> tuple[str, bytes]:
    """Return content type and body: the digit, black on white, of 200 x 200 pixels."""
    stream = io.BytesIO()
    Image.fromarray(255 - row.reshape(28, 28)).resize((200, 200)).save(stream, "PNG")
    return "image/png", stream.getvalue()


def as_bytes(rows: Pixels) -> tuple[str, bytes]:
    """Return content type and body."""
    return "application/octet-stream", rows.tobytes()


def request(form: Callable[[Pixels], tuple[str, bytes]], row: Pixels) -> bytes:
    """Return the bytes of a whole request."""
    kind, body = form(row)
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def client(port: int, requests: list[Asked], end: float, first: int) -> list[float]:
    """Send requests until the end; return the seconds of each."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    for content, labels in islice(cycle(requests), first, None):
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
        if labels and (len(labels) == 1 or len(took) % READ == 0):
            found = [answer["label"] for answer in json.loads(body)["predictions"]]
            assert labels == found, f"expected {labels}, got {found}"
    writer.close()
    return took


async def clients(
    port: int, requests: list[Asked], count: int, seconds: float
) -> tuple[float, list[float]]:
    """Return requests a second, and the seconds of each."""
    start = time.perf_counter()
    done = await asyncio.gather(
        *(client(port, requests, start + seconds, 7 * n % len(requests)) for n in range(count))
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


def apart() -> tuple[set[int], set[int]] | None:
    """Return the CPUs of the server and those of the clients, or None where all share them."""
    if not hasattr(os, "sched_getaffinity") or usable_cpus() < 4:
        return None
    cpus = sorted(os.sched_getaffinity(0))
    half = len(cpus) // 2
    return set(cpus[:half]), set(cpus[half:])


def forms(pixels: Pixels, answers: list[str]) -> Iterator[tuple[str, int, list[Asked]]]:
    """Yield the name of each kind of body, the digits in one, and the requests."""
    for name, form in (("JSON", as_json), ("bytes", as_bytes)):
        alone = zip(pixels, answers, strict=True)
        yield name, 1, [(request(form, row), [answer]) for row, answer in alone]
    starts = range(0, len(pixels), 64)
    yield (
        "bytes",
        64,
        [(request(as_bytes, pixels[i : i + 64]), answers[i : i + 64]) for i in starts],
    )
    # The picture is centred anew, which changes a few answers.
    yield "PNG", 1, [(request(as_png, row), None) for row in pixels]


def measure(
    model: str, pixels: Pixels, seconds: float, counts: tuple[int, ...], workers: int
) -> Any:
    """Yield the lines of one model."""
    cpus = apart()
    if cpus:
        os.sched_setaffinity(0, cpus[0])
    arguments = ["--model", model, "--workers", str(workers)]
    server = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
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
            yield [model, f"{engine} itself, {name}", *"--", f"{speed:,.0f}", *"---"]
        answers = [classifier.labels[label] for label in classifier.predict(pixels)]
        if cpus:
            os.sched_setaffinity(0, cpus[1])
        for name, digits, wanted in forms(pixels, answers):
            for count in counts:
                requests, took = asyncio.run(clients(port, wanted, count, seconds))
                centiles = statistics.quantiles(took, n=100)
                yield [
                    *(model, "digit-serve", f"{name} x {digits}", f"{count}"),
                    *(f"{requests * digits:,.0f}", f"{requests * digits / batched:.1%}"),
                    *(f"{1000 * centiles[i]:.1f}" for i in (49, 98)),
                ]
    finally:
        server.terminate()
        server.communicate()
        if cpus:
            os.sched_setaffinity(0, cpus[0] | cpus[1])


@click.command()
@click.option("--model", "models", multiple=True, required=True)
@click.option("--data", type=click.Path(exists=True), default="data/test.csv")
@click.option("--seconds", default=5.0, show_default=True, help="For each figure.")
@click.option("--clients", "counts", default=(1, 16, 64), multiple=True, show_default=True)
@click.option("--workers", default=1, show_default=True, help="Of the server.")
def main(
    models: tuple[str, ...], data: str, seconds: float, counts: tuple[int, ...], workers: int
) -> None:
    """Print one table."""
    pixels = read_csv(data)[0][:DIGITS]
    how = "half for the server, half for the clients" if apart() else "shared by server and clients"
    click.echo(f"{cpu_name()}, {usable_cpus()} CPUs, {how}; {workers} worker(s)\n")
    lines = []
    for model in models:
        for line in measure(model, pixels, seconds, counts, workers):
            click.echo("  ".join(line), err=True)
            lines.append(line)
    header = ["model", "what", "body", "clients", "digits/s", "of batches\nof 64", "p50\nms"]
    click.echo(table([*header, "p99\nms"], lines, left=3))


if __name__ == "__main__":
    main()
