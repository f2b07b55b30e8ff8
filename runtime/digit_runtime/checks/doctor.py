"""What predicts on this device, with what, and what would make it better."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from digit_runtime.device import Machine
from digit_runtime.engines.table import ENGINES, Engine
from digit_runtime.errors import DigitError, EngineError
from digit_runtime.formats import onnx_file
from digit_runtime.formats.precisions import rank
from digit_runtime.loading import auto
from digit_runtime.measuring.meter import Job
from digit_runtime.measuring.process import Process
from digit_runtime.models.folder import FoundFile, files_of, find_all

PROBE_SECONDS: Final = 60
_WORKS: Final = "works"
_UNTRIED: Final = "installed, no file to try it on"
# Two products with a uint8 still fit 16 bits: 2 * 255 * 64 < 2^15.
_SEVEN_BITS: Final = 64


@dataclass(frozen=True)
class EngineState:
    """An engine on this device; `state` is "works", or says what is in the way."""

    name: str
    reads: str
    version: str | None
    """None if it is not installed."""
    state: str
    pip_line: str | None
    """What installs it, where there is something to install."""

    @property
    def broken(self) -> bool:
        """Whether it is installed and was tried in vain."""
        return self.version is not None and self.state not in (_WORKS, _UNTRIED)


@dataclass(frozen=True)
class Measured:
    """What a file and an engine achieved in `choice.choose`, or why they did not."""

    path: str
    engine: str
    images_per_s: float | None
    start_s: float
    threads: int
    failure: str | None


@dataclass(frozen=True)
class Choice:
    """What `digit-predict` would use for a model, and why; or the error it would give."""

    model: str
    path: str | None = None
    engine: str | None = None
    reason: str | None = None
    error: str | None = None
    measured: tuple[Measured, ...] = ()


def engines(files: Sequence[FoundFile], machine: Machine) -> list[EngineState]:
    """Return the state of every engine, each tried in a process of its own.

    A build for other instructions than the CPU has dies there without taking us along.

    Args:
        files: What to try them on.
        machine: Decides what can be installed.
    """
    return [_engine(engine, files, machine) for engine in ENGINES if not engine.on_request]


def choices(artifacts: Path, names: Sequence[str], states: Sequence[EngineState]) -> list[Choice]:
    """Return what each model would be predicted with by default, measured anew.

    What was measured is remembered, so that `digit-predict` does use it.
    """
    broken = {state.name: state.state for state in states if state.broken}
    return [_choice(artifacts, name, broken) for name in names]


def intact_files(artifacts: Path, names: Sequence[str]) -> list[FoundFile]:
    """Return the files of those models that are what their manifests say."""
    found = []
    for name in names:
        try:
            files = files_of(artifacts / name)
        except DigitError:
            continue
        found += [file for file in files if _is_intact(file)]
    return found


def _is_intact(file: FoundFile) -> bool:
    try:
        file.read()
    except DigitError:
        return False
    return True


def notes(
    machine: Machine,
    states: Sequence[EngineState],
    chosen: Sequence[Choice],
    files: Sequence[FoundFile],
) -> list[str]:
    """Return what is worth knowing or doing, the most urgent first."""
    found = [f"{choice.model}: {choice.error}" for choice in chosen if choice.error]
    found += [
        f"{state.name} is installed but does not work: {state.state}; predict with another "
        "--engine, or install another version"
        for state in states
        if state.broken
    ]
    last_resorts = {engine.name for engine in ENGINES if engine.last_resort}
    if not any(s.version and not s.broken for s in states if s.name not in last_resorts):
        lines = [state.pip_line for state in states if state.pip_line and not state.version]
        advice = " or ".join(lines) if lines else "there are no wheels of others for this system"
        found.append(f"only numpy predicts here, slowly; {advice}")
    if machine.python_bits == 32:
        found.append("this Python is 32-bit; the newer engines need a 64-bit system")
    return found + _int8_notes(machine, files)


def _engine(engine: Engine, files: Sequence[FoundFile], machine: Machine) -> EngineState:
    package, pip_line = engine.installed_package(), _pip_line(engine, machine)
    if package is None:
        state = "not installed" if pip_line else f"no wheels for {_unusual(machine)}"
        return EngineState(engine.name, engine.format, None, state, pip_line)
    files = [file for file in files if file.format == engine.format]
    state = probe(engine, min(files, key=_rank).path) if files else _UNTRIED
    return EngineState(engine.name, engine.format, _version(package), state, pip_line)


def _rank(file: FoundFile) -> tuple[int, int]:
    # What predicts by default first; an old engine may read that and not the others.
    return (rank(file.precision), file.path.stat().st_size)


def _pip_line(engine: Engine, machine: Machine) -> str | None:
    if engine.last_resort:
        return None
    if not _unusual(machine):
        return engine.pip_line
    if engine.name == "litert" and machine.is_arm and machine.python_version <= (3, 11):
        # LiteRT's predecessor is the one engine that was ever built for 32-bit Arm.
        return None if machine.musl else 'pip install tflite-runtime "numpy<2"'
    return None


def _unusual(machine: Machine) -> str | None:
    """Return in words what makes the engines' wheels unfit for this Python, if anything."""
    if machine.python_bits == 32:
        return "32-bit Python"
    return "musl (Alpine)" if machine.musl else None


def _version(package: str) -> str:
    try:
        names = importlib.metadata.packages_distributions()[package]
        return importlib.metadata.version(names[0])
    except Exception:  # Any installed package's metadata may be broken, in any way.
        return "unknown version"


def probe(engine: Engine, path: Path) -> str:
    """Return "works", or what is in the way of this engine with that file."""
    try:
        with Process(Job(str(path), engine.name, 1), limit_s=PROBE_SECONDS) as process:
            process.answer()
            process.ask("load")
    except EngineError as error:
        return str(error).removeprefix(f"{path} on {engine.name}: ")
    except OSError as error:
        return f"could not be tried: {error}"
    return _WORKS


def _choice(artifacts: Path, name: str, broken: Mapping[str, str]) -> Choice:
    # A path: a folder of that name in the working directory is another model.
    folder = artifacts / name
    try:
        chosen = auto.choose(find_all(folder, artifacts=artifacts), anew=True, broken=broken)
        failed = [pair for pair, trial in chosen.trials if trial.failure]
        usable = [p for p in chosen.pairs if p.engine.name not in broken and p not in failed]
        if usable:
            usable[0].file.read()
    except DigitError as error:
        return Choice(name, error=str(error))
    measured = tuple(
        Measured(str(pair.file.path), pair.engine.name, **asdict(trial))
        for pair, trial in chosen.trials
    )
    if not usable:
        return Choice(name, error="no installed engine works with its files", measured=measured)
    best = usable[0]
    return Choice(name, str(best.file.path), best.engine.name, chosen.reason, measured=measured)


def _int8_notes(machine: Machine, files: Sequence[FoundFile]) -> list[str]:
    """Say what the CPU's lack of 8-bit instructions means for the files that are here."""
    if machine.is_arm and machine.has_dot_product is False:
        return ["this CPU has no dot-product instructions (asimddp): int8 gains less speed"]
    if not machine.is_x86 or machine.has_vnni:
        return []
    lacks = "may lack" if machine.has_vnni is None else "has no"
    wide = [file.path for file in files if file.format == "onnx" and _has_wide_weights(file.path)]
    found = [
        f"{path}: its int8 weights use all 8 bits, and this CPU {lacks} VNNI: sums of two "
        "products can overflow 16 bits there and change answers; export it with digit-export, "
        "which uses 7 bits, or use --precision float32"
        for path in wide
    ]
    if not wide and machine.has_vnni is False:
        found.append(
            "this CPU has no VNNI: int8 gains less speed; answers are the same, since the "
            "int8 weights of these ONNX files use only 7 bits"
        )
    return found


def _has_wide_weights(path: Path) -> bool:
    try:
        constants = onnx_file.read(path.read_bytes(), path).constants.values()
    except (DigitError, OSError):
        return False
    return any(
        array.dtype == np.int8
        and array.ndim > 1
        and array.size
        and max(-int(array.min()), int(array.max())) > _SEVEN_BITS
        for array in constants
    )
