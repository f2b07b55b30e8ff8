"""From Keras files to published exports: the story that `digit-export` tells."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from digit_runtime.contract import DIGITS, Pixels
from digit_runtime.errors import DigitError, EngineError, ModelFileError
from digit_runtime.models.manifest import ModelFile, read_verified
from digit_train.training.folder import ensure_writable

from digit_export.convert.targets import Target, usual
from digit_export.errors import ConversionError, NotApplicableError
from digit_export.keras_model.find import Source
from digit_export.parity import evidence
from digit_export.parity.calibration_rows import CALIBRATION_ROWS, draw
from digit_export.parity.rows import Data, Rows
from digit_export.publish.fingerprint import fingerprint, tools
from digit_export.publish.outcome import (
    EXPORTED,
    NOT_APPLICABLE,
    NOT_PUBLISHED,
    REPRODUCED,
    UP_TO_DATE,
    Outcome,
)
from digit_export.publish.publish import NewFile, publish
from digit_export.publish.reference import (
    REFERENCE_NAME,
    REFERENCE_ROWS,
    REFERENCE_SEED,
    describe,
    is_intact,
    renewed,
)

if TYPE_CHECKING:
    from digit_export.keras_model.network import Network
    from digit_export.parity.check import Answers
    from digit_export.parity.layer_errors import LayerError


@dataclass(frozen=True)
class ExportJob:
    """What one run of digit-export does with one model.

    Attributes:
        source: The Keras model and its directory.
        targets: What to export.
        data: Rows to calibrate with and to check on.
        seed: Of the rows drawn for calibration.
        force: Export what is up to date, too.
        debug: Also compare the layers, for which what is up to date is converted again.
        report: Called with what is being done.
    """

    source: Source
    targets: Sequence[Target]
    data: Data
    seed: int = 0
    force: bool = False
    debug: bool = False
    report: Callable[[str], None] = lambda line: None

    @cached_property
    def keys(self) -> Mapping[Target, str]:
        """The fingerprint of each target's file."""
        hashes = self.data.hashes
        return {t: fingerprint(self.source, t, hashes, self.seed) for t in self.targets}

    @cached_property
    def recorded(self) -> Mapping[Target, ModelFile]:
        """What the manifest says of files made from these same inputs.

        Figures whose evidence is lost must be measured again.
        """
        if self.force or not self.source.current:
            return {}
        known = evidence.read(self.source.directory, self.source.current)
        entries = {e.source: e for e in self.source.current.files if e.path in known}
        return {target: entries[key] for target, key in self.keys.items() if key in entries}


def export(job: ExportJob) -> list[Outcome]:
    """Export one model: convert, check, and publish what passes.

    A file whose model, data, settings and tools are those it was published with is up to
    date: it is left as it is, its figures too. One that the manifest describes but that
    is not there (git does not keep all of them) is made again; if its bytes are those
    described, so are its figures.

    Raises:
        DigitError: The Keras file, the data or the directory is unusable. Nothing has
            changed then.
    """
    source = job.source
    fresh = {target: entry for target, entry in job.recorded.items() if _is_there(source, entry)}
    if job.debug or (source.current and not is_intact(source.directory, source.current)):
        fresh = {}
    todo = [target for target in job.targets if target not in fresh]
    made = _export(job, todo) if todo else {}
    return [made.get(target) or _unchanged(source, target, fresh[target]) for target in job.targets]


def _is_there(source: Source, entry: ModelFile) -> bool:
    try:
        read_verified(source.directory / entry.path, entry)
    except DigitError:
        return False
    return True


def _export(job: ExportJob, targets: Sequence[Target]) -> dict[Target, Outcome]:
    source = job.source
    job.report(f"{source.name}: loading {source.path.name}")
    # TensorFlow takes seconds to import, and is not needed where all is up to date.
    from digit_export.convert import stamp
    from digit_export.keras_model.network import Network
    from digit_export.parity.check import Answers

    network = Network.load(source.path, source.pixels)
    network.unsure_below = source.current.unsure_below if source.current else None
    for line in () if source.trained_here else network.adapted:
        job.report(f"{source.name}: {line}")
    if source.trained_on not in (None, job.data.hashes["train"]):
        job.report(
            f"{source.name}: note: {job.data.train_path} is not the CSV that it was trained on; "
            "its last rows, which count as held out, may be some that it was trained on"
        )
    names = source.class_names(network.classes)
    rows, checked = job.data.split(source.validation_rows, names)
    csv = str(job.data.train_path)
    calibration = draw(rows.pixels, rows.labels, CALIBRATION_ROWS, [job.seed, 0], names, csv)
    examples = draw(rows.pixels, rows.labels, REFERENCE_ROWS, REFERENCE_SEED, names, csv)
    ensure_writable(source.directory)
    facts = stamp.entries(
        source.name,
        source.sha256,
        names,
        job.data.hashes,
        calibration.sha256,
        tools(),
        source.trained_here,
    )
    answers = Answers(source.name, network, checked, job.report)
    outcomes, new = {}, []
    for target in targets:
        file, outcome = _measure(job, target, answers, network, calibration.pixels, facts)
        outcomes[target] = outcome
        if file and not outcome.reasons:
            new.append(file)
    if not source.trained_here and (doubt := _doubt(outcomes.values(), len(names))):
        job.report(f"{source.name}: note: {doubt}")
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
                    "seed": job.seed,
                    "sha256": calibration.sha256,
                },
                "reference": describe(reference, len(examples.labels)),
                "export": {"tools": tools(), "data": job.data.hashes},
            },
            () if names == DIGITS else names,
        )
    return outcomes


def _measure(
    job: ExportJob,
    target: Target,
    answers: "Answers",
    network: "Network",
    calibration: Pixels,
    facts: Mapping[str, str],
) -> tuple[NewFile | None, Outcome]:
    """Convert to one target and check it; the file is None where there is none.

    One that comes out as it was recorded is checked on the validation rows only, to see
    that it works on this machine; its recorded figures and evidence hold.
    """
    from digit_export.convert.build import build
    from digit_export.parity.check import check

    name, path = job.source.name, job.source.directory / target.path(job.source.name)
    job.report(f"{name} {target.name}: converting")
    try:
        content = build(network, target, calibration, facts)
        known = job.recorded.get(target)
        reproduced = known is not None and known.sha256 == hashlib.sha256(content).hexdigest()
        splits = ["validation"] if reproduced else list(answers.rows)
        found = check(name, target, content, answers, splits, job.report)
    except NotApplicableError as error:
        return None, Outcome(target, path, NOT_APPLICABLE, reasons=[str(error)])
    except (ConversionError, ModelFileError, EngineError) as error:
        # A file that its engine cannot run is as good as none, but others may be.
        return None, Outcome(target, path, NOT_PUBLISHED, reasons=[str(error)])
    parity = known.parity if known and reproduced else found.parity
    # What the table's gate lets pass, too, needed no tolerance.
    file = NewFile(
        target if found.by_tolerance else usual(target),
        content,
        parity,
        job.keys[target],
        None if reproduced else found.evidence,
    )
    entry = file.entry(name)
    status = NOT_PUBLISHED if found.misses else REPRODUCED if reproduced else EXPORTED
    layers = _layers(network, target, content, answers.rows["validation"]) if job.debug else ()
    return file, Outcome(
        target, path, status, entry.bytes, entry.sha256, parity, found.misses, layers
    )


def _layers(network: "Network", target: Target, content: bytes, rows: Rows) -> list["LayerError"]:
    from digit_export.parity.layer_errors import ROWS, compare

    return compare(target.network(network), target.format, content, rows.pixels[:ROWS])


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
    if source.path.parent != source.directory:
        described["location"] = source.location
    if source.pixels:
        described["pixels"] = list(source.pixels)
    return described


def _unchanged(source: Source, target: Target, entry: ModelFile) -> Outcome:
    path = source.directory / entry.path
    return Outcome(target, path, UP_TO_DATE, entry.bytes, entry.sha256, entry.parity)
