import json
from pathlib import Path
from typing import Any

import pytest
from digit_runtime import ManifestError, ModelFileError, ModelNotFoundError
from digit_runtime.models.manifest import Manifest, ModelFile, Parity, read_verified
from hypothesis import given
from hypothesis import strategies as st

FILE = ModelFile(
    "onnx/a-int8.onnx", "onnx", "int8", "00" * 32, 3, {"test": Parity(10, 1.0, 0.5, 0.25, 0.9, 0.9)}
)
MANIFEST = Manifest("a", (FILE,), provenance={"training": {"seed": 1}})


def changed(**changes: Any) -> str:
    document = json.loads(MANIFEST.to_json())
    document["files"][0] |= changes.pop("file", {})
    return json.dumps(document | changes)


def test_reads_back_what_it_wrote() -> None:
    assert Manifest.from_json(MANIFEST.to_json()) == MANIFEST


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("[]", "not a JSON object"),
        ('{"schema": 1', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        (changed(schema=2), "schema 2.*update digit-runtime"),
        (changed(contract=9), "contract 9.*update digit-runtime"),
        (changed(schema=True), "'schema'"),
        (changed(files={}), "'files'"),
        (changed(files=[1]), "1 as 'files.0.'; expected an object"),
        (changed(file={"bytes": "3"}), "bytes'; expected a whole number"),
        (changed(file={"path": "../../etc/passwd"}), "not a path inside"),
        (changed(file={"path": "/etc/passwd"}), "not a path inside"),
        (changed(file={"path": "C:\\x"}), "not a path inside"),
        (changed(file={"parity": {"test": {"rows": 1}}}), "lacks 'files.0..parity.test.agreement'"),
        (changed(file={"parity": {"test": 1}}), "parity.test'; expected an object"),
        (MANIFEST.to_json().replace("0.25", "NaN"), "not valid JSON"),
    ],
)
def test_a_bad_manifest_is_refused_with_its_reason(text: str, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        Manifest.from_json(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(json.loads(MANIFEST.to_json()))), JSON)
def test_any_wrong_value_is_a_manifest_error_or_kept(key: str, value: Any) -> None:
    text = json.dumps(json.loads(MANIFEST.to_json()) | {key: value})
    try:
        assert Manifest.from_json(text).to_json()
    except ManifestError as error:
        assert str(error)


def test_errors_name_the_manifest(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"has no manifest\.json"):
        Manifest.read(tmp_path)
    (tmp_path / "manifest.json").write_bytes(b"\xff")
    with pytest.raises(ManifestError, match=r"manifest\.json: is not valid JSON"):
        Manifest.read(tmp_path)


def test_a_file_is_verified_by_size_and_hash(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(ModelNotFoundError, match="no such model file"):
        read_verified(path, FILE)
    path.write_bytes(b"ab")
    with pytest.raises(ModelFileError, match="has 2 bytes, its manifest says 3"):
        read_verified(path, FILE)
    path.write_bytes(b"abc")
    with pytest.raises(ModelFileError, match="sha256"):
        read_verified(path, FILE)


@pytest.mark.parametrize("limit", [0, 1, 0.5])
def test_a_limit_may_be_a_whole_number(limit: float) -> None:
    found = Manifest.from_json(changed(unsure_below={"probability": limit})).unsure_below
    assert (found, type(found)) == (limit, float)


@pytest.mark.parametrize("limit", [True, 2, -1, 10**400, "1", None])
def test_a_limit_is_from_0_to_1(limit: Any) -> None:
    with pytest.raises(ManifestError, match="without a probability from 0 to 1"):
        Manifest.from_json(changed(unsure_below={"probability": limit}))
