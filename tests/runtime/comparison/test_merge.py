import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from digit_runtime import ResultsError
from digit_runtime.commands.compare import compare
from digit_runtime.comparison.results import Comparison, Row, read
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Run = Callable[..., Result]
Make = Callable[..., Row]
Compare = Callable[..., Comparison]


@pytest.fixture
def two(run: Run, row: Make, comparison: Compare, tmp_path: Path) -> tuple[Path, Path]:
    """Results of two devices, one with a file that the other lacks."""
    pi, laptop = Path("pi.json"), Path("laptop.json")
    slow = comparison(row(10), row(20, precision="float32", sha256="cd"), cpu="Raspberry Pi")
    pi.write_text(json.dumps(slow.as_json()))
    laptop.write_text(json.dumps(comparison(row(1), threads=4).as_json()))
    return pi, laptop


def test_two_devices_are_one_table(two: tuple[Path, Path], run: Run) -> None:
    result = run(compare, "merge", *two)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[:4] for line in lines[3:6]] == [
        ["pi", "cnn", "onnx", "int8"],
        ["pi", "cnn", "onnx", "float32"],
        ["laptop", "cnn", "onnx", "int8"],
    ]
    assert "Fastest cnn on laptop: onnx int8 on onnxruntime." in lines
    assert "pi: Raspberry Pi, 1 thread, 9 rounds" in lines
    assert "Warning: the number of threads differs: 1 on pi, 4 on laptop." in lines


def test_merged_csv_and_json_name_the_device(two: tuple[Path, Path], run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run(compare, "merge", *two, "--csv").stdout)))
    assert [(row["device"], float(row["p50_ms"])) for row in rows] == [
        ("pi", 10),
        ("pi", 20),
        ("laptop", 1),
    ]
    document = json.loads(run(compare, "merge", *two, "--json").stdout)
    assert document["devices"]["laptop"]["settings"]["threads"] == 4


def test_different_files_are_refused(
    two: tuple[Path, Path], run: Run, row: Make, comparison: Compare
) -> None:
    Path("other.json").write_text(json.dumps(comparison(row(sha256="ef" * 32)).as_json()))
    result = run(compare, "merge", two[0], "other.json")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "Error: pi and other measured different files as cnn onnx int8 (sha256 abababababab and "
        "efefefefefef)"
    )


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["merge"], 2, "Missing argument"),
        (["merge", "pi.json", "pi.json"], 2, "given twice"),
        (["merge", "none.json"], 1, "none.json: no such file"),
        (["--rows", "5", "merge", "pi.json"], 2, "options go after merge"),
        (["--fail-over", "5%"], 2, "--fail-over needs --baseline"),
        (["--fail-over", "x", "--baseline", "pi.json"], 2, "not a percentage"),
        (["--baseline", "pi.json", "--threads", "2"], 1, "was measured with --threads 1"),
        (["--goal", "speed<1"], 2, "'speed<1' is not a condition"),
        (["--goal", "accuracy>1"], 2, "without labels there is no accuracy"),
        (["--plot", "a.png"], 2, "without labels there is no accuracy"),
        (["--plot", "a.svg"], 2, "does not end in .png or .html"),
        (["--keras-python", "python3"], 2, "--keras-python needs --with-keras"),
        (["--with-keras", "--keras-python", "no-such"], 1, "no-such: cannot be run"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], status: int, message: str, two: tuple[Path, Path], run: Run,
    artifacts: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("DIGIT_ARTIFACTS", str(artifacts))
    result = run(compare, *arguments)
    assert result.exit_code == status, result.output
    assert message in result.stderr.splitlines()[-1]


def test_results_survive_json(row: Make, comparison: Compare, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    whole = comparison(row(), row(2, peak_bytes=None, accuracy=None))
    path.write_text(json.dumps(whole.as_json() | {"later": "versions may add fields"}))
    assert read(path) == whole


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_results_are_refused(
    data: st.DataObject, row: Make, comparison: Compare, tmp_path: Path
) -> None:
    document = json.loads(json.dumps(comparison(row()).as_json()))
    place = document
    while True:
        key = data.draw(st.sampled_from(sorted(place)))
        inner = place[key][0] if isinstance(place[key], list) and place[key] else place[key]
        if not isinstance(inner, dict) or not inner or key == "batches" or data.draw(st.booleans()):
            break
        place = inner
    place[key] = object_of_another_type(place[key])
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document))
    with pytest.raises(ResultsError, match=r"a\.json: "):
        read(path)


def object_of_another_type(value: object) -> object:
    # No field is a list of lists.
    return [[value]]


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"schema": 1}', "\x80", "NaN"])
def test_other_files_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ResultsError, match=r"a\.json: "):
        read(path)


def test_a_figure_of_zero_is_refused(row: Make, comparison: Compare, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(comparison(row(p50_ms=0)).as_json()))
    with pytest.raises(ResultsError, match="not above 0"):
        read(path)
