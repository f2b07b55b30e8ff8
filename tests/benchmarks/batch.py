"""digit-batch against digit-predict: rows a second, fixed cost, memory, and a billion images.

    python tests/benchmarks/batch.py --model mlp --model cnn --memory 1 --memory 2 --memory 4

The rows are the real ones in a random order, drawn as often as needed. Every time is that
of a whole process, start and end included; the alternatives take turns and medians are
kept. The fixed cost is the time for a single row. Memory is Linux's proportional set size,
which counts shared pages once, of the command, Ray and the workers, sampled as they run.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import numpy as np
from digit_runtime.contract import PIXELS, Pixels
from digit_runtime.device import cpu_name, usable_cpus
from digit_runtime.terminal import table

SCRIPTS: Final = {
    "digit-predict": "from digit_runtime.commands.predict import predict; predict()",
    "digit-batch": "from digit_runtime.commands.batch import batch; batch()",
}
BILLION: Final = 1_000_000_000
BAD_ROWS: Final = 1280
CHUNK: Final = 10_000
SAMPLE_S: Final = 0.2


def write(path: Path, pixels: Pixels, rows: int) -> Path:
    """Write `rows` of the digits, in random order, without holding them all."""
    random = np.random.default_rng(0)
    with path.open("wb") as stream:
        if path.suffix == ".npy":
            header = {"descr": "|u1", "fortran_order": False, "shape": (rows, PIXELS)}
            np.lib.format.write_array_header_1_0(stream, header)
        for start in range(0, rows, CHUNK):
            chosen = pixels[random.integers(0, len(pixels), min(CHUNK, rows - start))]
            if path.suffix == ".npy":
                stream.write(chosen.tobytes())
            else:
                np.savetxt(stream, chosen, fmt="%d", delimiter=",")
    return path


def start(command: str, data: Path, model: str) -> subprocess.Popen[str]:
    """Start a command; its first word is the program."""
    program, *options = command.split()
    out = data.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    target = out if program == "digit-batch" else data.parent / "out.csv"
    options += ["--model", model, "--precision", "int8", "-o", str(target)]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPTS[program], str(data), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> None:
    """Wait for a command, which must succeed."""
    _, errors = process.communicate()
    if process.returncode:
        raise click.ClickException(errors)


def seconds(command: str, data: Path, model: str) -> float:
    """Return the wall time of a command."""
    begin = time.perf_counter()
    finish(start(command, data, model))
    return time.perf_counter() - begin


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes that a process started, and those that they did."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:  # It has just ended.
            continue
        for child in children:
            yield from descendants(int(child))


def megabytes(pid: int) -> tuple[str, float]:
    """Return the name of a process and its proportional set size."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        name = Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]
    except OSError:  # It has just ended.
        return "", 0
    return name, next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1e3


def peaks(command: str, data: Path, model: str) -> tuple[float, float, float]:
    """Return the peak megabytes of the command, of its largest worker, and of all together."""
    process = start(command, data, model)
    own = worker = total = 0.0
    while process.poll() is None:
        sizes = {pid: megabytes(pid) for pid in descendants(process.pid)}
        workers = [size for name, size in sizes.values() if "MapWorker" in name]
        own = max(own, sizes[process.pid][1])
        worker = max([worker, *workers])
        total = max(total, sum(size for _, size in sizes.values()))
        time.sleep(SAMPLE_S)
    finish(process)
    return own, worker, total


def speed(
    model: str, one: Path, many: Path, rows: int, runs: int, workers: int
) -> tuple[list[list[str]], float]:
    """Return the table's rows, and the rows/s of the most workers, fixed cost left out."""
    cut = f"--part-rows {max(1, rows // (10 * workers))}"
    pairs = [
        (f"digit-predict --threads {n}", f"digit-batch --workers {n} {cut}")
        for n in dict.fromkeys((1, workers))
    ]
    commands = [command for pair in pairs for command in pair]
    fixed: dict[str, list[float]] = {command: [] for command in commands}
    whole: dict[str, list[float]] = {command: [] for command in commands}
    for _ in range(runs):
        for command in commands:
            fixed[command].append(seconds(command, one, model))
            whole[command].append(seconds(command, many, model))
    lines = []
    rate = 0.0
    for reference, command in ((pair[0], command) for pair in pairs for command in pair):
        spent, idle = statistics.median(whole[command]), statistics.median(fixed[command])
        rate = (rows - 1) / (spent - idle)
        base = statistics.median(whole[reference]) - statistics.median(fixed[reference])
        lines.append(
            [
                *(model, command.removesuffix(f" {cut}"), f"{rows:,}"),
                *(f"{spent:.2f}", f"{idle:.2f}", f"{rows / spent:,.0f}", f"{rate:,.0f}"),
                f"{(spent - idle) / base - 1:+.1%}",
            ]
        )
    return lines, rate


def bad_rows(folder: Path, pixels: Pixels, runs: int) -> str:
    """Return how fast digit-batch's reader is where one row in 64 is bad, against none."""
    from digit_runtime.batch.readers import csv
    from digit_runtime.batch.sources import find

    lines = [",".join(map(str, row)) for row in pixels[:BAD_ROWS].tolist()]
    broken = [f"x{line}" if row % 64 == 63 else line for row, line in enumerate(lines)]
    times: dict[str, list[float]] = {"clean": [], "broken": []}
    for _ in range(runs):
        for name, content in (("clean", lines), ("broken", broken)):
            path = folder / f"{name}.csv"
            path.write_text("\n".join([*content, ""]))
            (source,) = find([str(path)], str(folder / "out")).sources
            begin = time.perf_counter()
            found = [rows for part in csv.plan(source, BAD_ROWS) for rows in csv.read(part)]
            times[name].append(time.perf_counter() - begin)
            bad = sum(len(rows.bad) for rows in found)
            if bad != len(lines) // 64 * (name == "broken"):
                raise click.ClickException(f"{bad} rows of {name}.csv were called bad")
    clean, slow = (statistics.median(times[name]) for name in ("clean", "broken"))
    return (
        f"{BAD_ROWS:,} rows, one in 64 of them bad: read in {slow * 1e3:.1f} ms, at "
        f"{clean / slow:.2f} of the speed of good ones ({clean * 1e3:.1f} ms)"
    )


def billion(model: str, rate: float, workers: int, price: float | None) -> str:
    """Return what follows for a billion images."""
    hours = BILLION / rate / 3600
    cost = f"{hours:,.1f} x the price of a machine hour"
    if price is not None:
        cost = f"{hours:,.1f} x {price:g} = {hours * price:,.2f}"
    machines = ", ".join(f"{-(-hours // n):,.0f} for {n} h" for n in (1, 8, 24))
    return (
        f"{model}: 1,000,000,000 images / {rate:,.0f} rows/s / 3,600 s = {hours:,.1f} machine "
        f"hours ({workers} workers a machine); machines: {machines}; cost: {cost}"
    )


# What a page holds decides how much of 784 columns is held: by pyarrow's default 20,000 rows.
LAYOUTS: Final[dict[str, dict[str, int]]] = {
    "pixels": {},
    "784 columns": {},
    "784 columns, pages of 64 kB": {"data_page_size": 1 << 16, "max_rows_per_page": 1 << 30},
    "784 columns, pages of 1 MB": {"data_page_size": 1 << 20, "max_rows_per_page": 1 << 30},
}


def write_parquet(path: Path, pixels: Pixels, rows: int, layout: str) -> Path:
    """Write one row group, whatever its size.

    Args:
        path: Of the file.
        pixels: To draw from, uint8 ``[N, 784]``.
        rows: To write.
        layout: Of `LAYOUTS`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    wide = layout != "pixels"
    random = np.random.default_rng(0)
    names = [f"pixel{index}" for index in range(PIXELS)] if wide else ["pixels"]
    kind = pa.uint8() if wide else pa.binary(PIXELS)
    schema = pa.schema([(name, kind) for name in names])
    batches = []
    for start in range(0, rows, CHUNK):
        chosen = pixels[random.integers(0, len(pixels), min(CHUNK, rows - start))]
        if wide:
            columns = [pa.array(np.ascontiguousarray(column)) for column in chosen.T]
        else:
            buffers = [None, pa.py_buffer(chosen.tobytes())]
            columns = [pa.FixedSizeBinaryArray.from_buffers(kind, len(chosen), buffers)]
        batches.append(pa.record_batch(columns, schema=schema))
    pq.write_table(pa.Table.from_batches(batches), path, row_group_size=rows, **LAYOUTS[layout])
    assert pq.ParquetFile(path).num_row_groups == 1
    return path


READ: Final = """
import re, sys
from pathlib import Path
from digit_runtime.batch.readers import parquet
from digit_runtime.batch.sources import find
(source,) = find([sys.argv[1]], "out").sources
parts = parquet.plan(source, 100_000)
rows = sum(len(some.pixels) for part in parts for some in parquet.read(part))
# Not getrusage: what it tells begins with the peak of the process that started this one.
print(rows, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e3)
"""


def reading_peak(path: Path, rows: int) -> float:
    """Return the peak resident megabytes of a process that reads a Parquet file, and no more."""
    result = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True
    )
    read, peak = result.stdout.split()
    assert int(read) == rows
    return float(peak)


@click.command()
@click.option("--model", "models", type=click.Choice(["tiny", "mlp", "cnn"]), multiple=True)
@click.option("--data", type=click.Path(path_type=Path, exists=True), default="data/test.csv")
@click.option("--format", "suffix", type=click.Choice(["npy", "csv"]), default="npy")
@click.option("--mlp-rows", default=2_000_000, show_default=True)
@click.option("--cnn-rows", default=100_000, show_default=True)
@click.option("--runs", default=3, show_default=True)
@click.option("--workers", default=usable_cpus(), show_default=True)
@click.option("--memory", "millions", type=float, multiple=True, help="Millions of rows.")
@click.option(
    "--row-group", "groups", type=float, multiple=True, help="Millions of rows in one group."
)
@click.option("--price", type=float, help="Of a machine like this one for an hour.")
def main(
    models: tuple[str, ...],
    data: Path,
    suffix: str,
    mlp_rows: int,
    cnn_rows: int,
    runs: int,
    workers: int,
    millions: tuple[float, ...],
    groups: tuple[float, ...],
    price: float | None,
) -> None:
    """Print what was measured, and what follows from it for a billion images."""
    from digit_runtime import read_csv

    pixels = read_csv(data)[0]
    click.echo(f"{cpu_name()}, {usable_cpus()} CPUs, .{suffix}, median of {runs} runs\n")
    with tempfile.TemporaryDirectory() as name:
        click.echo(bad_rows(Path(name), pixels, 5 * runs) + "\n")
        one = write(Path(name, f"one.{suffix}"), pixels, 1)
        lines: list[list[str]] = []
        rates: dict[str, float] = {}
        for model in models:
            rows = cnn_rows if model == "cnn" else mlp_rows
            many = write(Path(name, f"many.{suffix}"), pixels, rows)
            measured, rates[model] = speed(model, one, many, rows, runs, workers)
            lines += measured
        if lines:
            header = ["model", "command", "rows", "seconds", "one row\ns", "rows/s"]
            header += ["rows/s after\nthe first", "time after the first\nto digit-predict's"]
            click.echo(table(header, lines, left=2) + "\n")
        for model, rate in rates.items():
            click.echo(billion(model, rate, workers, price))
        lines = []
        for rows in (round(million * 1e6) for million in millions):
            many = write(Path(name, f"many.{suffix}"), pixels, rows)
            found = peaks(f"digit-batch --workers {workers}", many, "mlp")
            lines.append([f"{rows:,}", *(f"{size:,.0f}" for size in found)])
        if lines:
            header = ["rows", "command MB", "largest\nworker MB", "with Ray\nMB"]
            click.echo("\n" + table(header, lines))
        lines = []
        for rows in (round(million * 1e6) for million in groups):
            for layout in LAYOUTS:
                path = write_parquet(Path(name, "group.parquet"), pixels, rows, layout)
                begin = time.perf_counter()
                peak = reading_peak(path, rows)
                spent = time.perf_counter() - begin
                size = path.stat().st_size / 1e6
                lines.append([layout, f"{rows:,}", f"{size:,.0f}", f"{peak:,.0f}", f"{spent:.1f}"])
        if lines:
            header = ["columns", "rows of the\none group", "file MB", "reader's\npeak MB", "s"]
            click.echo("\n" + table(header, lines))


if __name__ == "__main__":
    main()
