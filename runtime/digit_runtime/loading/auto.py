"""Which file of a model to use with which engine, where nobody says.

Of the smallest precision that is there, the installed engines are measured on this device
and the one that would be done first with Kaggle's test set, its start included, is
remembered for these files, engine versions and threads. Nothing is
measured where there is nothing to choose, nor where it could not be remembered: every
run would pay for it again.
"""

import hashlib
import importlib.util
import math
import platform
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from digit_runtime.device import cpu_name, usable_cpus
from digit_runtime.engines.table import ENGINES, Engine, engine_for, engines_for
from digit_runtime.formats import precisions
from digit_runtime.measuring.speed import Trial
from digit_runtime.models.folder import FoundFile
from digit_runtime.terminal import plural

# Two engines this close change places from one measurement to the next; the table decides.
_TIE: Final = 0.95
# Threads that ask at the same time would slow what each of them measures.
_MEASURING: Final = threading.Lock()


@dataclass(frozen=True)
class Pair:
    """A model file and an installed engine that reads it."""

    file: FoundFile
    engine: Engine
    threads: int = 0
    """With which it was fastest; 0 where that was not measured."""


@dataclass(frozen=True)
class Choice:
    """What to use: `pairs` in the order in which to try them, and why the first is first."""

    pairs: Sequence[Pair]
    reason: str
    trials: Sequence[tuple[Pair, Trial]] = ()
    """What was measured, now or earlier."""


def preferred(files: Sequence[FoundFile], engine: str = "auto") -> list[Pair]:
    """Return the pairs of these files with that engine, or any: the order without a clock.

    What passed by ``--tolerance`` only is last, before it the last resort, then the smaller
    precision is first, then the order of the engine table decides.

    Raises:
        EngineNotInstalledError: There is none; says the pip command.
    """
    pairs = [
        Pair(file, able)
        for file in files
        for able in engines_for(file.format)
        if engine in ("auto", able.name)
    ]
    if not pairs:
        readable = [e.format for e in ENGINES if e.name == engine]
        formats = [file.format for file in files]
        # Raises, and says what to install.
        engine_for(next((f for f in formats if f in readable), formats[0]), engine)
    return sorted(pairs, key=lambda pair: (*_rank(pair), ENGINES.index(pair.engine)))


def choose(
    files: Sequence[FoundFile],
    engine: str = "auto",
    threads: int = 0,
    anew: bool = False,
    broken: Mapping[str, str] = MappingProxyType({}),
) -> Choice:
    """Return what to use of these files, all of one model.

    Args:
        files: At least one.
        engine: A name, which leaves nothing to measure, or "auto".
        threads: That the engine will have; 0 means all usable CPUs, or one where more bring
            nothing: as small models have it, whose rows take longer to read than to predict.
        anew: Measure whatever is remembered, and a single engine too.
        broken: Engines that are known not to work, and why: waiting for one that hangs would
            take a minute for each model.

    Raises:
        EngineNotInstalledError: See `preferred`.
        ModelFileError: A file that is to be measured is damaged.
    """
    pairs = preferred(files, engine)
    if engine != "auto":
        return Choice(pairs[:1], "asked for")
    if pairs[0].engine.last_resort:
        return Choice(pairs, "no faster engine is installed")
    leaders = [pair for pair in pairs if _rank(pair) == _rank(pairs[0])]
    if len(leaders) == 1 and not anew:
        return Choice(pairs, "the only engine installed for it")
    counts = [threads or usable_cpus()]
    if not threads and len(leaders) > 1 and counts != [1]:
        counts.append(1)
    trials, obstacle = _trials(leaders, counts, anew, broken)
    if obstacle:
        return Choice(pairs, f"the preferred engine, not measured: {obstacle}")
    return _by_speed(pairs, list(zip(leaders, trials, strict=True)))


def _rank(pair: Pair) -> tuple[bool, bool, int]:
    # A file that digit-export's own gate would have refused is nobody's choice while there is
    # another.
    return pair.file.tolerated, pair.engine.last_resort, precisions.rank(pair.file.precision)


def _by_speed(pairs: list[Pair], measured: list[tuple[Pair, Trial]]) -> Choice:
    works = [(pair, trial) for pair, trial in measured if trial.images_per_s]
    failed = [pair for pair, trial in measured if not trial.images_per_s]
    if not works:
        # Opening them again, in this process, tells the caller what is the matter.
        return Choice(pairs, "nothing faster works", measured)
    ordered = sorted(works, key=lambda item: item[1].seconds)
    fastest, least = ordered[0][0], ordered[0][1].seconds
    first = next(pair for pair, trial in works if _TIE * trial.seconds <= least)
    figures = [
        f"{pair.engine.name} {trial.images_per_s:,.0f}{' images/s' * (pair is fastest)}"
        f" at {plural(trial.threads, 'thread') if pair is fastest else trial.threads}"
        f" after {trial.start_s:.2f}{' s' * (pair is fastest)}"
        for pair, trial in ordered
    ]
    figures += [f"{pair.engine.name} fails" for pair in failed]
    reason = f"measured: {', '.join(figures)}{'; a tie' * (first is not fastest)}"
    working = [first, *(pair for pair, _ in ordered if pair is not first)]
    others = [pair for pair in pairs if pair not in working and pair not in failed]
    threads = {pair.engine: trial.threads for pair, trial in works}
    working = [replace(pair, threads=threads[pair.engine]) for pair in working]
    return Choice([*working, *others, *failed], reason, measured)


def _trials(
    leaders: Sequence[Pair], threads: Sequence[int], anew: bool, broken: Mapping[str, str]
) -> tuple[list[Trial], str | None]:
    """Return what is remembered or measured of them, or nothing and what is in the way."""
    from digit_runtime.storage import cache

    question = _question(leaders, threads)
    with _MEASURING:
        known = None if anew else _trials_from(cache.recall(question), len(leaders))
        if known:
            return known, None
        if obstacle := cache.obstacle():
            return [], obstacle
        from digit_runtime.measuring import trial
        from digit_runtime.measuring.process import can_start

        if not can_start():
            return [], "this program is no Python that could start another"
        for pair in leaders:
            pair.file.read()
        try:
            sound = [pair for pair in leaders if pair.engine.name not in broken]
            candidates = [(pair.file.path, pair.engine.name) for pair in sound]
            measured = iter(trial.run(candidates, threads) if candidates else ())
            trials = [
                next(measured) if pair in sound else Trial(failure=broken[pair.engine.name])
                for pair in leaders
            ]
        except OSError as error:
            return [], f"no process can be started: {error.strerror}"
        if any(trial.images_per_s for trial in trials):
            cache.store(question, [asdict(trial) for trial in trials])
    return trials, None


def _question(leaders: Sequence[Pair], threads: Sequence[int]) -> dict[str, Any]:
    return {
        "cpu": cpu_name(),
        "architecture": platform.machine(),
        "usable_cpus": usable_cpus(),
        "threads": list(threads),
        "candidates": [
            {
                "engine": pair.engine.name,
                "version": version_of(pair.engine),
                "format": pair.file.format,
                "sha256": sha256_of(pair.file),
            }
            for pair in leaders
        ],
    }


def _trials_from(answer: Any, count: int) -> list[Trial] | None:
    """Return what `cache.store` was given for that many pairs; None for anything else."""
    try:
        trials = [Trial(**entry) for entry in answer]
        sound = len(trials) == count and all(
            trial.failure if trial.images_per_s is None else 0 < trial.seconds < math.inf
            for trial in trials
        )
    except TypeError:
        return None
    return trials if sound else None


def version_of(engine: Engine) -> str:
    """Return what tells one version of an installed engine from another.

    From the name of the folder that pip leaves beside the package: importing
    importlib.metadata takes a third as long as importing numpy.
    """
    package = engine.installed_package() or ""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return "unknown"
    beside = Path(spec.origin).parent.parent.glob(f"{package}*-info")
    return ", ".join(sorted(path.name.rsplit(".", 1)[0] for path in beside)) or "unknown"


def sha256_of(file: FoundFile) -> str:
    """Return the hash that the manifest states, or else the file's own; raises ModelFileError."""
    return file.entry.sha256 if file.entry else hashlib.sha256(file.read()).hexdigest()
