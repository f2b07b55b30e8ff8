"""The choice among several engines: `--engine auto`, and `load` without an engine."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import Result
from digit_runtime import EngineNotInstalledError, ModelDamagedError, ModelFileError, load
from digit_runtime.checks import doctor as diagnosis
from digit_runtime.commands.doctor import doctor
from digit_runtime.engines.table import ENGINES, Engine, Session
from digit_runtime.loading import auto
from digit_runtime.loading.auto import choose
from digit_runtime.measuring import trial
from digit_runtime.measuring.speed import Trial, enough_threads
from digit_runtime.models.folder import find_all

Install = Callable[..., None]
Measure = Callable[..., list[tuple[list[str], list[int]]]]
RATES = {"onnxruntime": 2000.0, "litert": 3000.0, "openvino": 1000.0}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIGIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pretend that only these engines are installed, besides numpy."""

    def pretend(*names: str) -> None:
        monkeypatch.setattr(
            Engine,
            "installed_package",
            lambda self: self.packages[0] if self.name in names or self.last_resort else None,
        )

    return pretend


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> Measure:
    """Let engines have these rates, None for one that fails; return the list of trials run."""

    def pretend(**rates: float | None) -> list[tuple[list[str], list[int]]]:
        runs: list[tuple[list[str], list[int]]] = []

        def run(candidates: list[tuple[Path, str]], threads: list[int]) -> list[Trial]:
            engines = [engine for _, engine in candidates]
            runs.append((engines, threads))
            return [
                Trial(rate, threads=threads[-1])
                if (rate := (RATES | rates)[engine])
                else Trial(failure="it crashed")
                for engine in engines
            ]

        monkeypatch.setattr(trial, "run", run)
        return runs

    return pretend


def test_the_fastest_is_used_and_remembered(
    artifacts: Path, install: Install, measure: Measure, own_cache: Path
) -> None:
    install("onnxruntime", "litert")
    runs = measure()
    for _ in range(2):
        classifier = load("mlp", artifacts=artifacts, threads=2)
        assert (classifier.engine, classifier.path.name) == ("litert", "mlp-int8.tflite")
    assert runs == [(["onnxruntime", "litert"], [2])]
    (file,) = own_cache.iterdir()
    candidates = json.loads(file.read_text())["question"]["candidates"]
    assert [c["engine"] for c in candidates] == ["onnxruntime", "litert"]
    assert all(c["version"].rsplit("-", 1)[1].startswith(tuple("0123456789")) for c in candidates)


def test_what_matters_is_measured_again(
    artifacts: Path, install: Install, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("onnxruntime", "litert")
    runs = measure()

    def measured() -> int:
        before = len(runs)
        load("mlp", artifacts=artifacts, threads=2)
        return len(runs) - before

    assert (measured(), measured()) == (1, 0)
    load("mlp", artifacts=artifacts, threads=1)
    load("cnn", artifacts=artifacts, threads=2)
    assert len(runs) == 3
    for name in ("version_of", "sha256_of", "cpu_name"):
        monkeypatch.setattr(auto, name, lambda *_: "another")
        assert (measured(), measured()) == (1, 0)
    monkeypatch.setattr(auto, "usable_cpus", lambda: 64)
    assert (measured(), measured()) == (1, 0)


@pytest.mark.parametrize(
    ("rates", "expected"),
    [({2: 70.0, 1: 75.0}, 1), ({2: 70.0, 1: 66.0}, 1), ({2: 70.0, 1: 50.0}, 2), ({4: 7.0}, 4)],
)
def test_threads_that_bring_nothing_are_not_used(rates: dict[int, float], expected: int) -> None:
    assert enough_threads(rates) == expected


def test_threads_are_measured_where_nobody_says_how_many(
    artifacts: Path, install: Install, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "usable_cpus", lambda: 4)
    install("onnxruntime", "litert")
    runs = measure()
    assert load("mlp", artifacts=artifacts).threads == 1
    assert load("mlp", artifacts=artifacts, threads=4).threads == 4
    assert [threads for _, threads in runs] == [[4, 1], [4]]


@pytest.mark.parametrize(("litert", "expected"), [(2050.0, "onnxruntime"), (2200.0, "litert")])
def test_the_preferred_engine_wins_a_tie(
    litert: float, expected: str, artifacts: Path, install: Install, measure: Measure
) -> None:
    install("onnxruntime", "litert")
    measure(litert=litert)
    chosen = choose(find_all("mlp", artifacts=artifacts), threads=1)
    assert chosen.pairs[0].engine.name == expected
    tie = "; a tie" * (expected == "onnxruntime")
    assert chosen.reason == (
        f"measured: litert {litert:,.0f} images/s at 1 thread after 0.00 s, "
        f"onnxruntime 2,000 at 1 after 0.00{tie}"
    )


@pytest.mark.parametrize(("start_s", "expected"), [(8.0, "onnxruntime"), (12.0, "litert")])
def test_the_start_counts_like_the_rows_of_a_test_set(
    start_s: float,
    expected: str,
    artifacts: Path,
    install: Install,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install("onnxruntime", "litert")
    # 28,000 rows take 10 and 20 seconds.
    trials = [Trial(2800.0, start_s=start_s), Trial(1400.0)]
    monkeypatch.setattr(trial, "run", lambda *_: trials)
    chosen = choose(find_all("mlp", artifacts=artifacts), threads=1)
    assert chosen.pairs[0].engine.name == expected


def test_only_files_of_the_smallest_precision_compete(
    artifacts: Path, install: Install, measure: Measure
) -> None:
    install("onnxruntime", "litert", "openvino")
    runs = measure()
    files = find_all("mlp", artifacts=artifacts)
    pairs = choose(files, threads=1).pairs
    assert runs == [(["onnxruntime", "openvino", "litert"], [1])]
    assert [pair.engine.name for pair in pairs[:3]] == ["litert", "onnxruntime", "openvino"]
    assert {pair.file.precision for pair in pairs[:3]} == {"int8"}
    path = artifacts / "mlp" / "onnx" / "mlp-int8.onnx"
    choose(find_all(path), threads=1)
    assert runs[1:] == [(["onnxruntime", "openvino"], [1])]


@pytest.mark.parametrize("only", ["onnxruntime", "litert", None])
def test_without_a_choice_nothing_is_measured(
    only: str | None, artifacts: Path, install: Install, measure: Measure, own_cache: Path
) -> None:
    install(*filter(None, [only]))
    runs = measure()
    assert load("mlp", artifacts=artifacts).engine == (only or "numpy")
    install("onnxruntime", "litert")
    assert load("mlp", artifacts=artifacts, engine="numpy").engine == "numpy"
    assert load("mlp", artifacts=artifacts, engine="onnxruntime").engine == "onnxruntime"
    assert load("mlp", artifacts=artifacts, format="tflite").engine == "litert"
    assert runs == []
    assert not own_cache.exists()


def test_what_cannot_be_remembered_is_not_measured(
    artifacts: Path, install: Install, measure: Measure, own_cache: Path
) -> None:
    install("onnxruntime", "litert")
    runs = measure()
    own_cache.write_text("a file")
    assert load("mlp", artifacts=artifacts).engine == "onnxruntime"
    assert runs == []
    reason = choose(find_all("mlp", artifacts=artifacts)).reason
    assert reason == (
        f"the preferred engine, not measured: the cache folder {own_cache} cannot be written"
    )


@pytest.mark.parametrize("program", [None, "", "/usr/sbin/uwsgi", "/opt/app/digits"])
def test_another_program_than_python_is_never_started(
    program: str | None,
    artifacts: Path,
    install: Install,
    measure: Measure,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install("onnxruntime", "litert")
    runs = measure()
    monkeypatch.setattr(sys, "executable", program)
    assert load("mlp", artifacts=artifacts).engine == "onnxruntime"
    assert runs == []


@pytest.mark.parametrize(
    "answer",
    [
        [],
        None,
        "text",
        {"a": 1},
        [1, 2],
        [{"images_per_s": 1.0, "failure": None}],
        [{"images_per_s": "1", "failure": None}] * 2,
        [{"images_per_s": float("nan"), "failure": None}] * 2,
        [{"images_per_s": None, "failure": None}] * 2,
        [{"images_per_s": 1.0, "failure": None, "start_s": float("nan")}] * 2,
        [{"images_per_s": 1.0, "other": None}] * 2,
    ],
)
def test_a_damaged_memory_is_measured_again_silently(
    answer: object, artifacts: Path, install: Install, measure: Measure, own_cache: Path
) -> None:
    install("onnxruntime", "litert")
    runs = measure()
    load("mlp", artifacts=artifacts)
    (file,) = own_cache.iterdir()
    sound = file.read_text()
    file.write_text(json.dumps(json.loads(sound) | {"answer": answer}))
    assert load("mlp", artifacts=artifacts).engine == "litert"
    assert len(runs) == 2
    assert file.read_text() == sound


def test_threads_that_load_at_the_same_time_measure_once(
    artifacts: Path, install: Install, measure: Measure
) -> None:
    install("onnxruntime", "litert")
    runs = measure()
    with ThreadPoolExecutor(8) as pool:
        engines = list(pool.map(lambda _: load("mlp", artifacts=artifacts).engine, range(8)))
    assert engines == ["litert"] * 8
    assert len(runs) == 1


def test_one_that_fails_is_not_used_again(
    artifacts: Path, install: Install, measure: Measure
) -> None:
    install("onnxruntime", "litert")
    runs = measure(litert=None)
    files = find_all("mlp", artifacts=artifacts)
    for _ in range(2):
        chosen = choose(files, threads=1)
        assert chosen.pairs[0].engine.name == "onnxruntime"
        assert chosen.reason == (
            "measured: onnxruntime 2,000 images/s at 1 thread after 0.00 s, litert fails"
        )
        assert chosen.pairs[-1].engine.name == "litert"
    assert len(runs) == 1


def test_the_next_is_tried_where_opening_fails(
    artifacts: Path, install: Install, measure: Measure, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("onnxruntime", "litert")
    measure()
    opened = Engine.open

    def broken(self: Engine, content: bytes, path: Path, threads: int) -> Session:
        if self.name == "litert":
            raise ModelFileError("litert is too old for it")
        return opened(self, content, path, threads)

    monkeypatch.setattr(Engine, "open", broken)
    assert load("mlp", artifacts=artifacts).engine == "onnxruntime"
    with pytest.raises(ModelFileError, match="too old"):
        load("mlp", artifacts=artifacts, engine="litert")


def test_a_damaged_file_is_said_and_not_passed_over(
    artifacts: Path, tmp_path: Path, install: Install, measure: Measure
) -> None:
    install("onnxruntime", "litert")
    runs = measure()
    shutil.copytree(artifacts / "mlp", tmp_path / "mlp")
    (tmp_path / "mlp" / "onnx" / "mlp-int8.onnx").write_bytes(b"short")
    with pytest.raises(ModelDamagedError, match=r"mlp-int8\.onnx: has 5 bytes"):
        load("mlp", artifacts=tmp_path)
    assert runs == []
    install("onnxruntime")
    with pytest.raises(ModelDamagedError, match=r"mlp-int8\.onnx: has 5 bytes"):
        load("mlp", artifacts=tmp_path)


def test_where_none_works_the_preferred_ones_reason_is_given(
    tmp_path: Path, measure: Measure
) -> None:
    measure(onnxruntime=None, openvino=None)
    path = tmp_path / "junk.onnx"
    path.write_bytes(b"not a model at all" * 50)
    with pytest.raises(ModelFileError) as forced:
        load(path, engine="onnxruntime")
    with pytest.raises(ModelFileError) as automatic:
        load(path)
    assert str(automatic.value) == str(forced.value)


@pytest.fixture
def quick_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every engine pass the doctor's own probe, which test_doctor.py tests."""
    monkeypatch.setattr(diagnosis, "probe", lambda *_: "works")


def test_the_doctor_measures_anew_and_shows_it(
    run: Callable[..., Result],
    artifacts: Path,
    install: Install,
    measure: Measure,
    quick_doctor: None,
) -> None:
    install("onnxruntime", "litert")
    runs = measure()
    options = ("--artifacts", artifacts)
    assert load("cnn", artifacts=artifacts).engine == "litert"
    measure(litert=1000.0)
    result = run(doctor, *options)
    assert "cnn: cnn-int8.onnx on onnxruntime\n" in result.stdout
    assert (
        "     measured: onnxruntime 2,000 images/s at 1 thread after 0.00 s, litert 1,000 at 1 "
        in result.stdout
    )
    assert load("cnn", artifacts=artifacts).engine == "onnxruntime"
    assert len(runs) == 1
    measure(onnxruntime=None)
    models = json.loads(run(doctor, *options, "--json").stdout)["models"]
    assert [(m["model"], m["engine"]) for m in models] == [
        ("cnn", "litert"),
        ("mlp", "litert"),
        ("tiny", "litert"),
    ]
    assert [(m["engine"], m["images_per_s"], m["failure"]) for m in models[0]["measured"]] == [
        ("onnxruntime", None, "it crashed"),
        ("litert", 3000.0, None),
    ]


def test_the_doctor_tells_when_nothing_works(
    run: Callable[..., Result],
    artifacts: Path,
    install: Install,
    measure: Measure,
    tmp_path: Path,
    quick_doctor: None,
) -> None:
    install("litert")
    measure(litert=None)
    model = shutil.copytree(artifacts / "mlp", tmp_path / "a" / "mlp")
    for file in model.glob("*/*"):
        if not file.name.startswith("mlp-int8."):
            file.unlink()
    result = run(doctor, "--artifacts", tmp_path / "a")
    assert "mlp: mlp-int8.onnx on numpy\n     nothing faster works\n" in result.stdout
    (model / "onnx" / "mlp-int8.onnx").unlink()
    result = run(doctor, "--artifacts", tmp_path / "a")
    assert result.exit_code == 1, result.output
    assert "mlp: cannot be used, see below" in result.stdout
    assert "- mlp: no installed engine works with its files\n" in result.stdout


def test_a_forced_engine_that_is_not_installed_is_named(artifacts: Path, install: Install) -> None:
    install("onnxruntime")
    with pytest.raises(EngineNotInstalledError, match="the engine litert is not installed"):
        load("mlp", artifacts=artifacts, engine="litert")


# From here on, with real processes.


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Put packages with this code before those that are installed."""

    def write(name: str, code: str) -> Path:
        folder = tmp_path / "packages"
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(code)
        monkeypatch.syspath_prepend(folder)
        return folder

    return write


def test_every_engine_is_measured(artifacts: Path) -> None:
    chosen = choose(find_all("mlp", artifacts=artifacts), threads=1)
    names = [pair.engine.name for pair, _ in chosen.trials]
    assert {"onnxruntime", "litert"} <= set(names) <= {"onnxruntime", "litert", "openvino"}
    trials = {pair.engine.name: trial for pair, trial in chosen.trials}
    assert all(100 < (trial.images_per_s or 0) < 1e8 for trial in trials.values())
    assert all(0 < trial.start_s < 60 for trial in trials.values())
    least = min(trial.seconds for trial in trials.values())
    assert trials[chosen.pairs[0].engine.name].seconds * 0.95 <= least


def test_a_process_that_remembers_imports_the_winner_alone(artifacts: Path) -> None:
    script = (
        "import sys; from digit_runtime import load\n"
        "print(load('mlp', artifacts=sys.argv[1], threads=1).engine, *sys.modules)"
    )
    for state in ("measuring", "remembering"):
        done = subprocess.run(
            [sys.executable, "-c", script, artifacts], capture_output=True, text=True, check=True
        )
        engine, *modules = done.stdout.split()
        packages = {e.packages[0] for e in ENGINES if e.extra}
        used = {e.packages[0] for e in ENGINES if e.name == engine and e.extra}
        assert packages & set(modules) == used, state
    assert "digit_runtime.measuring.trial" not in modules
    assert "importlib.metadata" not in modules or engine == "openvino"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ImportError('libgomp.so.1 is missing')", "cannot be imported: libgomp.so.1"),
        ("raise AttributeError('_ARRAY_API not found')", "cannot be imported: _ARRAY_API"),
        ("import os; os.abort()", "crashes (signal 6)"),
        ("import time; time.sleep(60)", "gives no answer within 1 s"),
    ],
    ids=["no library", "other numpy", "crash", "hang"],
)
def test_a_broken_engine_is_passed_over(
    code: str,
    reason: str,
    artifacts: Path,
    package: Callable[[str, str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if sys.platform == "win32" and "abort" in code:
        pytest.skip("has other exit statuses")
    package("onnxruntime", code)
    mlp = artifacts / "mlp"
    candidates = [
        (mlp / "tflite" / "mlp-int8.tflite", "litert"),
        (mlp / "onnx" / "mlp-int8.onnx", "onnxruntime"),
    ]
    if "sleep" in code:
        monkeypatch.setattr(trial, "LIMIT_S", 1.0)
        # So short a limit is nothing to hold a sound engine to.
        del candidates[0]
    *sound, broken = trial.run(candidates, [1])
    assert reason in (broken.failure or "")
    assert all((other.images_per_s or 0) > 100 for other in sound)


def test_digit_predict_says_when_no_fast_engine_works(
    artifacts: Path,
    tmp_path: Path,
    package: Callable[[str, str], Path],
) -> None:
    for name in ("onnxruntime", "openvino", "ai_edge_litert", "tflite_runtime"):
        folder = package(name, "raise ImportError('built for another system')")
    (tmp_path / "one.csv").write_text(",".join(["0"] * 784) + "\n")
    script = "from digit_runtime.commands.predict import predict; predict()"
    command = [sys.executable, "-c", script, "one.csv", "--model", "mlp", "--artifacts"]
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [*command, artifacts],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == (
        "note: onnxruntime and openvino cannot be used here, so numpy predicts, slowly; "
        "digit-doctor says why\n"
    )
    assert "mlp-int8.onnx on numpy" in done.stdout
    forced = subprocess.run(
        [*command, artifacts, "--engine", "openvino"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert forced.returncode == 1
    assert forced.stderr == (
        "Error: the engine openvino cannot be imported: built for another system\n"
    )
