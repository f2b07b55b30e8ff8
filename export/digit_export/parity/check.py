"""Measure a file, run by the engine that will run it, against the Keras model."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from digit_runtime.checks.model_file import inspect
from digit_runtime.contract import Pixels, Probabilities
from digit_runtime.engines.table import engine_for
from digit_runtime.formats.table import format_of
from digit_runtime.loading.load import load
from digit_runtime.models.classifier import Classifier
from digit_runtime.models.manifest import Parity
from digit_runtime.terminal import progress

from digit_export.convert.targets import Target, given, usual
from digit_export.keras_model.network import Network
from digit_export.keras_model.probes import PROBES
from digit_export.parity import edges
from digit_export.parity.evidence import Evidence
from digit_export.parity.parity import ALONE, Comparison
from digit_export.parity.rows import Rows
from digit_export.quiet import quiet

_CHUNK_ROWS: Final = 1024


@dataclass(frozen=True)
class Measured:
    """How a file compares, by the name of the split.

    `misses` says where it fails its gate, and `by_tolerance` whether the table's gate would have
    refused what another one lets pass.
    """

    parity: Mapping[str, Parity]
    evidence: Mapping[str, Evidence]
    misses: Sequence[str]
    by_tolerance: bool


class Answers:
    """Keras's own answers, asked for once and only when something is compared with them."""

    def __init__(
        self,
        name: str,
        network: Network,
        checked: Mapping[str, Rows],
        report: Callable[[str], None],
    ) -> None:
        self.rows = checked
        self._name = name
        self.network = network
        self._report = report
        self._known: dict[str, Probabilities] = {}

    @cached_property
    def probes(self) -> Probabilities:
        """To `PROBES`."""
        return self.network.predict(PROBES)

    def __getitem__(self, split: str) -> Probabilities:
        if split not in self._known:
            pixels = self.rows[split].pixels
            self._report(f"{self._name} keras: predicting {len(pixels):,} {split} rows")
            with progress(f"{self._name} keras", len(pixels)) as advance:
                answers = self.network.predict(pixels, advance)
            self._known[split] = answers
        return self._known[split]


def check(
    name: str,
    target: Target,
    content: bytes,
    answers: Answers,
    splits: Sequence[str],
    report: Callable[[str], None],
) -> Measured:
    """Run the file on the rows of `splits`; on all but the test rows it must pass its gate.

    Raises:
        ModelFileError, EngineError: Its engine cannot run it.
    """
    parity, evidence, held = {}, {}, []
    with tempfile.TemporaryDirectory(prefix="digit-export-") as folder:
        path = Path(folder) / Path(target.path(name)).name
        path.write_bytes(content)
        # What is published under a name must be that, whatever its answers are.
        complaints = inspect(path).complaints if format_of(target.format).layers else []
        # Not the engine that is faster at this moment: the figures depend on no clock.
        engine = engine_for(target.format).name
        with quiet():
            classifier = load(path, engine=engine)
            gates = [target, *([usual(target)] if given(target) else [])]
            refusals = [
                complaints
                + edges.misses(answers.network, gate, content, classifier, answers.probes)
                for gate in gates
            ]
    for split in splits:
        expected, rows = answers[split], answers.rows[split]
        report(f"{name} {target.name}: checking {len(rows.labels):,} {split} rows")
        with progress(f"{name} {target.name}", len(rows.labels)) as advance:
            exported = _predict(classifier, rows.pixels, advance)
        comparison = Comparison(expected, exported, rows.labels)
        parity[split] = comparison.figures()
        evidence[split] = Evidence.of(comparison, rows)
        # A gate is a choice, and nothing is chosen by test rows: these are only reported.
        if split != "test":
            held.append((split, comparison))
    rows = answers.rows["validation"]
    if edges.depends_on_batch(classifier, rows.pixels):
        report(f"{name} {target.name}: checking {len(rows.labels):,} rows, one image at a time")
        singly = Comparison(
            answers["validation"], edges.alone(classifier, rows.pixels), rows.labels
        )
        parity[ALONE] = singly.figures()
        held.append((f"{ALONE}:", singly))
    for gate, misses in zip(gates, refusals, strict=True):
        misses += [f"{where} {miss}" for where, c in held for miss in c.misses(gate.gate)]
    return Measured(parity, evidence, refusals[0], len(gates) > 1 and bool(refusals[1]))


def _predict(
    classifier: Classifier, pixels: Pixels, advance: Callable[[int], None]
) -> Probabilities:
    parts = []
    for start in range(0, len(pixels), _CHUNK_ROWS):
        part = pixels[start : start + _CHUNK_ROWS]
        parts.append(classifier.predict_proba(part))
        advance(len(part))
    return np.concatenate(parts)
