"""Overhead per call, cold start, peak memory and the gain of a second thread.

python tests/benchmarks/small_things.py --data data/test.csv
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import click
import numpy as np
from digit_runtime import load, read_csv
from digit_runtime.contract import Pixels
from digit_runtime.device import cpu_name, usable_cpus
from digit_runtime.engines.table import engine_for
from installed import compile_sources

PREDICT = "from digit_runtime.commands.predict import predict; predict()"
ENGINES = ("onnxruntime", "litert")


def medians_us(works: Sequence[Callable[[], object]], runs: int = 3000) -> list[float]:
    """Return the median time of each call in microseconds; they take turns."""
    times: list[list[int]] = [[] for _ in works]
    for _ in range(runs):
        for work, taken in zip(works, times, strict=True):
            start = time.perf_counter_ns()
            work()
            taken.append(time.perf_counter_ns() - start)
    return [statistics.median(taken) / 1000 for taken in times]


# Linux counts the parent's memory at the fork in a child's peak, so the parent is this
# small process and not the benchmark with its digits.
LAUNCHER = """
import os, subprocess, sys, time
start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
child.returncode = os.waitstatus_to_exitcode(status)
print(time.perf_counter() - start, usage.ru_maxrss)
sys.exit(child.returncode)
"""


def process(*arguments: object) -> tuple[float, float]:
    """Return wall seconds and peak megabytes of one Python process."""
    command = [sys.executable, "-S", "-c", LAUNCHER, sys.executable, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    wall, peak = map(float, done.stdout.split())
    return wall, peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def overhead(pixels: Pixels) -> None:
    """Compare predict_proba with the engine's own call, on one image."""
    image = pixels[:1]
    for engine in ENGINES:
        classifier = load("mlp", engine=engine, threads=1)
        path = classifier.path
        session = engine_for(classifier.format, engine).open(path.read_bytes(), path, 1)
        calls = (session.run, classifier.predict_proba)
        bare, full = medians_us([partial(call, image) for call in calls])
        click.echo(f"overhead of predict_proba, {engine}: {full - bare:.2f} us over {bare:.2f} us")


def cold_start(pixels: Pixels, folder: Path) -> None:
    """Time a process from a CSV of one row to its label; auto has measured the engines before."""
    one = folder / "one.csv"
    np.savetxt(one, pixels[:1], fmt="%d", delimiter=",")
    process("-c", PREDICT, one, "-o", os.devnull)
    for engine in (*ENGINES, "auto"):
        options = (one, "--engine", engine, "-o", os.devnull)
        runs = [process("-c", PREDICT, *options) for _ in range(5)]
        wall, peak = (statistics.median(values) for values in zip(*runs, strict=True))
        click.echo(f"cold start, cnn int8 on {engine}: {wall:.3f} s, {peak:.0f} MB")
    script = (
        "import time, numpy; s = time.perf_counter(); import digit_runtime; "
        "print(1000 * (time.perf_counter() - s))"
    )
    times = [
        float(subprocess.run([sys.executable, "-c", script], capture_output=True).stdout)
        for _ in range(5)
    ]
    click.echo(f"import digit_runtime, numpy already there: {statistics.median(times):.1f} ms")


def memory(data: Path, folder: Path) -> None:
    """Compare the peak of a file with that of one ten times as long."""
    long = folder / "long.csv"
    header, rows = data.read_bytes().split(b"\n", 1)
    with long.open("wb") as stream:
        stream.write(header + b"\n")
        for _ in range(10):
            stream.write(rows)
    for engine in ENGINES:
        options = ("--model", "mlp", "--engine", engine, "-o", os.devnull)
        (_, short_peak), (_, long_peak) = (
            process("-c", PREDICT, path, *options) for path in (data, long)
        )
        click.echo(
            f"peak memory, mlp int8 on {engine}: {short_peak:.0f} MB, ten times the rows "
            f"{long_peak:.0f} MB ({long_peak / short_peak:.2f} x)"
        )


def second_thread(pixels: Pixels) -> None:
    """Compare the cnn's throughput with one and with two threads, in turns."""
    for engine in ENGINES:
        one, two = (load("cnn", engine=engine, threads=n) for n in (1, 2))
        ratios = []
        for _ in range(5):
            times = []
            for classifier in (one, two):
                start = time.perf_counter()
                classifier.predict(pixels[:2000])
                times.append(time.perf_counter() - start)
            ratios.append(times[0] / times[1])
        click.echo(f"second thread, cnn int8 on {engine}: {statistics.median(ratios):.2f} x")


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), default="data/test.csv")
def main(data: Path) -> None:
    """Print the figures."""
    compile_sources()
    pixels = read_csv(data)[0]
    click.echo(f"{cpu_name()}, {usable_cpus()} CPUs")
    with tempfile.TemporaryDirectory() as name:
        overhead(pixels)
        cold_start(pixels, Path(name))
        second_thread(pixels)
        memory(data, Path(name))


if __name__ == "__main__":
    main()
