"""A precision is one entry in the table of targets, a container one row, engine and exporter."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import digit_export
import digit_runtime
import numpy as np
import pytest
from digit_runtime.contract import Labels, Pixels

# What somebody adds to which file: a row at the start of a table, or a new file.
PRECISION = {
    "digit_export/convert/targets.py": (
        "TARGETS: Final = (",
        'Target("onnx", "made-up", "digit_export.convert.onnx:float32", Gate(1e-4)),',
    ),
}
CONTAINER = {
    "digit_export/convert/targets.py": (
        "TARGETS: Final = (",
        'Target("reversed", "float32", "backwards:export", Gate(max_difference=1e-4)),',
    ),
    "digit_runtime/formats/table.py": ("FORMATS: Final = (", 'Format("reversed"),'),
    "digit_runtime/engines/table.py": (
        "ENGINES: Final = (",
        'Engine("backwards", "reversed", ("onnxruntime",), "onnx", "backwards"),',
    ),
    "backwards.py": (
        "",
        """
def export(network, rows):
    from digit_export.convert import onnx

    return onnx.float32(network, rows)[::-1]


def open(content, path, threads):
    from digit_runtime.engines import onnxruntime

    return onnxruntime.open(content[::-1], path, threads)
""",
    ),
}
RUN = """
import importlib, sys

name, *sys.argv[1:] = sys.argv[1:]
package = "digit_export" if name == "export" else "digit_runtime"
getattr(importlib.import_module(f"{package}.commands.{name}"), name)()
"""

Digits = tuple[Pixels, Labels]
Addition = dict[str, tuple[str, str]]


@pytest.fixture
def sources(
    mlp: Path, lay_out: Callable[..., Path], tmp_path: Path
) -> tuple[Callable[[Addition], None], Callable[..., str]]:
    """Add to a copy of the sources, and run its commands; they return their output."""
    lay_out(mlp, tmp_path / "artifacts" / "mlp")

    folder = tmp_path / "sources"
    for package in (digit_export, digit_runtime):
        shutil.copytree(Path(str(package.__file__)).parent, folder / package.__name__)
    path = os.pathsep.join([str(folder), *filter(None, sys.path)])

    def add(addition: Addition) -> None:
        for name, (before, text) in addition.items():
            file = folder / name
            old = file.read_text() if before else ""
            assert before in old
            file.write_text(old.replace(before, before + text, 1))

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", RUN, *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return add, run


@pytest.mark.parametrize(
    ("addition", "format", "precision", "engine"),
    [
        (PRECISION, "onnx", "made-up", "onnxruntime"),
        (CONTAINER, "reversed", "float32", "backwards"),
    ],
    ids=["precision", "container"],
)
def test_one_addition_is_exported_told_used_verified_and_compared(
    addition: Addition,
    format: str,
    precision: str,
    engine: str,
    sources: tuple[Callable[[Addition], None], Callable[..., str]],
    data: Path,
    test_digits: Digits,
    tmp_path: Path,
) -> None:
    add, command = sources
    add(addition)
    which = ["--format", format, "--precision", precision]
    where = ["--artifacts", "artifacts"]
    rows = ["--data", str(data / "test.csv"), "--labels", str(data / "test_labels.csv")]
    name = f"mlp-{precision}.{format}"

    exported = command(
        "export", "--model", "mlp", *where, *which, "--data", str(data / "train.csv")
    )
    assert name in exported
    assert "exported" in exported

    told = command("info", "mlp", *where)
    assert name in told
    assert ("unknown" in told) is (precision == "made-up")

    test = str(data / "test.csv")
    command("predict", test, "--model", "mlp", *where, *which, "-o", "labels.csv")
    labels = np.loadtxt(tmp_path / "labels.csv", int, delimiter=",", skiprows=1)[:, 1]
    assert (labels == test_digits[1][: len(labels)]).mean() > 0.9

    verified = command("verify", "mlp", *where, *which)
    assert f"{format}/{name}" in verified
    assert "OK: 1 check" in verified or "OK: 2 checks" in verified or "OK: 3 checks" in verified

    compared = command("compare", *where, *rows, "--seconds", "0.01", "--rows", "50", "--json")
    (row, *_) = [r for r in json.loads(compared)["results"] if r["engine"] == engine]
    assert (row["format"], row["precision"]) == (format, precision)
    assert row["accuracy"] > 0.8
