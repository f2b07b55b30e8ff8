"""Keras files: loaded, or told in a line what is wrong with one as a file.

Keras says "File not found" of a file that is cut short, and raises whatever zip, zlib, HDF5
and JSON raise.
"""

import io
import json
import re
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

from digit_runtime.errors import ModelFileError, OutputError, first_line
from digit_runtime.inputs.sniff import HEAD, ZIP, kind_of

HDF5_SUFFIXES: Final = (".h5", ".hdf5")
AGAIN: Final = "copy, download or save it again"
# An archive of nothing begins otherwise than others, and with this.
_ZIP: Final = b"PK"
_CONFIG: Final = "config.json"
_WEIGHTS: Final = ("model.weights.h5", "model.weights.npz")
_SIZES: Final = re.compile(r"eof = (\d+).*stored_eof = (\d+)")


def load(path: Path) -> Any:
    """Return the model of a ``.keras`` file that digit-train wrote, compiled if it was.

    Raises:
        ModelFileError: It is missing, damaged, or no such file.
    """
    import keras

    try:
        return keras.saving.load_model(path)
    except Exception as error:  # Whatever zip, HDF5, JSON or Keras raises.
        reason = damage(path) or f"cannot be read: {first_line(error)}"
        raise ModelFileError(f"{path}: {reason}") from error


def to_bytes(model: Any) -> bytes:
    """Return what a ``.keras`` file of the model holds.

    Raises:
        OutputError: The folder for temporary files cannot be written; Keras writes by name only.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            model.save(path)
            return path.read_bytes()
    except OSError as error:
        place = tempfile.gettempdir()
        raise OutputError(f"{place}: cannot be written: {error.strerror or error}") from error


def damage(path: Path) -> str | None:
    """Return what is wrong with a file by its form, before any layer is looked at.

    Args:
        path: Of a ``.keras`` or HDF5 file, by its suffix.

    Returns:
        In words that follow its name; None if it has the form that its suffix promises.
    """
    try:
        if path.is_dir():
            return _folder(path)
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        if not head:
            return f"is empty; {AGAIN}"
        kind = ZIP if head.startswith(_ZIP) else kind_of(head)
        if path.suffix in HDF5_SUFFIXES:
            return _hdf5(path, kind)
        return _archive(path) if kind == ZIP else _other(path, kind)
    except FileNotFoundError:
        return "no such file"
    except OSError as error:
        return f"cannot be read: {error.strerror or first_line(error)}"


def _folder(path: Path) -> str:
    if (path / _CONFIG).exists():
        return (
            "is a folder with what a .keras file holds, unpacked; give the file as it was "
            "downloaded, or zip what is in the folder"
        )
    return f"is a folder; expected a {path.suffix} file"


def _other(path: Path, kind: str | None) -> str:
    import h5py

    if h5py.is_hdf5(path):
        return f"is an HDF5 file, not a .keras file; rename it to {path.stem}.h5"
    what = f"is {kind}, not a .keras file" if kind else "is not a .keras file, which is a zip"
    return f"{what}; save the model with model.save('{path.name}')"


def _archive(path: Path) -> str | None:
    if not zipfile.is_zipfile(path):
        return f"is cut short: the end of its zip archive is missing; {AGAIN}"
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if _CONFIG not in names:
                return f"is a zip archive, but not of a Keras model: it has no {_CONFIG}"
            if damaged := archive.testzip():
                return f"is damaged: the checksum of its {damaged} is wrong; {AGAIN}"
            weights = names.intersection(_WEIGHTS)
            if not weights:
                return f"has no {_WEIGHTS[0]}, so it is a model without its weights; {AGAIN}"
            json.loads(archive.read(_CONFIG))
            for name in weights:
                if name.endswith(".h5") and (reason := _unreadable(archive.read(name))):
                    return f"is damaged: its {name} {reason}; {AGAIN}"
    except json.JSONDecodeError:
        return f"is damaged: its {_CONFIG} is not JSON; {AGAIN}"
    # An entry may be cut, encrypted, or packed as nobody can unpack.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        return f"is damaged: {first_line(error)}; {AGAIN}"
    return None


def _hdf5(path: Path, kind: str | None) -> str | None:
    import h5py

    if h5py.is_hdf5(path):
        reason = _unreadable(path)
        return f"{reason}; {AGAIN}" if reason else None
    if kind == ZIP:
        return f"is a .keras file by its content; rename it to {path.stem}.keras"
    what = f"is {kind}, not an HDF5 file" if kind else "is not an HDF5 file"
    return f"{what}; save the model with model.save('{path.stem}.keras')"


def _unreadable(source: Path | bytes) -> str | None:
    """Return why an HDF5 file cannot be opened, if it cannot."""
    import h5py

    try:
        with h5py.File(source if isinstance(source, Path) else io.BytesIO(source), "r"):
            return None
    except OSError as error:
        if sizes := _SIZES.search(str(error)):
            found, wanted = map(int, sizes.groups())
            return f"is cut short: {found:,} of {wanted:,} bytes are there"
        return f"is damaged: {first_line(error)}"
