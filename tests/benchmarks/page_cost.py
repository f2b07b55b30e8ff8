"""What reading a page takes: CPU, time and memory of digit-read, start of Python included.

    python tests/benchmarks/page_cost.py

The sheet is A4 at 200 dpi, of real test digits; the larger ones are the same photographed with
50 and 108 megapixels. One CPU, one thread.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from digit_runtime import load, read_csv, read_digits
from digit_runtime.contract import Labels, Pixels
from digit_runtime.inputs.kaggle_csv import read_labels
from digit_runtime.terminal import table
from installed import compile_sources
from page_maker import blank, noise, write
from PIL import Image

COMMAND = "from digit_runtime.commands.read import read; read()"
SIZES = {
    "A4, 200 dpi": (1654, 2339),
    "50 megapixels": (6120, 8160),
    "108 megapixels": (9000, 12000),
}
REPEATS = 7


def sheet(digits: Pixels, labels: Labels) -> Image.Image:
    """Return a page of A4 full of lines."""
    rng = np.random.default_rng(1)
    page = blank(2339, 1654)
    write(page, digits, labels, rng)
    noise(page, 2, rng)
    return Image.fromarray((np.clip(page.paper, 0, 1) * 255).astype(np.uint8))


def cost(path: Path, model: str) -> tuple[float, float, float]:
    """Return the CPU seconds, the seconds and the peak memory in MB of one digit-read."""
    command = [sys.executable, "-c", COMMAND, str(path), "--model", model, "--threads", "1"]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--engine", "onnxruntime"],
        stdout=subprocess.DEVNULL,
        env=environment,
        preexec_fn=lambda: os.sched_setaffinity(0, {0}),
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise click.ClickException(f"digit-read failed on {path}")
    seconds = time.perf_counter() - start
    return usage.ru_utime + usage.ru_stime, seconds, usage.ru_maxrss / 1000


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), default=Path("data/test.csv"))
@click.option("--answers", type=click.Path(path_type=Path), default=Path("data/test_labels.csv"))
@click.option("--model", "models", multiple=True, default=("cnn", "tiny"), show_default=True)
def main(data: Path, answers: Path, models: tuple[str, ...]) -> None:
    """Print what pages of three sizes take, by the command and in a process that is warm."""
    compile_sources()
    page = sheet(read_csv(data)[0], read_labels(answers))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, size in SIZES.items():
            path = Path(folder, f"{size[0]}.jpg")
            page.resize(size).save(path, quality=90)
            for model in models:
                cpu, seconds, memory = min(cost(path, model) for _ in range(3))
                classifier = load(model, engine="onnxruntime", threads=1)
                warm = []
                for _ in range(REPEATS):
                    start = time.process_time()
                    read_digits(path, classifier)
                    warm.append(time.process_time() - start)
                middle = sorted(warm)[REPEATS // 2]
                row = [
                    name,
                    model,
                    f"{middle:.2f}",
                    f"{cpu:.2f}",
                    f"{seconds:.2f}",
                    f"{memory:.0f}",
                ]
                rows.append(row)
    click.echo(table(["page", "model", "CPU s, warm", "CPU s", "s", "peak MB"], rows))


if __name__ == "__main__":
    main()
