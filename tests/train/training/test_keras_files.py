"""What is wrong with a Keras file as a file is told as that, whatever Keras says of it."""

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest
from digit_train.training.keras_files import damage
from hypothesis import given
from hypothesis import strategies as st

WHOLE = Path(__file__).parents[3] / "artifacts" / "tiny" / "model.keras"
WEIGHTS = "model.weights.h5"


def rewritten(path: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """Write the entries of a whole file anew; those that become None are left out."""
    with zipfile.ZipFile(WHOLE) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            if (content := change(name, old.read(name))) is not None:
                new.writestr(name, content)
    return path


def test_a_whole_file_is_whole(tmp_path: Path) -> None:
    assert damage(WHOLE) is None
    with h5py.File(tmp_path / "a.h5", "w"):
        pass
    assert damage(tmp_path / "a.h5") is None


def test_an_entry_of_the_archive_is_missing_or_damaged(tmp_path: Path) -> None:
    def told(change: Callable[[str, bytes], bytes | None]) -> str:
        return str(damage(rewritten(tmp_path / "a.keras", change)))

    def only(wanted: str, instead: bytes | None) -> Callable[[str, bytes], bytes | None]:
        return lambda name, content: instead if name == wanted else content

    assert told(lambda name, content: None) == (
        "is a zip archive, but not of a Keras model: it has no config.json"
    )
    assert "is a model without its weights" in told(only(WEIGHTS, None))
    assert "its config.json is not JSON" in told(only("config.json", b'{"a'))
    weights = zipfile.ZipFile(WHOLE).read(WEIGHTS)
    size = f"{len(weights):,}"
    cut = told(only(WEIGHTS, weights[:3000]))
    assert cut.startswith(f"is damaged: its {WEIGHTS} is cut short: 3,000 of {size} bytes")


def test_bytes_within_the_archive_are_others(tmp_path: Path) -> None:
    content = bytearray(rewritten(tmp_path / "a.keras", lambda name, content: content).read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "a.keras").write_bytes(content)
    assert "is damaged: the checksum of its" in str(damage(tmp_path / "a.keras"))


def test_a_file_of_the_other_kind_is_to_be_renamed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.keras", "w"):
        pass
    shutil.copy(WHOLE, tmp_path / "b.h5")
    assert str(damage(tmp_path / "a.keras")).endswith("rename it to a.h5")
    assert str(damage(tmp_path / "b.h5")).endswith("rename it to b.keras")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_what_is_no_model_is_called_what_it_is(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    assert damage(path) == "no such file"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    assert f"is a PNG image, not a{'n HDF5' if suffix == '.h5' else ' .keras'} file" in str(
        damage(path)
    )
    path.write_text("<!DOCTYPE html>")
    assert "is not a" in str(damage(path))
    path.unlink()
    path.mkdir()
    assert damage(path) == f"is a folder; expected a {suffix} file"
    (path / "config.json").touch()
    assert "unpacked" in str(damage(path))


@given(st.integers(0, WHOLE.stat().st_size - 1))
def test_every_cut_is_told(tmp_path_factory: pytest.TempPathFactory, size: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "a.keras"
    shutil.copy(WHOLE, path)
    os.truncate(path, size)
    assert str(damage(path)).endswith("; copy, download or save it again") or size == 1
