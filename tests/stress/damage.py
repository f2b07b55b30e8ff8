"""Damaged files: each is read all the same, or refused in one line."""

import json
import shutil
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Final

import click
import numpy as np
from click.testing import CliRunner
from digit_runtime import read_csv
from digit_runtime.commands.info import info
from digit_runtime.commands.predict import predict
from digit_runtime.commands.verify import verify
from fuzz import damaged, seeds
from trials import ARTIFACTS, ROOT, Trial

_FILES: Final = 25


@lru_cache
def _seeds() -> dict[str, list[bytes]]:
    return seeds(read_csv(ROOT / "data" / "test.csv")[0][:3])


def _invoke(command: click.Command, *arguments: object) -> int:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    crash = result.exception
    assert crash is None or isinstance(crash, SystemExit), repr(crash)
    if result.exit_code:
        assert result.exit_code == 1, result.output
        errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
        assert len(errors) <= 1, result.stderr
    return result.exit_code


def inputs(random: Random, place: Path) -> int:
    """Give digit-predict damaged CSVs, arrays and pictures."""
    numbers = np.random.default_rng(random.getrandbits(32))
    for name in ("a.csv", "a.npy", "a.png"):
        kind = {"a.csv": "CSV", "a.npy": "NumPy file", "a.png": "picture"}[name]
        for _ in range(_FILES):
            (place / name).write_bytes(damaged(random.choice(_seeds()[kind]), numbers))
            output = place / "submission.csv"
            options = ["--model", "mlp", "--engine", "numpy", "--format", "onnx", "-o", output]
            status = _invoke(predict, place / name, *options, "--artifacts", ARTIFACTS)
            # A picture that cannot be read has a row without a label.
            assert output.exists() == (status == 0 or name == "a.png")
            output.unlink(missing_ok=True)
    return 3 * _FILES


def models(random: Random, place: Path) -> int:
    """Damage a model's file or manifest; nobody may use a file that is not what was published."""
    folder = place / "mlp"
    shutil.copytree(ARTIFACTS / "mlp", folder)
    data = place / "a.npy"
    np.save(data, np.zeros((2, 784), np.uint8))
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    names = [file["path"] for file in listed if (folder / file["path"]).exists()]
    numbers = np.random.default_rng(random.getrandbits(32))
    for _ in range(_FILES):
        name = random.choice([*names, "manifest.json"])
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(changed := damaged(whole, numbers))
        _invoke(info, "--artifacts", place)
        status = _invoke(verify, folder)
        if name != "manifest.json":
            assert status == 1 or changed == whole, f"{name} passes, though it is another file"
            options = ["--engine", "numpy", "-o", place / "out.csv"]
            status = _invoke(predict, data, "--model", folder / name, *options)
            assert status == 1 or changed == whole, f"{name} is used, though it is another file"
        (folder / name).write_bytes(whole)
    return _FILES


TRIALS: Final = (
    Trial(
        "damaged CSVs, arrays, pictures",
        "read, or refused in one line and without an output file (a picture: without a label)",
        20,
        inputs,
    ),
    Trial(
        "damaged model files, manifests",
        "told in one line; a file that is not the published one is never used",
        10,
        models,
    ),
)
