"""Whole runs of digit-predict against the bare engine, numpy.loadtxt, and what one writes by hand.

Every figure is a process of its own, the alternatives take turns, and medians are
compared, so a machine that slows down slows all of them:

    python tests/benchmarks/whole_process.py --model cnn --data data/test.csv
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import click
from digit_runtime.device import cpu_name, usable_cpus
from digit_runtime.models.folder import artifacts_folder
from installed import compile_sources

BARE_ENGINE = """
import sys, time
import numpy as np
from digit_runtime import load
from digit_runtime.engines.table import engine_for
pixels = np.fromfile(sys.argv[2], np.uint8).reshape(-1, 784)
classifier = load(sys.argv[1], artifacts=sys.argv[3], engine=sys.argv[4])
engine, path = engine_for(classifier.format, classifier.engine), classifier.path
run = engine.open(path.read_bytes(), path, classifier.threads).run
start = time.perf_counter()
for first in range(0, len(pixels), 64):
    run(pixels[first:first + 64])
print(time.perf_counter() - start)
"""

LOADTXT = """
import sys, time
import numpy as np
start = time.perf_counter()
np.loadtxt(sys.argv[1], np.uint8, delimiter=",", skiprows=1)
print(time.perf_counter() - start)
"""

FLOOR = """
import sys
import numpy
from digit_runtime import load
load(sys.argv[1], artifacts=sys.argv[2], engine=sys.argv[3])
"""

# One thread, and its own seconds: what a core does, whatever else the machine has to do.
READING = """
import sys, time
from digit_runtime.inputs.kaggle_csv import PixelCsv
with PixelCsv(sys.argv[1]) as csv:
    start = time.thread_time()
    for _ in csv:
        pass
    print(time.thread_time() - start)
"""

BY_HAND = """
import sys
import numpy as np, onnxruntime, pandas as pd
pixels = pd.read_csv(sys.argv[2]).to_numpy(dtype=np.uint8)
session = onnxruntime.InferenceSession(sys.argv[1])
probabilities = session.run(None, {session.get_inputs()[0].name: pixels})[0]
answers = pd.DataFrame({"ImageId": range(1, len(pixels) + 1), "Label": probabilities.argmax(1)})
answers.to_csv("by_hand.csv", index=False)
"""

KERAS = """
import os, sys
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np, pandas as pd
pixels = pd.read_csv(sys.argv[2]).to_numpy(dtype=np.uint8)
probabilities = keras.saving.load_model(sys.argv[1]).predict(pixels, verbose=0)
answers = pd.DataFrame({"ImageId": range(1, len(pixels) + 1), "Label": probabilities.argmax(1)})
answers.to_csv("keras.csv", index=False)
"""


def seconds(command: list[str], folder: Path, inner: bool = False) -> float:
    """Return the wall seconds of a process, or those that it prints of its inner part."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return float(done.stdout) if inner else time.perf_counter() - start


@click.command()
@click.option("--model", type=click.Choice(["mlp", "tiny", "cnn"]), required=True)
@click.option("--data", type=click.Path(path_type=Path, exists=True), default="data/test.csv")
@click.option("--artifacts", type=click.Path(path_type=Path, exists=True))
@click.option("--engine", default="auto", show_default=True)
@click.option("--runs", default=3, show_default=True)
@click.option("--with-keras", is_flag=True, help="Also Keras itself, which takes a minute a run.")
def main(
    model: str, data: Path, artifacts: Path | None, engine: str, runs: int, with_keras: bool
) -> None:
    """Print medians and ratios."""
    import tempfile

    from digit_runtime import read_csv

    compile_sources()
    folder = artifacts_folder(artifacts).absolute() / model
    data = data.absolute()
    float32 = folder / f"onnx/{model}-float32.onnx"
    if not float32.is_file():  # In a checkout without exports.
        float32 = folder / f"onnx/{model}-int8.onnx"
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        raw = work / "pixels.u8"
        read_csv(data)[0].tofile(raw)

        def python(script: str, *arguments: Path | str) -> list[str]:
            return [sys.executable, "-c", script, *map(str, arguments)]

        predict = "from digit_runtime.commands.predict import predict; predict()"
        alternatives = {
            "digit-predict": (
                python(
                    predict,
                    data,
                    "--model",
                    model,
                    "--artifacts",
                    folder.parent,
                    "--engine",
                    engine,
                ),
                False,
            ),
            "bare engine, inference only": (
                python(BARE_ENGINE, model, raw, folder.parent, engine),
                True,
            ),
            "numpy.loadtxt, reading only": (python(LOADTXT, data), True),
            "floor: start, numpy, engine": (python(FLOOR, model, folder.parent, engine), False),
            "reading only, of one core": (python(READING, data), True),
            "pandas and onnxruntime float32": (python(BY_HAND, float32, data), False),
        }
        if with_keras:
            alternatives["Keras"] = (python(KERAS, folder / "model.keras", data), False)
        times: dict[str, list[float]] = {key: [] for key in alternatives}
        for _ in range(runs):
            for key, (command, inner) in alternatives.items():
                times[key].append(seconds(command, work, inner))
    ours = statistics.median(times["digit-predict"])
    click.echo(
        f"{cpu_name()}, {usable_cpus()} CPUs, {model} int8, engine {engine}, median of {runs} runs"
    )
    megabytes = data.stat().st_size / 1e6
    speed = megabytes / statistics.median(times["reading only, of one core"])
    click.echo(f"CSV: {speed:,.0f} MB/s a core, {megabytes:.0f} MB")
    for key, values in times.items():
        median = statistics.median(values)
        click.echo(
            f"{key:31} {median:7.2f} s   digit-predict takes {ours / median:5.2f} x this, "
            f"or is {median / ours:5.2f} x faster"
        )


if __name__ == "__main__":
    main()
