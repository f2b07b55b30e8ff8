"""kill -9 at a random moment: what was there is whole, and the same command goes on."""

import csv
import shutil
from collections.abc import Collection
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from digit_runtime import load, read_csv
from digit_runtime.models.manifest import MANIFEST_NAME, Manifest, read_verified
from trials import ARTIFACTS, ROOT, Trial, killed, leftovers, run

_ROWS: Final = 4000
_FIXED: Final = ("--format", "onnx", "--engine", "onnxruntime")


def _digits(place: Path, rows: int) -> Path:
    pixels = read_csv(ROOT / "data" / "test.csv")[0][:rows]
    np.save(place / "digits.npy", pixels)
    return place / "digits.npy"


def _answers(data: Path) -> list[int]:
    classifier = load("mlp", artifacts=ARTIFACTS, format="onnx", engine="onnxruntime")
    return [int(label) for label in classifier.predict(np.load(data))]


def _submitted(path: Path) -> list[int]:
    return [int(row["Label"]) for row in csv.DictReader(path.open())]


def of_predict(random: Random, place: Path) -> int:
    """Kill digit-predict over an earlier answer."""
    data = _digits(place, _ROWS)
    target = place / "submission.csv"
    target.write_text("old")
    arguments = [data, "--model", "mlp", *_FIXED, "--artifacts", ARTIFACTS]
    killed(random, place, "digit-predict", *arguments)
    assert target.read_text() == "old" or _submitted(target) == _answers(data)
    run(place, "digit-predict", *arguments)
    assert _submitted(target) == _answers(data)
    assert not leftovers(place)
    return 1


def of_batch(random: Random, place: Path) -> int:
    """Kill digit-batch, the command itself; what is published is right, and the rest follows."""
    import pyarrow.parquet as pq

    data = _digits(place, _ROWS)
    wanted = _answers(data)
    arguments = [data, "-o", "out", "--model", "mlp", *_FIXED, "--part-rows", 500]
    arguments += ["--artifacts", ARTIFACTS, "--workers", 2]
    killed(random, place, "digit-batch", *arguments)
    for attempt in range(2):
        rows: list[tuple[int, int]] = []
        for path in (place / "out").glob("*.parquet"):
            table = pq.read_table(path)
            rows += zip(table["row"].to_pylist(), table["label"].to_pylist(), strict=True)
        assert len(dict(rows)) == len(rows), "a row is there twice"
        assert all(label == wanted[row - 1] for row, label in rows), "a wrong answer"
        if not attempt:
            run(place, "digit-batch", *arguments)
    assert len(rows) == _ROWS
    assert not leftovers(place)
    return 1


def of_compare(random: Random, place: Path) -> int:
    """Kill digit-compare; nothing of it goes on, and its cache is no obstacle."""
    _digits(place, 500)
    arguments = ["--artifacts", ARTIFACTS, "--models", "mlp", "--engine", "onnxruntime", "--quick"]
    killed(random, place, "digit-compare", *arguments, "--json")
    run(place, "digit-predict", "digits.npy", "--model", "mlp", "--artifacts", ARTIFACTS)
    assert not leftovers(place)
    return 1


def _training(place: Path, rows: int) -> Path:
    head = (ROOT / "data" / "train.csv").open("rb")
    with head, (place / "train.csv").open("wb") as stream:
        stream.writelines(head.readline() for _ in range(rows + 1))
    return place / "train.csv"


def of_train(random: Random, place: Path) -> int:
    """Kill digit-train; no half model is there, and --resume or a new training makes it."""
    data = _training(place, 600)
    arguments = ["--model", "mlp", "--recipe", "notebook", "--epochs", 4, "--data", data]
    arguments += ["--out", "model"]
    killed(random, place, "digit-train", *arguments)
    model = place / "model"
    if not (model / MANIFEST_NAME).exists():
        again = ["--resume"] if list(place.rglob("state.json")) else []
        run(place, "digit-train", *arguments, *again)
    manifest = Manifest.read(model)
    described = manifest.described("model")
    assert described
    read_verified(model / described.path, described)
    assert not leftovers(place)
    return 1


def of_export(random: Random, place: Path) -> int:
    """Kill digit-export; every listed file is whole, and the same command completes the rest."""
    shutil.copytree(ARTIFACTS / "mlp", place / "mlp")
    before = Manifest.read(place / "mlp")
    # A checkout has not all files that were exported.
    absent = {file.path for file in before.files if not (place / "mlp" / file.path).exists()}
    # The manifest says that 2,100 rows were held out.
    data = _training(place, 4000)
    arguments = ["--artifacts", place, "--data", data, "--format", "onnx", "--precision", "float16"]
    arguments += ["--model", "mlp", "--force"]
    killed(random, place, "digit-export", *arguments)
    _verify(place / "mlp", absent)
    run(place, "digit-export", *arguments)
    after = Manifest.read(place / "mlp")
    # An int8 file is calibrated on rows of --data; of other rows it is no longer listed.
    kept = {file.path for file in before.files if file.precision != "int8"}
    assert {file.path for file in after.files} == kept, after.files
    _verify(place / "mlp", absent)
    assert not leftovers(place)
    return 1


def _verify(folder: Path, absent: Collection[str]) -> None:
    for file in Manifest.read(folder).files:
        if file.path not in absent:
            read_verified(folder / file.path, file)


TRIALS: Final = (
    Trial(
        "kill -9 of digit-predict",
        "the old answers or all new ones; the next run leaves nothing of it",
        20,
        of_predict,
    ),
    Trial(
        "kill -9 of digit-compare",
        "no process goes on; the cache does no harm",
        10,
        of_compare,
    ),
    Trial(
        "kill -9 of digit-batch",
        "no process goes on; what is there is right; the same command does the rest, once",
        10,
        of_batch,
    ),
    Trial(
        "kill -9 of digit-train",
        "no half model; --resume, or the same command, makes it",
        6,
        of_train,
    ),
    Trial(
        "kill -9 of digit-export",
        "every file that the manifest lists is whole; the same command does the rest",
        6,
        of_export,
    ),
)
