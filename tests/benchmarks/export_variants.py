"""What else could be exported: size, answers and speed of variants beside the shipped files.

    python tests/benchmarks/export_variants.py --model mlp --model cnn

Every variant is made anew from the Keras model. Answers are compared with Keras's on the
2,100 rows held out from training, never on test rows, so that a choice may be made by
them. Times are ratios to the shipped int8 file of the same format, taken in turns on one
thread; overflows are pairs of products that a CPU without VNNI would saturate, on 20
images. Variants of litert-quantizer are measured if that package is installed.
"""

import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
import numpy as np
import onnx
import onnxruntime as ort
import saturation
import tensorflow as tf
from digit_export.convert import onnx as to_onnx
from digit_export.convert import onnx_quantize
from digit_export.convert import tflite as to_tflite
from digit_export.convert.onnx_fold import fold_scaling
from digit_export.keras_model.network import Network
from digit_export.parity.calibration_rows import CALIBRATION_ROWS, draw
from digit_export.parity.statistics import kl_divergence
from digit_export.quiet import quiet
from digit_runtime import load, read_csv
from digit_runtime.contract import Labels, Pixels, Probabilities
from digit_runtime.device import cpu_name
from digit_runtime.models.classifier import Classifier
from digit_runtime.terminal import table
from onnxruntime import quantization as ortq

VALIDATION_ROWS = 2100
SHIPPED = "int8, as shipped"
ENGINES = {".onnx": "onnxruntime", ".tflite": "litert"}


def onnx_variants(network: Network, calibration: Pixels) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes."""
    graph = to_onnx.graph(network)
    hidden = ["Conv", "Gemm"]
    signed = ortq.QuantType.QInt8
    models = {
        SHIPPED: onnx_quantize.static(graph, calibration),
        "int8, scaling not folded": onnx_quantize.qdq(graph, calibration, hidden),
        "int8, weights of 8 bits": fold_scaling(
            onnx_quantize.qdq(graph, calibration, hidden, reduce_range=False)
        ),
        "int8, activations int8 (S8S8)": onnx_quantize.qdq(
            graph, calibration, hidden, reduce_range=False, activations=signed
        ),
        "int8, all outputs quantized": fold_scaling(onnx_quantize.qdq(graph, calibration, [])),
        "dynamic": onnx_quantize.dynamic(graph),
        "float16 weights": onnx_quantize.half_weights(graph),
        "float32": graph,
    }
    for name, model in models.items():
        yield name, model.SerializeToString(deterministic=True)


def tflite_variants(network: Network, calibration: Pixels) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes."""
    yield SHIPPED, to_tflite.int8(network, calibration)
    with to_tflite.converting(network) as converter:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: ([row[None]] for row in calibration)
        yield "int8, softmax too", bytes(converter.convert())
    yield "dynamic", to_tflite.dynamic(network, calibration)
    yield "float16 weights", to_tflite.float16(network, calibration)
    float32 = to_tflite.float32(network, calibration)
    yield "float32", float32
    if importlib.util.find_spec("litert_quantizer"):
        from litert_quantizer import quantizer, recipe

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "float32.tflite")
            path.write_bytes(float32)
            for bits in ("wi8", "wi4"):
                maker = quantizer.Quantizer(str(path))
                maker.load_quantization_recipe(getattr(recipe, f"dynamic_{bits}_afp32")())
                content = maker.quantize().quantized_model
                yield f"litert-quantizer, dynamic {bits}", bytes(content)


def load_ms(content: bytes, runs: int = 9) -> float:
    """Return the median time in which onnxruntime makes a session."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def opened(path: Path) -> tuple[Classifier, float]:
    """Return a file's classifier, and the milliseconds that loading it takes."""
    with quiet():
        load(path, engine=ENGINES[path.suffix], threads=1)
        start = time.perf_counter()
        classifier = load(path, engine=ENGINES[path.suffix], threads=1)
        took = 1000 * (time.perf_counter() - start)
    return classifier, load_ms(path.read_bytes()) if path.suffix == ".onnx" else took


def figures(mine: Probabilities, keras: Probabilities, answers: Labels) -> list[str]:
    """Return accuracy, agreement and divergence."""
    digits = mine.argmax(axis=1)
    return [
        f"{np.mean(digits == answers):.2%}",
        f"{np.mean(digits == keras.argmax(axis=1)):.2%}",
        f"{kl_divergence(keras, mine):.0e}",
    ]


def overflowing(path: Path, pixels: Pixels) -> str:
    """Return how many pairs overflow in an ONNX file with such layers."""
    if path.suffix != ".onnx":
        return "-"
    found = list(saturation.layers(onnx.load(path), pixels))
    return f"{sum(layer.overflows() for layer in found):,}" if found else "-"


def as_ort(content: bytes) -> bytes:
    """Return onnxruntime's own format, optimized ahead as far as it is portable."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.ort")
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        options.optimized_model_filepath = str(path)
        options.log_severity_level = 3
        options.add_session_config_entry("session.save_model_format", "ORT")
        ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        return path.read_bytes()


def ratios(
    runs: Sequence[Callable[[Pixels], object]], batch: Pixels, seconds: float
) -> list[float]:
    """Return each one's median time over the first's, taken in turns."""
    inner = []
    for run in runs:
        run(batch)
        start = time.perf_counter()
        run(batch)
        inner.append(max(1, round(0.003 / (time.perf_counter() - start))))
    found: list[list[float]] = [[] for _ in runs]
    random = np.random.default_rng(0)
    end = time.monotonic() + seconds * len(runs)
    while time.monotonic() < end or len(found[0]) < 5:
        took = [0.0] * len(runs)
        # In another order every time: each leaves the caches to the next as it made them.
        for index in random.permutation(len(runs)):
            runs[index](batch)
            start = time.perf_counter()
            for _ in range(inner[index]):
                runs[index](batch)
            took[index] = (time.perf_counter() - start) / inner[index]
        for turn, value in zip(found, took, strict=True):
            turn.append(value / took[0])
    return [statistics.median(turn) for turn in found]


@click.command()
@click.option(
    "--model", "models", type=click.Choice(["mlp", "tiny", "cnn"]), multiple=True, required=True
)
@click.option("--artifacts", type=click.Path(path_type=Path), default="artifacts")
@click.option("--data", type=click.Path(path_type=Path), default="data/train.csv")
@click.option("--seconds", default=1.0, show_default=True, help="Of timing, for each figure.")
def main(models: tuple[str, ...], artifacts: Path, data: Path, seconds: float) -> None:
    """Print one table for each model and format."""
    pixels, labels = read_csv(data)
    assert labels is not None
    held_out, answers = pixels[-VALIDATION_ROWS:], labels[-VALIDATION_ROWS:]
    train = slice(None, -VALIDATION_ROWS)
    calibration = draw(pixels[train], labels[train], CALIBRATION_ROWS, [0, 0]).pixels
    click.echo(f"{cpu_name()}, one thread; accuracy and agreement on {VALIDATION_ROWS:,} rows")
    header = ["variant", "kB", "accuracy", "agreement", "KL", "overflows", "load ms"]
    header += ["1 image\ntime", "32 images\ntime"]
    for name in models:
        network = Network.load(artifacts / name / "model.keras")
        keras = network.predict(held_out)
        for suffix, make in ((".onnx", onnx_variants), (".tflite", tflite_variants)):
            with tempfile.TemporaryDirectory() as folder:
                lines, runs = [], []
                with quiet():
                    variants = list(make(network, calibration))
                for index, (variant, content) in enumerate(variants):
                    path = Path(folder, f"{index}{suffix}")
                    path.write_bytes(content)
                    classifier, load_time = opened(path)
                    found = figures(classifier.predict_proba(held_out), keras, answers)
                    kilobytes = f"{len(content) / 1000:,.0f}"
                    overflows = overflowing(path, held_out[:20])
                    lines.append([variant, kilobytes, *found, overflows, f"{load_time:.1f}"])
                    runs.append(classifier.predict_proba)
                for size in (1, 32):
                    batch = np.ascontiguousarray(held_out[:size])
                    for line, ratio in zip(lines, ratios(runs, batch, seconds), strict=True):
                        line.append(f"{ratio:.2f}")
                if suffix == ".onnx":
                    own = as_ort(variants[0][1])
                    kilobytes, took = f"{len(own) / 1000:,.0f}", f"{load_ms(own):.1f}"
                    lines.append([f"{SHIPPED}, as .ort", kilobytes, *"----", took, *"--"])
            click.echo(f"\n{name} {suffix[1:]}\n{table(header, lines)}")


if __name__ == "__main__":
    main()
