"""The card of a manifest with a damaged value is written, or the manifest is refused."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from digit_export.card.text import text
from digit_runtime import ManifestError
from digit_runtime.models.provenance import read_checked


@pytest.mark.parametrize("value", [None, "x", [], {}, -1], ids=repr)
def test_no_damaged_value_breaks_the_card(value: Any, artifacts: Path, tmp_path: Path) -> None:
    document = json.loads((artifacts / "mlp" / "manifest.json").read_text())
    for key, section in document.items():
        for name in section if isinstance(section, dict) else ():
            damaged = copy.deepcopy(document)
            damaged[key][name] = value
            (tmp_path / "manifest.json").write_text(json.dumps(damaged))
            try:
                manifest = read_checked(tmp_path)
            except ManifestError as error:
                assert str(error).startswith(f"{tmp_path / 'manifest.json'}: ")
                continue
            assert manifest.name in text(manifest), (key, name)


def test_a_negative_number_of_held_out_rows_is_of_the_manifest(
    artifacts: Path, tmp_path: Path
) -> None:
    document = json.loads((artifacts / "mlp" / "manifest.json").read_text())
    document["training"]["validation_rows"] = -5
    (tmp_path / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(ManifestError, match=r"manifest\.json: has a bad 'training': .* -5 "):
        read_checked(tmp_path)
