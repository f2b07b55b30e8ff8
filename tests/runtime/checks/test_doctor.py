import importlib.util
import json
import re
import shutil
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import Result
from digit_runtime import device, load
from digit_runtime.checks import doctor
from digit_runtime.checks.doctor import Choice, EngineState
from digit_runtime.checks.extras import EXTRAS
from digit_runtime.commands.doctor import doctor as command
from digit_runtime.device import Machine
from digit_runtime.engines import table as engines
from digit_runtime.measuring import trial
from digit_runtime.measuring.speed import Trial
from digit_runtime.models.folder import FoundFile
from onnx import numpy_helper

Run = Callable[..., Result]

PC = Machine(
    cpu="Some CPU",
    architecture="x86_64",
    flags=("avx2", "avx_vnni"),
    usable_cpus=4,
    cpus=8,
    memory=8 << 30,
    available_memory=None,
    system="Linux",
    python="CPython 3.11.2",
    python_version=(3, 11),
    python_bits=64,
    musl=False,
)
PI = replace(PC, cpu="Raspberry Pi", architecture="aarch64", flags=("asimd", "asimddp"))
WORKING = [
    EngineState("onnxruntime", "onnx", "1.32.0", "works", 'pip install "digit-runtime[onnx]"'),
    EngineState("numpy", "onnx", "2.4.6", "works", None),
]


@pytest.fixture
def only_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    there = engines.Engine.installed_package
    monkeypatch.setattr(
        engines.Engine,
        "installed_package",
        lambda self: there(self) if self.last_resort else None,
    )


def test_tells_what_digit_predict_will_use(run: Run, artifacts: Path) -> None:
    result = run(command, "--artifacts", artifacts)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    for model in ("cnn", "mlp", "tiny"):
        classifier = load(model, artifacts=artifacts)
        assert f"{model}: {classifier.path.name} on {classifier.engine}\n" in result.stdout
    document = json.loads(run(command, "--artifacts", artifacts, "--json").stdout)
    assert [model["model"] for model in document["models"]] == ["cnn", "mlp", "tiny"]
    for used in document["models"]:
        classifier = load(used["model"], artifacts=artifacts)
        assert (used["path"], used["engine"]) == (str(classifier.path), classifier.engine)
    states = {engine["name"]: engine for engine in document["engines"]}
    assert states["numpy"]["version"] == np.__version__
    for name in ("onnxruntime", "litert", "numpy"):
        assert states[name]["state"] == "works"
        assert re.search(rf"{name} .* {states[name]['version']} +works\n", result.stdout)
    assert document["machine"]["usable_cpus"] >= 1


def test_the_pip_line_of_what_is_missing(run: Run, artifacts: Path, only_numpy: None) -> None:
    result = run(command, "--artifacts", artifacts)
    assert result.exit_code == 0, result.output
    for extra in ("onnx", "openvino", "tflite"):
        assert f'pip install "digit-runtime[{extra}]"\n' in result.stdout
    assert "- only numpy predicts here, slowly; pip install" in result.stdout
    assert "no faster engine is installed" in result.stdout


def test_an_extra_that_is_not_there_has_its_pip_line(
    run: Run, artifacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "PIL" else find_spec(name)
    )
    result = run(command, "--artifacts", artifacts)
    assert result.exit_code == 0, result.output
    for extra in ("image", "pdf", "serve"):
        assert re.search(rf'{extra} .* pip install "digit-runtime\[{extra}\]"\n', result.stdout)
    assert "issing" not in result.stdout
    document = json.loads(run(command, "--artifacts", artifacts, "--json").stdout)
    states = {extra["name"]: extra["installed"] for extra in document["extras"]}
    assert not states["image"]


def test_every_extra_is_told_of() -> None:
    path = Path(__file__).parents[3] / "runtime" / "pyproject.toml"
    known = tomllib.loads(path.read_text())["project"]["optional-dependencies"]
    # Engines on request are in no other table of the doctor.
    of_engines = {engine.extra for engine in engines.ENGINES if not engine.on_request}
    assert {extra.name for extra in EXTRAS} == set(known) - of_engines - {"all"}


def test_no_models_and_damaged_ones_are_told(run: Run, artifacts: Path, tmp_path: Path) -> None:
    result = run(command, "--artifacts", tmp_path)
    assert result.exit_code == 1, result.output
    assert "installed, no file to try it on" in result.stdout
    assert "holds no model" in result.stdout
    assert result.stderr == "Error: digit-predict has no model to use; see above\n"
    assert "does not work" not in result.stdout

    shutil.copytree(artifacts / "mlp", tmp_path / "mlp")
    (tmp_path / "mlp" / "onnx" / "mlp-int8.onnx").write_bytes(b"short")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{")
    (tmp_path / "folder" / "manifest.json").mkdir(parents=True)
    result = run(command, "--artifacts", tmp_path)
    assert result.exit_code == 1, result.output
    assert "digit-predict cannot use broken, folder, mlp; see above" in result.stderr
    assert "folder/manifest.json: is a folder" in result.stdout
    assert "- mlp: " in result.stdout
    assert "mlp-int8.onnx: has 5 bytes" in result.stdout
    assert "broken/manifest.json: is not valid JSON" in result.stdout
    assert "litert       tflite" in result.stdout
    assert "does not work" not in result.stdout


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "crashes (signal 4)"),
        (
            "import nothing_like_it",
            "the engine onnxruntime cannot be imported: No module named 'nothing_like_it'",
        ),
        ("import sys; sys.exit(3)", "its process ended with status 3"),
        ("import time; time.sleep(600)", "gives no answer within 3 s"),
    ],
)
def test_an_engine_that_does_not_work_is_told_and_survived(
    code: str,
    expected: str,
    run: Run,
    artifacts: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package = tmp_path / "packages" / "onnxruntime"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(code)
    monkeypatch.syspath_prepend(package.parent)
    if "sleep" in code:
        monkeypatch.setattr(doctor, "PROBE_SECONDS", 3)
    monkeypatch.setattr(engines, "ENGINES", engines.ENGINES[:1])
    asked: list[str] = []
    measure = trial.run

    def watched(candidates: Sequence[tuple[Path, str]], threads: Sequence[int]) -> list[Trial]:
        asked.extend(engine for _, engine in candidates)
        return measure(candidates, threads)

    monkeypatch.setattr(trial, "run", watched)
    result = run(command, "--artifacts", artifacts)
    assert result.exit_code == 1, result.output
    # It failed once; nobody waits for it again, a minute for each model.
    assert "onnxruntime" not in asked
    assert "does not work, see below" in result.stdout
    assert f"- onnxruntime is installed but does not work: {expected};" in result.stdout
    assert "Traceback" not in result.output


def wide(path: Path, limit: int, tmp_path: Path) -> FoundFile:
    """Return a copy whose largest int8 weight is `limit`."""
    model = onnx.load(path)
    constant = next(c for c in model.graph.initializer if c.name == "hidden1/Gemm.weight_quantized")
    weights = numpy_helper.to_array(constant).copy()
    weights[0, 0] = limit
    constant.CopyFrom(numpy_helper.from_array(weights, constant.name))
    copy = tmp_path / "copy.onnx"
    onnx.save(model, copy)
    return FoundFile(copy, "onnx", "mlp")


@pytest.mark.parametrize(
    ("device", "limit", "expected"),
    [
        (PC, -65, None),
        (PC, 64, None),
        (replace(PC, flags=("avx2",)), 64, "has no VNNI: int8 gains less speed; answers are the"),
        (replace(PC, flags=("avx2",)), -65, "copy.onnx: its int8 weights use all 8 bits"),
        (replace(PC, flags=("avx2",)), 127, "this CPU has no VNNI: sums of two"),
        (replace(PC, flags=None), 64, None),
        (replace(PC, flags=None), 127, "this CPU may lack VNNI"),
        (PI, 127, None),
        (replace(PI, flags=("asimd",)), 127, "no dot-product instructions"),
        (replace(PI, flags=None), 127, None),
        (replace(PC, architecture="riscv64", flags=None), 127, None),
    ],
)
def test_int8_is_judged_by_cpu_and_file(
    device: Machine, limit: int, expected: str | None, artifacts: Path, tmp_path: Path
) -> None:
    file = wide(artifacts / "mlp" / "onnx" / "mlp-int8.onnx", limit, tmp_path)
    found = doctor.notes(device, WORKING, [], [file])
    assert len(found) == (expected is not None)
    if expected:
        assert expected in found[0]


def test_shipped_onnx_files_are_safe_without_vnni(artifacts: Path) -> None:
    old = replace(PC, flags=("avx2",))
    (note,) = doctor.notes(old, WORKING, [], doctor.intact_files(artifacts, ["mlp", "tiny", "cnn"]))
    assert "answers are the same" in note


def test_problems_come_first() -> None:
    broken = [replace(WORKING[0], state="crashes (signal 4)"), WORKING[1]]
    found = doctor.notes(PI, broken, [Choice("cnn", error="no file")], [])
    assert [note.split(" ")[0] for note in found] == ["cnn:", "onnxruntime", "only"]


@pytest.mark.parametrize(
    ("device", "litert", "others"),
    [
        (PI, 'pip install "digit-runtime[tflite]"', "not installed"),
        (
            replace(PI, python_bits=32),
            'pip install tflite-runtime "numpy<2"',
            "no wheels for 32-bit Python",
        ),
        (replace(PI, python_bits=32, python_version=(3, 13)), None, "no wheels for 32-bit Python"),
        (replace(PC, python_bits=32), None, "no wheels for 32-bit Python"),
        (replace(PI, musl=True), None, "no wheels for musl (Alpine)"),
    ],
)
def test_only_what_has_wheels_is_advised(
    device: Machine, litert: str | None, others: str, only_numpy: None
) -> None:
    states = {state.name: state for state in doctor.engines([], device)}
    assert states["litert"].pip_line == litert
    assert states["onnxruntime"].state == states["openvino"].state == others
    assert (states["onnxruntime"].pip_line is None) is (others != "not installed")
    notes = doctor.notes(device, list(states.values()), [], [])
    assert any("32-bit" in note for note in notes) is (device.python_bits == 32)
    if litert:
        assert litert in notes[0]
    else:
        assert "no wheels of others" in notes[0]


@pytest.mark.parametrize(
    ("cpuinfo", "flags"),
    [
        ({"flags": "fpu sse2 avx2 avx512_vnni"}, ("avx2", "avx512_vnni")),
        ({"Features": "fp asimd evtstrm crc32 asimddp"}, ("asimd", "asimddp")),
        ({"Features": "half thumb neon vfpv4"}, ("neon",)),
        ({"isa": "rv64imafdc"}, None),
        ({}, None),
    ],
)
def test_flags_are_those_that_matter(
    cpuinfo: dict[str, str], flags: tuple[str, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(device, "cpuinfo", lambda: cpuinfo)
    assert device.instructions() == flags


def test_macos_is_asked_by_sysctl(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"hw.optional.AdvSIMD": "1", "hw.optional.arm.FEAT_DotProd": "1"}
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(device, "sysctl", answers.get)
    assert device.instructions() == ("asimd", "asimddp")
    monkeypatch.undo()
    assert device.sysctl("no.such.name") is None


@pytest.mark.parametrize("content", ["MemTotal: many kB\n", "MemTotal\n", "\0", "MemTotal: 5 MB\n"])
def test_odd_memory_files_are_survived(content: str, tmp_path: Path) -> None:
    path = tmp_path / "meminfo"
    path.write_text(content)
    assert device.read_meminfo(path) == {}
    path.write_text("MemTotal:  8000 kB\nMemFree: 1 kB\nMemAvailable: 2000 kB\n")
    assert device.read_meminfo(path) == {"MemTotal": 8_192_000, "MemAvailable": 2_048_000}


def test_this_machine_answers() -> None:
    here = device.look()
    assert here.cpu
    assert here.python_bits in (32, 64)
    assert here.memory is None or here.memory > 100e6
    assert not (here.is_x86 and here.is_arm)
