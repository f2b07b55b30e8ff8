"""Publication: whole or not at all, and never a manifest that lies."""

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from digit_export.convert.targets import TARGETS, select
from digit_export.errors import KerasModelError
from digit_export.keras_model.find import Source, find
from digit_export.publish import publish
from digit_export.publish.fingerprint import fingerprint, tools
from digit_export.publish.publish import NewFile
from digit_export.publish.reference import describe, is_intact
from digit_runtime import ManifestError
from digit_runtime.errors import OutputError
from digit_runtime.models.manifest import Manifest, Parity, read_verified

PARITY = {"test": Parity(10, 1.0, 0.0, 0.0, 1.0, 1.0)}
FLOAT32, INT8 = TARGETS[0], TARGETS[3]


def source_of(directory: Path) -> Source:
    (source,) = find(str(directory / "model.keras"), directory.parent)
    return source


def provenance(source: Source, **more: Any) -> dict[str, Any]:
    facts = {"file": "model.keras", "sha256": source.sha256}
    return {"model": facts, "reference": describe(b"reference"), **more}


def snapshot(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def assert_manifest_is_true(directory: Path) -> None:
    manifest = Manifest.read(directory)
    for file in manifest.files:
        read_verified(directory / file.path, file)
    if "reference" in manifest.provenance:
        assert is_intact(directory, manifest)


def test_new_bytes_replace_the_old_and_the_rest_stays_listed(copy: Path, exported: Any) -> None:
    source = source_of(copy)
    new = NewFile(FLOAT32, b"new", PARITY, "key")
    manifest = publish.publish(source, [new], b"reference", provenance(source))
    assert (copy / "onnx/mlp-float32.onnx").read_bytes() == b"new"
    assert len(manifest.files) == len(select("all", "all"))
    assert manifest.files[0].source == "key"
    assert manifest == Manifest.read(copy)
    assert_manifest_is_true(copy)
    assert manifest.provenance["training"] == exported.manifest["training"]


def test_a_full_disk_while_writing_changes_nothing(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(copy)
    write = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        if "int8" in self.name:
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    source = source_of(copy)
    files = [NewFile(target, b"new", PARITY, "key") for target in (FLOAT32, INT8)]
    with pytest.raises(OutputError, match=r"mlp-int8\.onnx: cannot be written: No space left"):
        publish.publish(source, files, b"reference", provenance(source))
    assert snapshot(copy) == before


@pytest.mark.parametrize("renames", range(6))
def test_an_interrupt_at_any_rename_leaves_a_true_manifest(
    copy: Path, monkeypatch: pytest.MonkeyPatch, renames: int
) -> None:
    source = source_of(copy)
    replace, done = os.replace, 0

    def interrupted(fresh: Path, target: Path) -> None:
        nonlocal done
        if done == renames:
            raise KeyboardInterrupt
        done += 1
        replace(fresh, target)

    monkeypatch.setattr(os, "replace", interrupted)
    files = [NewFile(target, b"new", PARITY, "key") for target in (FLOAT32, INT8)]
    with pytest.raises(KeyboardInterrupt):
        publish.publish(source, files, b"reference", provenance(source))
    assert_manifest_is_true(copy)
    assert not list(copy.rglob("*.part"))


def test_the_manifest_is_written_last(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = source_of(copy)
    replaced: list[str] = []
    replace = os.replace

    def watched(fresh: Path, target: Path) -> None:
        replaced.append(Path(target).name)
        replace(fresh, target)

    monkeypatch.setattr(os, "replace", watched)
    new = NewFile(FLOAT32, b"new", PARITY, "key")
    publish.publish(source, [new], b"reference", provenance(source))
    assert replaced[-1] == "manifest.json"
    # Taken out of the manifest before it changes, put back after.
    assert replaced.index("manifest.json") < replaced.index("mlp-float32.onnx")


def test_bytes_that_do_not_change_stay_listed_all_the_time(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(copy)
    monkeypatch.setattr(os, "replace", lambda fresh, target: pytest.fail(str(target)))
    content = (copy / "onnx/mlp-float32.onnx").read_bytes()
    before = (copy / "manifest.json").read_bytes()
    reference = (copy / "reference.npz").read_bytes()
    same = provenance(source, reference=describe(reference))
    with pytest.raises(pytest.fail.Exception):
        publish.publish(source, [NewFile(FLOAT32, content, PARITY, "key")], reference, same)
    assert (copy / "manifest.json").read_bytes() == before


def test_another_calibration_unlists_the_other_calibrated_files(copy: Path) -> None:
    source = source_of(copy)
    calibration = {"rows": 500, "seed": 9, "sha256": "other"}
    new = NewFile(INT8, b"new", PARITY, "key")
    manifest = publish.publish(
        source, [new], b"reference", provenance(source, calibration=calibration)
    )
    precisions = [(file.format, file.precision) for file in manifest.files]
    assert ("onnx", "int8") in precisions
    assert ("tflite", "int8") not in precisions
    assert len(precisions) == len(select("all", "all")) - 1


def test_other_weights_unlist_everything_and_their_training_facts(copy: Path) -> None:
    (copy / "model.keras").write_bytes(b"other weights")
    source = source_of(copy)
    new = NewFile(INT8, b"new", PARITY, "key")
    manifest = publish.publish(source, [new], b"reference", provenance(source))
    assert [file.path for file in manifest.files] == ["onnx/mlp-int8.onnx"]
    assert set(manifest.provenance) == {"evidence", "model", "reference"}


def test_a_file_of_its_own_name_gets_a_folder_of_its_own(mlp: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.keras"
    path.write_bytes(mlp.read_bytes())
    (source,) = find(str(path), tmp_path)
    assert (source.directory, source.name) == (tmp_path / "mine", "mine")
    assert source.sha256 == hashlib.sha256(mlp.read_bytes()).hexdigest()
    publish.publish(
        source, [NewFile(INT8, b"new", PARITY, "key")], b"reference", provenance(source)
    )
    assert (tmp_path / "mine/onnx/mine-int8.onnx").read_bytes() == b"new"
    assert json.loads((tmp_path / "mine/manifest.json").read_text())["name"] == "mine"


@pytest.mark.parametrize(("key", "value"), [("training", None), ("model", 3)])
def test_training_facts_that_are_not_facts_are_refused(copy: Path, key: str, value: Any) -> None:
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {key: value}))
    with pytest.raises(ManifestError, match=rf"manifest\.json: has .* as '{key}'"):
        source_of(copy)


def test_two_exports_at_once_are_both_listed(copy: Path) -> None:
    (copy / "manifest.json").unlink()
    first, second = source_of(copy), source_of(copy)
    one = NewFile(FLOAT32, b"one", PARITY, "key")
    other = NewFile(INT8, b"other", PARITY, "key")
    publish.publish(first, [one], b"reference", provenance(first))
    publish.publish(second, [other], b"reference", provenance(second))
    listed = [file.path for file in Manifest.read(copy).files]
    assert listed == ["onnx/mlp-float32.onnx", "onnx/mlp-int8.onnx"]
    assert_manifest_is_true(copy)


def test_a_model_that_was_trained_anew_meanwhile_is_not_published(copy: Path) -> None:
    source = source_of(copy)
    assert source.sha256
    before = (copy / "manifest.json").read_bytes()
    (copy / "model.keras").write_bytes(b"other weights")
    with pytest.raises(KerasModelError, match="was changed while it was exported"):
        publish.publish(source, [], b"reference", {})
    assert (copy / "manifest.json").read_bytes() == before


def published(path: Path, artifacts: Path, **options: Any) -> Source:
    (source,) = find(str(path), artifacts, **options)
    model = {"file": path.name, "sha256": source.sha256, "location": source.location}
    new = NewFile(INT8, path.read_bytes() if path.is_file() else b"", PARITY, "key")
    publish.publish(source, [new], b"reference", provenance(source, model=model))
    return source


@pytest.mark.parametrize(
    ("one", "other"), [("x.keras", "x.h5"), ("run1/model.keras", "run2/model.keras")]
)
def test_another_model_of_the_same_name_is_not_replaced_unasked(
    one: str, other: str, tmp_path: Path
) -> None:
    artifacts = tmp_path / "artifacts"
    for name in (one, other):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    source = published(tmp_path / one, artifacts)
    before = snapshot(source.directory)
    with pytest.raises(KerasModelError, match=r"holds the exports of another model, .*--replace"):
        find(str(tmp_path / other), artifacts)
    assert snapshot(source.directory) == before
    # The same model, trained on, is no other one.
    (tmp_path / one).write_bytes(b"more epochs")
    published(tmp_path / one, artifacts)
    published(tmp_path / other, artifacts, replaces=True)


def test_a_saved_model_keeps_the_dots_of_its_name(tmp_path: Path) -> None:
    for name in ("digits-v1.2", "digits-v1.3"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_bytes(name.encode())
        (source,) = find(str(tmp_path / name), tmp_path / "artifacts")
        assert source.directory == tmp_path / "artifacts" / name


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_the_shipped_files_are_up_to_date_for_these_sources(name: str, artifacts: Path) -> None:
    source = source_of(artifacts / name)
    assert source.recorded
    exported = source.recorded.provenance["export"]
    if exported["tools"] != tools():
        pytest.skip("made with other versions of the converters")
    keys = [fingerprint(source, target, exported["data"], 0) for target in select("all", "all")]
    assert [file.source for file in source.recorded.files] == keys
