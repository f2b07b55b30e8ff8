"""Convert one Keras model to each target, and check each file against it."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Final

import numpy as np
from digit_runtime.classifier import Classifier, load
from digit_runtime.console import progress
from digit_runtime.contract import Pixels, Probabilities
from digit_runtime.errors import DigitError
from digit_runtime.manifest import Parity

from digit_export.data import Rows
from digit_export.errors import ConversionError, KerasModelError
from digit_export.network import Network
from digit_export.parity import Comparison
from digit_export.quiet import quiet
from digit_export.targets import Target

_CHUNK_ROWS: Final = 1024


@dataclass(frozen=True)
class Built:
    """A converted file and how it compares; `misses` says why it may not be published."""

    target: Target
    content: bytes
    parity: dict[str, Parity]
    misses: list[str]


def build(
    name: str,
    network: Network,
    targets: Sequence[Target],
    calibration: Pixels,
    checked: dict[str, Rows],
    report: Callable[[str], None],
) -> Iterator[Built]:
    """Yield each target, converted and checked on all rows.

    Args:
        name: The model's name, which its files bear.
        network: The Keras model.
        targets: What to make.
        calibration: uint8 ``[n, 784]``, training rows.
        checked: Rows by the name of their split.
        report: Called with what is being done.

    Raises:
        KerasModelError: The model's answers are not probabilities.
    """
    rows = sum(len(split.labels) for split in checked.values())
    report(f"{name}: asking Keras for {rows:,} answers")
    with progress(f"{name} keras", rows) as advance:
        answers = {key: network.predict(split.pixels, advance) for key, split in checked.items()}
    for key in answers:
        _require_probabilities(name, answers[key])
    for target in targets:
        report(f"{name} {target.name}: converting")
        try:
            content = _convert(target, network, calibration)
            report(f"{name} {target.name}: checking {rows:,} rows")
            yield _check(name, target, content, checked, answers, rows)
        except DigitError as error:
            yield Built(target, b"", {}, [str(error)])


def _convert(target: Target, network: Network, calibration: Pixels) -> bytes:
    try:
        with quiet():
            content: bytes = resolve_name(target.exporter)(network, calibration)
    except DigitError:
        raise
    except Exception as error:  # Converters raise whatever they like.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise ConversionError(f"cannot be converted: {reason}") from error
    return content


def _check(
    name: str,
    target: Target,
    content: bytes,
    checked: dict[str, Rows],
    answers: dict[str, Probabilities],
    rows: int,
) -> Built:
    parity, misses = {}, []
    with tempfile.TemporaryDirectory(prefix="digit-export-") as folder:
        path = Path(folder) / Path(target.path(name)).name
        path.write_bytes(content)
        with quiet():
            classifier = load(path)
        with progress(f"{name} {target.name}", rows) as advance:
            for key, split in checked.items():
                exported = _predict(classifier, split.pixels, advance)
                comparison = Comparison(answers[key], exported, split.labels)
                parity[key] = comparison.figures()
                misses += [f"{key} {miss}" for miss in comparison.misses(target.gate)]
    return Built(target, content, parity, misses)


def _predict(
    classifier: Classifier, pixels: Pixels, advance: Callable[[int], None]
) -> Probabilities:
    parts = []
    for start in range(0, len(pixels), _CHUNK_ROWS):
        part = pixels[start : start + _CHUNK_ROWS]
        parts.append(classifier.predict_proba(part))
        advance(len(part))
    return np.concatenate(parts)


def _require_probabilities(name: str, answers: Probabilities) -> None:
    sums = answers.sum(axis=1)
    if not np.allclose(sums, 1, atol=1e-3) or answers.min() < 0:
        raise KerasModelError(
            f"{name}: its outputs are not probabilities (one row sums to {sums[0]:.3g}); "
            "make softmax its last activation"
        )
