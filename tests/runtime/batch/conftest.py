"""Batch runs, with Ray's workers replaced by one in this process where Ray is not the point."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from digit_runtime.contract import Labels, Pixels

NEEDS_RAY = pytest.mark.skipif(
    find_spec("ray") is None, reason="needs Ray: the extra digit-runtime[batch]"
)
Run = Callable[..., Result]
# Fixed, so that nothing is measured and two runs use the same file.
FORMAT = ("--format", "onnx", "--engine", "onnxruntime")


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Score in this process: what a worker does is the same, and Ray takes seconds to start."""
    from digit_runtime.batch import ray_cluster
    from digit_runtime.batch.scorer import Scorer

    @contextmanager
    def connected(address: str | None, cpus: int, mark: str | None) -> Iterator[int]:
        yield cpus

    def score_all(parts: Sequence[Any], job: Any, model: bytes, workers: int) -> Iterator[Any]:
        scorer = Scorer(job, model)
        yield from map(scorer.score, parts)

    monkeypatch.setattr(ray_cluster, "connected", connected)
    monkeypatch.setattr(ray_cluster, "score_all", score_all)


@pytest.fixture
def batch(run: Run, artifacts: Path) -> Callable[..., Result]:
    """Run digit-batch with the mlp, in an empty folder."""
    from digit_runtime.commands.batch import batch as command

    def invoke(*arguments: object) -> Result:
        return run(command, "--artifacts", artifacts, "--model", "mlp", *FORMAT, *arguments)

    return invoke


@pytest.fixture
def score(batch: Callable[..., Result]) -> Callable[..., dict[str, Any]]:
    """Run digit-batch, which must succeed, and return its JSON."""

    def invoke(*arguments: object) -> dict[str, Any]:
        result = batch(*arguments, "--json")
        assert result.exit_code == 0, result.output
        document: dict[str, Any] = json.loads(result.stdout)
        return document

    return invoke


@pytest.fixture
def expected(artifacts: Path, test_digits: tuple[Pixels, Labels]) -> Labels:
    """What digit-predict answers for the test digits, from 0 to 3000."""
    from digit_runtime import load

    classifier = load("mlp", artifacts=artifacts, engine="onnxruntime", format="onnx")
    return classifier.predict(test_digits[0][:3000])


Answers = dict[str, dict[int, int]]


def answers(folder: Path) -> Answers:
    """Return the label of every row of every source, from the Parquet files in a folder."""
    import pyarrow.parquet as pq

    table = pq.read_table(folder)
    found: Answers = {}
    columns = (table[name].to_pylist() for name in ("source", "row", "label"))
    for source, row, label in zip(*columns, strict=True):
        rows = found.setdefault(Path(source).name, {})
        assert row not in rows
        rows[row] = label
    return found


def errors(folder: Path) -> list[tuple[str, str, str, str]]:
    """Return what is in the errors file, with the sources' names only."""
    with (folder / "_errors.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [(Path(r["source"]).name, r["row"], r["column"], r["reason"]) for r in rows]


def numbered(labels: Labels) -> dict[int, int]:
    """Return labels as `answers` gives those of a source."""
    return dict(enumerate(labels.tolist(), start=1))


def write_parquet(path: Path, pixels: Pixels, group: int) -> Path:
    """Write the column `pixels` of 784 bytes, in row groups of that many rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row.tobytes() for row in np.ascontiguousarray(pixels)]
    pq.write_table(pa.table({"pixels": rows}), path, row_group_size=group)
    return path
