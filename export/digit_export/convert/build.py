"""Convert one Keras model to each target, and check each file against it."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Final

import numpy as np
from digit_runtime.checks.model_file import READERS, inspect
from digit_runtime.classifier import Classifier
from digit_runtime.contract import Pixels, Probabilities
from digit_runtime.engines.table import engine_for
from digit_runtime.errors import DigitError, EngineError, ModelFileError
from digit_runtime.loading.load import load
from digit_runtime.models.manifest import ModelFile, Parity
from digit_runtime.terminal import progress

from digit_export.convert.stamp import attach
from digit_export.convert.targets import Target
from digit_export.convert.unsupported import first_unsupported
from digit_export.errors import ConversionError
from digit_export.keras_model.network import Network
from digit_export.parity.evidence import Evidence
from digit_export.parity.parity import Comparison
from digit_export.parity.rows import Rows
from digit_export.quiet import quiet

_CHUNK_ROWS: Final = 1024


@dataclass(frozen=True)
class Built:
    """A converted file and how it compares; `misses` says why it may not be published."""

    target: Target
    content: bytes = b""
    parity: Mapping[str, Parity] = field(default_factory=dict)
    evidence: Mapping[str, Evidence] | None = field(default_factory=dict)
    misses: Sequence[str] = ()
    reproduced: bool = False
    """Whether it is, to the byte, a file with recorded figures, which `parity` then are.

    Its recorded evidence holds then, too; `evidence` is None."""


def build(
    name: str,
    network: Network,
    targets: Sequence[Target],
    calibration: Pixels,
    checked: Mapping[str, Rows],
    recorded: Mapping[Target, ModelFile],
    facts: Mapping[str, str],
    report: Callable[[str], None],
) -> Iterator[Built]:
    """Yield each target, converted and checked on all rows.

    A file that comes out as it was recorded is checked on the validation rows only, to
    see that it works on this machine.

    Args:
        name: The model's name, which its files bear.
        network: The Keras model.
        targets: What to make.
        calibration: uint8 ``[n, 784]``, training rows.
        checked: Rows by the name of their split.
        recorded: What is known of files made from the same inputs, and measured on the
            same rows.
        facts: What to write into each file about itself.
        report: Called with what is being done.
    """
    answers = _Answers(name, network, checked, report)
    for target in targets:
        report(f"{name} {target.name}: converting")
        try:
            content = attach(target.format, _convert(target, network, calibration), facts)
            known = recorded.get(target)
            if known and known.sha256 == hashlib.sha256(content).hexdigest():
                built = _check(name, target, content, answers, ["validation"], report)
                yield replace(built, parity=known.parity, evidence=None, reproduced=True)
            else:
                yield _check(name, target, content, answers, list(checked), report)
        except (ConversionError, ModelFileError, EngineError) as error:
            # A file that its engine cannot run is as good as none, but others may be.
            yield Built(target, misses=[str(error)])


class _Answers:
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
        self._network = network
        self._report = report
        self._known: dict[str, Probabilities] = {}

    def __getitem__(self, split: str) -> Probabilities:
        if split not in self._known:
            pixels = self.rows[split].pixels
            self._report(f"{self._name} keras: predicting {len(pixels):,} {split} rows")
            with progress(f"{self._name} keras", len(pixels)) as advance:
                answers = self._network.predict(pixels, advance)
            self._known[split] = answers
        return self._known[split]


def _convert(target: Target, network: Network, calibration: Pixels) -> bytes:
    exporter = resolve_name(target.exporter)
    try:
        with quiet():
            content: bytes = exporter(network, calibration)
    except DigitError:
        raise
    except Exception as error:  # Converters raise whatever they like.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        layer = first_unsupported(network, exporter, calibration)
        what = f"its layer {layer}" if layer else "it"
        raise ConversionError(f"{target.format} has no way to write {what}: {reason}") from error
    return content


def _check(
    name: str,
    target: Target,
    content: bytes,
    answers: _Answers,
    splits: Sequence[str],
    report: Callable[[str], None],
) -> Built:
    parity, evidence = {}, {}
    with tempfile.TemporaryDirectory(prefix="digit-export-") as folder:
        path = Path(folder) / Path(target.path(name)).name
        path.write_bytes(content)
        # What is published under a name must be that, whatever its answers are.
        misses = inspect(path).complaints if path.suffix in READERS else []
        # Not the engine that is faster at this moment: the figures depend on no clock.
        engine = engine_for(target.format).name
        with quiet():
            classifier = load(path, engine=engine)
    for split in splits:
        expected, rows = answers[split], answers.rows[split]
        report(f"{name} {target.name}: checking {len(rows.labels):,} {split} rows")
        with progress(f"{name} {target.name}", len(rows.labels)) as advance:
            exported = _predict(classifier, rows.pixels, advance)
        comparison = Comparison(expected, exported, rows.labels)
        parity[split] = comparison.figures()
        evidence[split] = Evidence.of(comparison, rows)
        misses += [f"{split} {miss}" for miss in comparison.misses(target.gate)]
    return Built(target, content, parity, evidence, misses)


def _predict(
    classifier: Classifier, pixels: Pixels, advance: Callable[[int], None]
) -> Probabilities:
    parts = []
    for start in range(0, len(pixels), _CHUNK_ROWS):
        part = pixels[start : start + _CHUNK_ROWS]
        parts.append(classifier.predict_proba(part))
        advance(len(part))
    return np.concatenate(parts)
