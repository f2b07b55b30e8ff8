"""Two commands at once in one folder: one after the other, or one refuses; they never mix."""

from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from digit_runtime import read_csv
from digit_runtime.models.manifest import Manifest, read_verified
from trials import ARTIFACTS, ROOT, Command, Trial, leftovers


def of_predict(random: Random, place: Path) -> int:
    """Two digit-predict write one file: it is that of one of them, whole."""
    pixels = read_csv(ROOT / "data" / "test.csv")[0]
    sizes = random.sample(range(100, 5000), 2)
    for size in sizes:
        np.save(place / f"{size}.npy", pixels[:size])
    options = ["--model", "mlp", "--engine", "numpy", "--format", "onnx", "-o", "out.csv"]
    commands = [
        Command(place, "digit-predict", f"{size}.npy", *options, "--artifacts", ARTIFACTS)
        for size in sizes
    ]
    assert [command.finish()[0] for command in commands] == [0, 0]
    assert len((place / "out.csv").read_text().splitlines()) - 1 in sizes
    assert not leftovers(place)
    return 1


def of_batch(random: Random, place: Path) -> int:
    """Two digit-batch write one folder: one does all, the other refuses or comes after it."""
    np.save(place / "digits.npy", read_csv(ROOT / "data" / "test.csv")[0][:2000])
    arguments = ["digits.npy", "-o", "out", "--model", "mlp", "--artifacts", ARTIFACTS]
    arguments += ["--format", "onnx", "--engine", "onnxruntime", "--workers", 1]
    commands = [Command(place, "digit-batch", *arguments) for _ in range(2)]
    ends = [command.finish() for command in commands]
    assert 0 in [status for status, *_ in ends], ends
    for status, _, errors in ends:
        assert status == 0 or "another digit-batch is writing there" in errors, errors
    assert len(list((place / "out").glob("*.parquet"))) == 1
    assert not leftovers(place)
    return 1


def of_export(random: Random, place: Path) -> int:
    """Two digit-export publish into one folder: the manifest has both their files, whole."""
    import shutil

    (place / "mlp").mkdir()
    shutil.copy(ARTIFACTS / "mlp" / "model.keras", place / "mlp")
    with (ROOT / "data" / "train.csv").open("rb") as source:
        (place / "train.csv").write_bytes(b"".join(source.readline() for _ in range(4001)))
    options = ["--artifacts", place, "--data", place / "train.csv", "--model", "mlp"]
    options += ["--format", "onnx", "--precision"]
    commands = [
        Command(place, "digit-export", *options, precision) for precision in ("float32", "float16")
    ]
    for command in commands:
        status, _, errors = command.finish()
        assert status == 0, errors
    files = Manifest.read(place / "mlp").files
    assert {file.precision for file in files} == {"float32", "float16"}
    for file in files:
        read_verified(place / "mlp" / file.path, file)
    assert not leftovers(place)
    return 1


TRIALS: Final = (
    Trial("two digit-predict -o one file", "the file is one of theirs, whole", 10, of_predict),
    Trial("two digit-batch -o one folder", "one writes, the other refuses or adds", 3, of_batch),
    Trial("two digit-export, one folder", "the manifest lists the files of both", 3, of_export),
)
