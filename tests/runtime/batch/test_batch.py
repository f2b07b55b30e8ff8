"""What a run makes of its inputs; the workers are in this process."""

import gzip
import json
import os
import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from click.testing import Result
from digit_runtime.contract import Labels, Pixels

from .conftest import NEEDS_RAY, answers, errors, numbered, write_parquet

pytestmark = [NEEDS_RAY, pytest.mark.usefixtures("in_process")]

Batch = Callable[..., Result]
Score = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


@pytest.fixture
def scans(test_digits: tuple[Pixels, Labels], write_pixels: Write, tmp_path: Path) -> Path:
    """The same digits in all formats, 300 in each file."""
    pixels = test_digits[0][:300]
    folder = tmp_path / "scans"
    (folder / "inner").mkdir(parents=True)
    plain = write_pixels(folder / "plain.csv", pixels)
    (folder / "inner" / "zipped.csv.gz").write_bytes(gzip.compress(plain.read_bytes(), 1))
    write_pixels(folder / "labelled.csv", pixels, test_digits[1][:300])
    np.save(folder / "flat.npy", pixels)
    np.save(folder / "square.npy", pixels.reshape(-1, 28, 28).astype(np.int32))
    write_parquet(folder / "bytes.parquet", pixels, 90)
    (folder / "notes.txt").write_text("not digits")
    (folder / "_hidden.csv").write_text("nor these")
    return folder


def test_every_format_answers_like_digit_predict(
    score: Score, scans: Path, expected: Labels
) -> None:
    summary = score(scans, "-o", "out", "--part-rows", 100)
    found = answers(Path("out"))
    assert sorted(found) == sorted(
        ["plain.csv", "zipped.csv.gz", "labelled.csv", "flat.npy", "square.npy", "bytes.parquet"]
    )
    assert all(rows == numbered(expected[:300]) for rows in found.values())
    assert errors(Path("out")) == []
    assert (summary["rows_in"], summary["rows_out"], summary["rows_bad"]) == (1800, 1800, 0)
    # The gzip file is one part, the Parquet file has four row groups that are too large to join.
    assert summary["parts_scored"] == 3 + 3 + 3 + 3 + 1 + 4
    assert sorted(os.listdir("out"))[:3] == ["_errors", "_errors.csv", "_parts"]


def test_csv_output_has_the_same_rows(score: Score, scans: Path, expected: Labels) -> None:
    score(scans / "flat.npy", "-o", "out", "--output-format", "csv")
    (path,) = Path("out").glob("[!_]*")
    header, *lines = path.read_text().splitlines()
    assert header.replace('"', "") == "source,row,label,confidence,id"
    cells = [line.replace('"', "").split(",") for line in lines]
    assert {int(row): int(label) for _, row, label, *_ in cells} == numbered(expected[:300])
    assert all(0.1 < float(confidence) <= 1 for *_, confidence, _ in cells)


def test_patterns_and_repeated_inputs_name_each_file_once(score: Score, scans: Path) -> None:
    summary = score(scans / "*.npy", scans / "flat.npy", f"{scans}/in*", "-o", "out")
    assert summary["files"] == 3
    assert sorted(answers(Path("out"))) == ["flat.npy", "square.npy", "zipped.csv.gz"]


def test_an_fsspec_address_is_read_and_written(score: Score, scans: Path, tmp_path: Path) -> None:
    summary = score(f"local://{scans}/*.npy", "-o", f"local://{tmp_path}/out")
    assert summary["rows_out"] == 600
    assert sorted(answers(Path("out"))) == ["flat.npy", "square.npy"]
    assert score(f"local://{scans}/*.npy", "-o", f"local://{tmp_path}/out")["parts_kept"] == 2


def test_results_inside_the_input_folder_are_not_read(score: Score, scans: Path) -> None:
    score(scans, "-o", scans / "out")
    assert score(scans, "-o", scans / "out")["parts_scored"] == 0


def test_inverted_digits_are_warned_of_and_inverted(
    batch: Batch, test_digits: tuple[Pixels, Labels], expected: Labels
) -> None:
    np.save("inverted.npy", 255 - test_digits[0][:300])
    result = batch("inverted.npy", "-o", "out", "--part-rows", 100)
    assert "inverted.npy: 100 of 100 rows" in result.stderr
    assert "inverted.npy after row 200: 100 of 100 rows" in result.stderr
    assert batch("inverted.npy", "-o", "right", "--invert").stderr == ""
    assert answers(Path("right"))["inverted.npy"] == numbered(expected[:300])


TFLITE = ("--format", "tflite", "--engine", "litert")
BAD_LINES: dict[int, tuple[Callable[[str], str], str, str]] = {
    3: (lambda line: "x" + line[1:], "pixel0", "'x' is not a whole number"),
    4: (lambda line: "256" + line[1:], "pixel0", "'256' is not a whole number"),
    70: (lambda line: line + ",0", "", "has 785 columns; expected 784"),
    71: (lambda line: "", "", "is blank"),
    150: (lambda line: line[:49], "", "has 25 columns; expected 784"),
    151: (lambda line: line[:-1], "pixel783", "an empty cell"),
    300: (lambda line: "\x00" + line[1:], "pixel0", "'\\x00' is not a whole number"),
}


@pytest.mark.parametrize("part_rows", [1000, 100])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_bad_rows_are_set_aside_and_the_others_scored(
    part_rows: int, zipped: bool, batch: Batch, scans: Path, expected: Labels
) -> None:
    lines = (scans / "plain.csv").read_text().splitlines()
    for row, (change, *_) in BAD_LINES.items():
        lines[row] = change(lines[row])
    text = ("\r\n".join(lines) + "\r\n\r\n \n").encode("latin-1")
    Path("bad.csv").write_bytes(gzip.compress(text) if zipped else text)
    result = batch("bad.csv", "-o", "out", "--part-rows", part_rows, "--json")
    summary = json.loads(result.stdout)
    assert (summary["rows_in"], summary["rows_out"], summary["rows_bad"]) == (300, 293, 7)
    found = errors(Path("out"))
    assert [(int(row), column) for _, row, column, _ in found] == [
        (row, column) for row, (_, column, _) in BAD_LINES.items()
    ]
    for (*_, reason), (*_, start) in zip(found, BAD_LINES.values(), strict=True):
        assert reason.startswith(start)
    wanted = numbered(expected[:300])
    assert answers(Path("out"))["bad.csv"] == {r: wanted[r] for r in wanted if r not in BAD_LINES}
    strict = batch("bad.csv", "-o", "out", "--part-rows", part_rows, "--strict")
    assert strict.exit_code == 1
    assert "300 rows in = 293 out + 7 errors" in strict.stdout
    assert strict.stderr.startswith("Error: --strict: 7 rows and 0 files are bad")


def test_bad_values_in_arrays_are_rows_of_the_errors_file(
    score: Score, test_digits: tuple[Pixels, Labels], expected: Labels
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    values = test_digits[0][:200].astype(np.int16)
    values[9, 7], values[150, 783] = 300, -1
    np.save("a.npy", values)
    cells: list[Any] = values.tolist()
    cells[20], cells[30], cells[31] = None, cells[30][:-1], [None, *cells[31][1:]]
    pq.write_table(pa.table({"pixels": cells}), "list.parquet")
    wide = pa.table({f"pixel{i}": values[:, i] for i in range(784)})
    hole = pa.array([None, *values[1:, 5].tolist()], pa.int16())
    pq.write_table(wide.set_column(5, "pixel5", hole), "wide.parquet")
    summary = score("a.npy", "list.parquet", "wide.parquet", "-o", "out")
    assert (summary["rows_in"], summary["rows_bad"]) == (600, 10)
    assert errors(Path("out")) == [
        ("a.npy", "10", "pixel7", "300 is not a whole number from 0 to 255"),
        ("a.npy", "151", "pixel783", "-1 is not a whole number from 0 to 255"),
        ("list.parquet", "10", "pixel7", "300 is not a whole number from 0 to 255"),
        ("list.parquet", "21", "pixels", "an empty cell"),
        ("list.parquet", "31", "pixels", "has 783 values; expected 784"),
        ("list.parquet", "32", "pixels", "has an empty value"),
        ("list.parquet", "151", "pixel783", "-1 is not a whole number from 0 to 255"),
        ("wide.parquet", "1", "pixel5", "an empty cell"),
        ("wide.parquet", "10", "pixel7", "300 is not a whole number from 0 to 255"),
        ("wide.parquet", "151", "pixel783", "-1 is not a whole number from 0 to 255"),
    ]
    wanted = numbered(expected[:200])
    for name, rows in answers(Path("out")).items():
        bad = {int(row) for source, row, *_ in errors(Path("out")) if source == name}
        assert rows == {row: label for row, label in wanted.items() if row not in bad}


def test_files_that_cannot_be_read_are_in_the_errors_file(score: Score, scans: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = (scans / "inner" / "zipped.csv.gz").read_bytes()
    Path("cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    Path("cut.npy").write_bytes((scans / "flat.npy").read_bytes()[:-1])
    Path("cut.parquet").write_bytes((scans / "bytes.parquet").read_bytes()[:-1])
    Path("empty.csv").write_bytes(b"")
    Path("header.csv").write_text(",".join(f"pixel{i}" for i in range(784)) + "\n")
    Path("picture.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(5000))
    np.save("floats.npy", np.zeros((5, 784)))
    np.save("columns.npy", np.zeros((5, 784), np.uint8, order="F"))
    pq.write_table(pa.table({"a": [1]}), "other.parquet")
    summary = score(".", "-o", "out", "--part-rows", 200)
    found = {name: reason for name, row, column, reason in errors(Path("out")) if not row}
    assert {name: re.split(r"[:;(]", reason)[0].strip() for name, reason in found.items()} == {
        "columns.npy": "is stored column by column",
        "cut.csv.gz": "cannot be read as a CSV of digits",
        "cut.npy": "is cut short by 1 bytes",
        "cut.parquet": "cannot be read as Parquet",
        "empty.csv": "is empty",
        "floats.npy": "pixels have dtype float64",
        "header.csv": "has a header but no rows",
        "other.parquet": "has neither the columns pixel0 to pixel783 nor a column pixels",
        "picture.csv": "is a PNG image",
    }
    assert summary["files_bad"] == len(found)
    assert summary["rows_out"] == 1800
    assert not list(Path("out").glob("cut*"))


def test_a_file_that_vanishes_in_mid_run_is_in_the_errors_file(
    score: Score, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digit_runtime.batch import ray_cluster

    score_all = ray_cluster.score_all

    def vanish(*arguments: Any) -> Any:
        (scans / "flat.npy").unlink()
        return score_all(*arguments)

    monkeypatch.setattr(ray_cluster, "score_all", vanish)
    summary = score(scans / "*.npy", "-o", "out")
    assert (summary["rows_out"], summary["rows_bad"], summary["files_bad"]) == (300, 300, 1)
    assert errors(Path("out")) == [("flat.npy", "", "", "rows 1 to 300 are lost: no such file")]


def test_an_input_that_names_nothing_stops_the_run(batch: Batch, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for missing in ("missing.csv", "folder", "*.npy", "local:///nowhere/*.npy"):
        result = batch(missing, "-o", "out")
        assert result.exit_code == 1
        assert f"{missing}: no such file" in result.stderr
        assert not Path("out").exists()
    assert "cannot be opened" in batch("nosuch://a/b.csv", "-o", "out").stderr


def test_a_second_run_scores_only_what_is_missing(score: Score, scans: Path) -> None:
    first = score(scans, "-o", "out", "--part-rows", 100)
    before = answers(Path("out"))
    lost = sorted(Path("out").glob("*.parquet"))[:4]
    lost[0].unlink()
    lost[1].write_bytes(lost[1].read_bytes()[:-1])
    Path("out", "_parts", lost[2].with_suffix(".json").name).unlink()
    Path("out", "_parts", lost[3].with_suffix(".json").name).write_text("{")
    second = score(scans, "-o", "out", "--part-rows", 100)
    assert (second["parts_scored"], second["parts_kept"]) == (4, first["parts_scored"] - 4)
    assert second["rows_out"] == first["rows_out"]
    assert answers(Path("out")) == before


def test_results_of_something_else_are_never_mixed_in(
    batch: Batch, scans: Path, test_digits: tuple[Pixels, Labels]
) -> None:
    source = scans / "flat.npy"
    assert batch(source, "-o", "out", "--part-rows", 100).exit_code == 0
    same = (source, "-o", "out", "--part-rows", 100)
    changes: dict[str, tuple[object, ...]] = {
        "flat.npy, which is not among the inputs": (scans / "square.npy", "-o", "out"),
        "made with another --part-rows": (source, "-o", "out", "--part-rows", 50),
        "another model, mlp-int8.onnx; this run would use mlp-int8.tflite": (
            *(source, "-o", "out", "--part-rows", 100, *TFLITE),
        ),
        "another --output-format": (*same, "--output-format", "csv"),
        "another --transpose": (*same, "--transpose"),
    }
    kept = answers(Path("out"))
    for message, arguments in changes.items():
        result = batch(*arguments)
        assert result.exit_code == 1
        assert message in result.stderr
        assert "--force" in result.stderr
        assert answers(Path("out")) == kept
    np.save(source, test_digits[0][300:500])
    result = batch(*same)
    assert f"{source} has changed since it was scored" in result.stderr
    result = batch(*same, "--force", "--json")
    summary = json.loads(result.stdout)
    assert (summary["parts_scored"], summary["parts_kept"]) == (2, 0)
    assert len(answers(Path("out"))["flat.npy"]) == 200


def test_a_folder_with_other_files_is_not_written_to(batch: Batch, scans: Path) -> None:
    Path("out").mkdir()
    Path("out", "mine.txt").write_text("precious")
    result = batch(scans, "-o", "out")
    assert result.exit_code == 1
    assert "holds mine.txt, which digit-batch did not write" in result.stderr
    assert os.listdir("out") == ["mine.txt"]


def test_lost_rows_and_foreign_results_are_found(
    batch: Batch, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digit_runtime.batch import results

    add = results.Results.add
    monkeypatch.setattr(results.Results, "add", lambda self, n, p, _: add(self, n[1:], p[1:]))
    result = batch(scans / "flat.npy", "-o", "out")
    assert result.exit_code == 1
    assert "300 rows in, but 299 out and 0 errors" in result.stderr
    assert batch(scans / "flat.npy", "-o", "out").exit_code == 1


def test_a_part_that_kills_its_workers_is_given_up(
    score: Score, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digit_runtime.batch import places
    from digit_runtime.batch import scorer as scoring

    with monkeypatch.context() as patched:
        patched.setattr(scoring, "ATTEMPTS", 0)
        summary = score(scans / "flat.npy", "-o", "out", "--part-rows", 200)
    assert (summary["rows_in"], summary["rows_bad"], summary["files_bad"]) == (300, 300, 1)
    assert errors(Path("out"))[0] == (
        "flat.npy",
        "",
        "",
        "rows 1 to 200 are lost: killed 0 workers",
    )
    folder = places.Folder("out", "a run")
    folder.create()
    killed = folder.attempt("a part")
    assert killed.__enter__() == 0
    with folder.attempt("a part") as before:
        assert before == 1
    with folder.attempt("another part") as before:
        assert before == 0
    killed.__exit__(None, None, None)


def test_what_a_dying_worker_still_writes_goes_with_the_run(tmp_path: Path) -> None:
    from digit_runtime.batch.places import Folder

    folder = Folder(str(tmp_path), "a run")
    folder.create()
    (unfinished,) = (tmp_path / "_unfinished").iterdir()
    for name in range(2000):  # To remove them takes a while.
        (unfinished / str(name)).touch()
    dead = time.monotonic() + 0.3

    def worker() -> None:
        while time.monotonic() < dead:
            with suppress(OSError):  # Its folder is gone.
                (unfinished / uuid4().hex).touch()
            time.sleep(0.0001)

    with ThreadPoolExecutor() as pool:
        dying = pool.submit(worker)
        folder.clean()
        dying.result()
    assert not (tmp_path / "_unfinished").exists()


def test_an_output_that_cannot_be_written_is_one_line(batch: Batch, scans: Path) -> None:
    Path("file").write_text("in the way")
    for place in ("file", "file/out", "/proc/out"):
        result = batch(scans / "flat.npy", "-o", place)
        assert result.exit_code == 1
        assert "cannot be written" in result.stderr
        assert result.stderr.count("\n") == 1


def test_what_is_passed_over_is_told(batch: Batch, scans: Path) -> None:
    for index in range(6):
        (scans / f"{index}.txt").touch()
    result = batch(scans, "-o", "out", "--json")
    assert [line.split(": ")[:2] for line in result.stderr.splitlines()] == [
        *(["passed over", f"{scans}/{name}"] for name in [f"{n}.txt" for n in range(5)]),
        ["passed over", "3 more; --json names all"],
    ]
    passed = json.loads(result.stdout)["passed_over"]
    assert [Path(one["name"]).name for one in passed][-3:] == ["5.txt", "_hidden.csv", "notes.txt"]


def test_ids_travel_to_the_results(
    score: Score, test_digits: tuple[Pixels, Labels], tmp_path: Path
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row.tobytes() for row in test_digits[0][:2500]]
    rows[7] = b"short"
    numbers = list(range(100, 2600))
    pq.write_table(pa.table({"Id": numbers, "pixels": rows}), "numbers.parquet")
    names = pa.array([f"scan-{n}" if n % 3 else None for n in numbers]).dictionary_encode()
    pq.write_table(pa.table({"pixels": rows, "ImageId": names}), "names.parquet")
    np.save("none.npy", test_digits[0][:10])
    header = ",".join(["Id", *(f"pixel{i}" for i in range(784))])
    lines = [
        f"a-{n}," + ",".join(map(str, row)) for n, row in enumerate(test_digits[0][:3].tolist())
    ]
    Path("texts.csv").write_text("\n".join([header, *lines]))
    for output_format in ("parquet", "csv"):
        out = tmp_path / output_format
        score(
            "numbers.parquet",
            "names.parquet",
            "none.npy",
            "texts.csv",
            "-o",
            out,
            "--output-format",
            output_format,
        )
    table = pq.read_table("parquet")
    assert table.schema.field("id").type == pa.string()
    found: dict[str, dict[int, str | None]] = {}
    columns = (table[name].to_pylist() for name in ("source", "row", "id"))
    for source, row, name in zip(*columns, strict=True):
        found.setdefault(Path(source).name, {})[row] = name
    assert found["texts.csv"] == {1: "a-0", 2: "a-1", 3: "a-2"}
    good = [row for row in range(1, 2501) if row != 8]
    assert found["numbers.parquet"] == {row: str(row + 99) for row in good}
    assert found["names.parquet"] == {
        row: f"scan-{row + 99}" if (row + 99) % 3 else None for row in good
    }
    assert set(found["none.npy"].values()) == {None}
    lines = Path(next(iter(Path("csv").glob("numbers*")))).read_text().splitlines()
    assert lines[1].endswith(',"100"')


def test_a_row_group_as_large_as_the_file_is_read_in_slices(
    score: Score, test_digits: tuple[Pixels, Labels], expected: Labels
) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pixels = test_digits[0][:3000]
    write_parquet(Path("one.parquet"), pixels, 3000)
    wide = pa.table({f"pixel{i}": np.ascontiguousarray(pixels[:, i]) for i in range(784)})
    pq.write_table(wide, "wide.parquet")
    score("one.parquet", "wide.parquet", "-o", "out")
    assert answers(Path("out")) == {
        "one.parquet": numbered(expected),
        "wide.parquet": numbered(expected),
    }


def test_a_run_goes_on_with_the_file_and_engine_that_it_began_with(
    batch: Batch, run: Callable[..., Result], scans: Path, artifacts: Path
) -> None:
    from digit_runtime.commands.batch import batch as command

    def go(*options: object) -> Result:
        same = (scans / "flat.npy", "-o", "out", "--part-rows", 100, "--artifacts", artifacts)
        return run(command, *same, "--model", "mlp", "--json", *options)

    begun = json.loads(go("--format", "tflite", "--engine", "litert").stdout)
    assert (begun["model"], begun["engine"]) == ("mlp-int8.tflite", "litert")
    next(Path("out").glob("*.parquet")).unlink()
    # Whatever "auto" would measure today: one part is added to two.
    resumed = json.loads(go().stdout)
    assert (resumed["parts_kept"], resumed["parts_scored"]) == (2, 1)
    assert (resumed["model"], resumed["engine"]) == ("mlp-int8.tflite", "litert")
    other = go("--format", "onnx", "--engine", "numpy")
    assert other.exit_code == 1
    assert "was made with another model, mlp-int8.tflite" in other.stderr
    forced = json.loads(go("--format", "onnx", "--engine", "onnxruntime", "--force").stdout)
    assert (forced["engine"], forced["parts_scored"]) == ("onnxruntime", 3)
    other = go("--format", "onnx", "--engine", "openvino")
    assert other.exit_code == 1
    assert "was made with another --engine (onnxruntime)" in other.stderr


def test_an_engine_that_is_gone_is_named(
    run: Callable[..., Result], scans: Path, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from digit_runtime.commands.batch import batch as command

    same = (scans / "flat.npy", "-o", "out", "--artifacts", artifacts, "--model", "mlp")
    assert run(command, *same, "--engine", "openvino", "--format", "onnx").exit_code == 0
    monkeypatch.setitem(sys.modules, "openvino", None)
    result = run(command, *same)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: out: was begun with --engine openvino: ")
    assert "--force to begin anew" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks that end with their process")
def test_one_run_at_a_time_writes_into_a_folder_and_removes_what_killed_ones_left(
    batch: Batch, score: Score, scans: Path
) -> None:
    from digit_runtime.batch.places import Folder

    left = Path("out", "_unfinished", "20200101-000000-1")
    left.mkdir(parents=True)
    (left / "half").write_bytes(b"half a part")
    with Folder("out", "another run").owned():
        assert not left.exists()
        result = batch(scans / "flat.npy", "-o", "out")
        assert result.exit_code == 1
        assert result.stderr.startswith(f"Error: {Path.cwd()}/out: another digit-batch is writing")
        assert not list(Path("out").glob("*.parquet"))
    left.mkdir(parents=True)
    score(scans / "flat.npy", "-o", "out")
    assert not Path("out", "_unfinished").exists()


def test_on_a_store_without_locks_only_what_is_a_day_old_is_removed(
    score: Score, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digit_runtime.storage.owning.fcntl", None)
    old, young = (Path("out", "_unfinished", name) for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
        (folder / "half").write_bytes(b"half a part")
    os.utime(old / "half", (0, 0))
    os.utime(old, (0, 0))
    score(scans / "flat.npy", "-o", "out")
    assert not old.exists()
    assert (young / "half").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
@pytest.mark.parametrize("when", ["at the model", "at a part"])
def test_a_disk_that_is_full_is_one_line_and_leaves_no_part(
    when: str, batch: Batch, scans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    from digit_runtime.batch import ray_cluster

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    score_all = ray_cluster.score_all

    def fill_up(parts: Any, *arguments: Any) -> Any:
        outcomes = score_all([parts[0], *parts], *arguments)
        if when == "at a part":
            next(outcomes)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        yield from outcomes

    monkeypatch.setattr(ray_cluster, "score_all", fill_up)
    try:
        result = batch(scans / "flat.npy", "-o", "out", "--part-rows", 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert result.exit_code == 1
    assert "File too large" in result.stderr
    assert result.stderr.count("\n") == 1
    assert len(list(Path("out").glob("*.parquet"))) == (when == "at a part")
    assert not Path("out", "_unfinished").exists()


def test_wrong_usage_exits_with_2(batch: Batch, scans: Path) -> None:
    assert batch().exit_code == 2
    assert batch(scans).exit_code == 2
    assert batch(scans, "-o", "out", "--workers", 0).exit_code == 2
