"""Put exported files into their model directory, so that its manifest is never wrong."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from digit_runtime.contract import DIGITS
from digit_runtime.models.manifest import MANIFEST_NAME, Manifest, ModelFile, Parity
from digit_runtime.storage.atomic import replacing, writing
from digit_train.training.folder import locked

from digit_export.card.text import CARD_NAME, text
from digit_export.convert.targets import TARGETS, Target, given, limits
from digit_export.keras_model.find import Source
from digit_export.parity import evidence
from digit_export.parity.evidence import EVIDENCE_NAME, Evidence
from digit_export.publish.reference import REFERENCE_NAME


@dataclass(frozen=True)
class NewFile:
    """An exported file that passed its gate."""

    target: Target
    content: bytes
    parity: Mapping[str, Parity]
    fingerprint: str
    evidence: Mapping[str, Evidence] | None = field(default_factory=dict)
    """None for what is recorded of the same file already."""

    def entry(self, model: str) -> ModelFile:
        """Return what the manifest of `model` says of it."""
        return ModelFile(
            path=self.target.path(model),
            format=self.target.format,
            precision=self.target.precision,
            sha256=hashlib.sha256(self.content).hexdigest(),
            bytes=len(self.content),
            parity=self.parity,
            source=self.fingerprint,
            gate=limits(self.target.gate),
            tolerance=given(self.target),
        )


def written(source: Source, targets: Sequence[Target]) -> list[Path]:
    """Return the files that `publish` writes, whatever comes of the targets."""
    names = [target.path(source.name) for target in targets]
    return [
        source.directory / name
        for name in (*names, REFERENCE_NAME, EVIDENCE_NAME, CARD_NAME, MANIFEST_NAME)
    ]


def publish(
    source: Source,
    new: Sequence[NewFile],
    reference: bytes,
    provenance: Mapping[str, Any],
    labels: tuple[str, ...] = (),
) -> Manifest:
    """Publish `new` and what describes it; return the manifest, which is written last.

    Nobody else writes into the directory meanwhile, and what another export has published
    since this one began stays listed. All files are written before the first is renamed to
    its place. While they are being renamed the manifest does not list them, so it never names
    a file with other bytes.

    Args:
        source: The model; files that were exported from the same weights stay listed.
        new: The files.
        reference: The bytes of reference.npz.
        provenance: Replaces what the manifest says about the same keys.
        labels: The names of the classes; none of digits.

    Raises:
        OutputError: Something cannot be written. If that is noticed before the first
            rename, as with a full disk, nothing has changed.
        KerasModelError: See `Source.as_of_now`.
    """
    with locked(source.directory):
        return _publish(source.as_of_now(), new, reference, provenance, labels)


def no_longer_listed(source: Source) -> tuple[list[str], str]:
    """Return which files the manifest has lost since `source` was found, and why.

    They are still there: they were good for what was said of the model then.
    """
    path = source.directory / MANIFEST_NAME
    if not source.recorded or not path.exists():
        return [], ""
    now = Manifest.read(source.directory)
    listed = {file.path for file in now.files}
    lost = [file.path for file in source.recorded.files if file.path not in listed]
    if not source.current:
        return lost, "they were made of other weights"
    if source.pixels != source.recorded_pixels:
        return lost, "they were made with another --scale"
    if source.recorded.labels != now.labels:
        return lost, "they were made with other --class-names"
    return lost, "they were calibrated on other rows"


def _publish(
    source: Source,
    new: Sequence[NewFile],
    reference: bytes,
    provenance: Mapping[str, Any],
    labels: tuple[str, ...],
) -> Manifest:
    files = _merge(_kept(source, provenance, labels), [file.entry(source.name) for file in new])
    found = evidence.to_json(_evidence(source, new, files))
    manifest = Manifest(
        name=source.name,
        files=files,
        labels=labels,
        provenance={
            **(source.current.provenance if source.current else {}),
            **provenance,
            "evidence": evidence.describe(found),
        },
    )
    with ExitStack() as stack:
        for file in new:
            path = source.directory / file.target.path(source.name)
            stack.enter_context(replacing(path)).write_bytes(file.content)
            if file.target.beside:
                make = resolve_name(file.target.beside)
                others = make(file.content, source.name, len(labels or DIGITS))
                for other, content in others.items():
                    stack.enter_context(replacing(path.parent / other)).write_bytes(content)
        stack.enter_context(replacing(source.directory / REFERENCE_NAME)).write_bytes(reference)
        stack.enter_context(replacing(source.directory / EVIDENCE_NAME)).write_bytes(found)
        readme = stack.enter_context(replacing(source.directory / CARD_NAME))
        readme.write_bytes(text(manifest).encode())
        if source.recorded:
            _unlist_changes(source.directory, source.recorded, manifest)
    _write(source.directory, manifest)
    return manifest


def _unlist_changes(directory: Path, old: Manifest, new: Manifest) -> None:
    """Write `old` without what `new` says otherwise."""
    hashes = {file.path: file.sha256 for file in new.files}
    same = tuple(file for file in old.files if hashes.get(file.path, file.sha256) == file.sha256)
    provenance = dict(old.provenance)
    for key in ("reference", "evidence"):
        if provenance.get(key) != new.provenance.get(key):
            provenance.pop(key, None)
    meanwhile = replace(old, files=same, provenance=provenance)
    if meanwhile != old:
        _write(directory, meanwhile)


def _kept(
    source: Source, provenance: Mapping[str, Any], labels: tuple[str, ...]
) -> list[ModelFile]:
    """Return the listed files that are still of these weights, classes and calibration."""
    if not source.current or source.pixels != source.recorded_pixels:
        return []
    if source.current.labels != labels:
        return []
    calibrated = {(target.format, target.precision) for target in TARGETS if target.calibrated}
    same = provenance.get("calibration") in (None, source.current.provenance.get("calibration"))
    return [
        file
        for file in source.current.files
        if same or (file.format, file.precision) not in calibrated
    ]


def _evidence(
    source: Source, new: Sequence[NewFile], files: Sequence[ModelFile]
) -> dict[str, evidence.Splits]:
    """Return the evidence of `files`, in their order; of kept ones what was recorded."""
    found: dict[str, evidence.Splits] = {}
    if source.current:
        found |= evidence.read(source.directory, source.current)
    found |= {
        file.target.path(source.name): file.evidence for file in new if file.evidence is not None
    }
    return {file.path: found[file.path] for file in files if found.get(file.path)}


def _merge(kept: Sequence[ModelFile], new: Sequence[ModelFile]) -> tuple[ModelFile, ...]:
    files = {(file.format, file.precision): file for file in (*kept, *new)}
    order = [(target.format, target.precision) for target in TARGETS]
    known = [files.pop(key) for key in order if key in files]
    return (*known, *files.values())


def _write(directory: Path, manifest: Manifest) -> None:
    with writing(directory / MANIFEST_NAME) as stream:
        stream.write(manifest.to_json().encode())
