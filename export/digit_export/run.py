"""From Keras files to published exports: the story that `digit-export` tells."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digit_runtime.contract import DIGITS, default_names
from digit_runtime.errors import DigitError
from digit_runtime.models.manifest import ModelFile, Parity, verify_file

from digit_export.convert.targets import Target
from digit_export.errors import KerasModelError
from digit_export.keras_model.find import Source
from digit_export.parity import evidence
from digit_export.parity.calibration_rows import CALIBRATION_ROWS, draw
from digit_export.parity.rows import Data, Rows
from digit_export.publish.fingerprint import fingerprint, tools
from digit_export.publish.publish import NewFile, ensure_writable, publish
from digit_export.publish.reference import (
    REFERENCE_NAME,
    REFERENCE_ROWS,
    REFERENCE_SEED,
    describe,
    is_intact,
    renewed,
)

if TYPE_CHECKING:
    from digit_export.convert.build import Built
    from digit_export.keras_model.network import Network
    from digit_export.parity.layer_errors import LayerError

EXPORTED = "exported"
REPRODUCED = "reproduced"
UP_TO_DATE = "up to date"
NOT_PUBLISHED = "not published"


@dataclass(frozen=True)
class Outcome:
    """What became of one target; `reasons` says why it was not published.

    `parity` was measured in this run if `status` is "exported". It is that of the
    manifest if the same bytes came out again ("reproduced") or are there already.
    """

    target: Target
    path: Path
    status: str
    bytes: int = 0
    sha256: str = ""
    parity: Mapping[str, Parity] = field(default_factory=dict)
    reasons: Sequence[str] = ()
    layers: Sequence["LayerError"] = ()
    """The error behind each layer, if that was asked for."""


def export(
    source: Source,
    targets: Sequence[Target],
    data: Data,
    seed: int = 0,
    force: bool = False,
    debug: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> list[Outcome]:
    """Export one model: convert, check, and publish what passes.

    A file whose model, data, settings and tools are those it was published with is up to
    date: it is left as it is, its figures too. One that the manifest describes but that
    is not there (git does not keep all of them) is made again; if its bytes are those
    described, so are its figures.

    Args:
        source: The Keras model and its directory.
        targets: What to export.
        data: Rows to calibrate with and to check on.
        seed: Of the rows drawn for calibration.
        force: Export what is up to date, too.
        debug: Also compare the layers, for which what is up to date is converted again.
        report: Called with what is being done.

    Raises:
        DigitError: The Keras file, the data or the directory is unusable. Nothing has
            changed then.
    """
    keys = {target: fingerprint(source, target, data.hashes, seed) for target in targets}
    recorded = {} if force else _recorded(source, keys)
    fresh = {target: entry for target, entry in recorded.items() if _is_there(source, entry)}
    if debug or (source.current and not is_intact(source.directory, source.current)):
        fresh = {}
    todo = [target for target in targets if target not in fresh]
    made = _make(source, todo, keys, recorded, data, seed, debug, report) if todo else {}
    return [made.get(target) or _unchanged(source, target, fresh[target]) for target in targets]


def _recorded(source: Source, keys: Mapping[Target, str]) -> dict[Target, ModelFile]:
    """Return what the manifest says of files made from these same inputs.

    Figures whose evidence is lost must be measured again.
    """
    if not source.current:
        return {}
    known = evidence.read(source.directory, source.current)
    entries = {entry.source: entry for entry in source.current.files if entry.path in known}
    return {target: entries[key] for target, key in keys.items() if key in entries}


def _is_there(source: Source, entry: ModelFile) -> bool:
    try:
        verify_file(source.directory / entry.path, entry)
    except DigitError:
        return False
    return True


def _make(
    source: Source,
    targets: Sequence[Target],
    keys: Mapping[Target, str],
    recorded: Mapping[Target, ModelFile],
    data: Data,
    seed: int,
    debug: bool,
    report: Callable[[str], None],
) -> dict[Target, Outcome]:
    report(f"{source.name}: loading {source.path.name}")
    # TensorFlow takes seconds to import, and is not needed where all is up to date.
    from digit_export.convert import stamp
    from digit_export.convert.build import build
    from digit_export.keras_model.network import Network

    network = Network.load(source.path, source.pixels)
    for line in () if source.trained_here else network.adapted:
        report(f"{source.name}: {line}")
    names = _names(source, network.classes)
    rows, checked = data.split(source.validation_rows, names)
    calibration = draw(rows.pixels, rows.labels, CALIBRATION_ROWS, [seed, 0], names)
    examples = draw(rows.pixels, rows.labels, REFERENCE_ROWS, REFERENCE_SEED, names)
    ensure_writable(source.directory)
    facts = stamp.entries(
        source.name,
        source.sha256,
        names,
        data.hashes,
        calibration.sha256,
        tools(),
        source.trained_here,
    )
    outcomes, new = {}, []
    for built in build(
        source.name, network, targets, calibration.pixels, checked, recorded, facts, report
    ):
        file = NewFile(
            built.target, built.content, built.parity, keys[built.target], built.evidence
        )
        entry = file.entry(source.name)
        if not built.misses:
            new.append(file)
        passed = REPRODUCED if built.reproduced else EXPORTED
        outcomes[built.target] = Outcome(
            built.target,
            source.directory / entry.path,
            NOT_PUBLISHED if built.misses else passed,
            entry.bytes,
            entry.sha256,
            built.parity,
            built.misses,
            _layers(network, built, checked["validation"]) if debug else (),
        )
    if not source.trained_here and (doubt := _doubt(outcomes.values(), len(names))):
        report(f"{source.name}: note: {doubt}")
    if new:
        reference = renewed(
            source.directory / REFERENCE_NAME, examples, network.predict(examples.pixels)
        )
        publish(
            source,
            new,
            reference,
            {
                "model": _model(source, network),
                "calibration": {
                    "rows": len(calibration.labels),
                    "seed": seed,
                    "sha256": calibration.sha256,
                },
                "reference": describe(reference, len(examples.labels)),
                "export": {"tools": tools(), "data": data.hashes},
            },
            () if names == DIGITS else names,
        )
    return outcomes


def _layers(network: "Network", built: "Built", rows: Rows) -> list["LayerError"]:
    from digit_export.parity.layer_errors import ROWS, compare

    if not built.content:
        return []
    return compare(network, built.target.format, built.content, rows.pixels[:ROWS])


def _names(source: Source, classes: int) -> tuple[str, ...]:
    """Return the names of the classes: those given, or else they are counted."""
    if len(source.given_labels) not in (0, classes):
        raise KerasModelError(
            f"{source.path}: tells {classes} classes apart, and --class-names has "
            f"{len(source.given_labels)}"
        )
    return source.labels or default_names(classes)


def _doubt(outcomes: Iterable[Outcome], classes: int) -> str | None:
    """Return what is suspicious if Keras itself answers badly, closer to guessing than to right."""
    accuracies = [parity.keras_accuracy for o in outcomes for parity in o.parity.values()]
    lowest = min([accuracy for accuracy in accuracies if accuracy is not None], default=1.0)
    if lowest >= (1 + 1 / classes) / 2:
        return None
    return (
        f"Keras itself is right on {lowest:.1%} of these rows only; if it can do better, --scale "
        "or the order of --class-names is not that of its training"
    )


def _model(source: Source, network: "Network") -> dict[str, Any]:
    described: dict[str, Any] = {
        "file": source.path.name,
        "sha256": source.sha256,
        "bytes": source.bytes,
        "parameters": network.parameters,
    }
    if not source.trained_here:
        described["adapted"] = list(network.adapted)
    if source.pixels:
        described["pixels"] = list(source.pixels)
    return described


def _unchanged(source: Source, target: Target, entry: ModelFile) -> Outcome:
    path = source.directory / entry.path
    return Outcome(target, path, UP_TO_DATE, entry.bytes, entry.sha256, entry.parity)
