"""Digits in NumPy's own files: .npy read part by part, one array of an .npz as a whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from digit_runtime.contract import ONE_IMAGE, Pixels, as_pixels, check_shape
from digit_runtime.errors import PixelsError, explained

NAMES: Final = ("pixels", "images", "x")
# A few megabytes of compressed zeros can claim any size.
_LARGEST_NPZ: Final = 1 << 30
_SUFFIX: Final = ".npy"

Array = NDArray[Any]


def npy_batches(path: Path, rows: int) -> Iterator[Pixels]:
    """Return the batches of a .npy file, uint8 ``[n, 784]`` with n up to `rows`.

    The array is one that `as_pixels` accepts: uint8 ``[N, 784]`` or ``[N, 28, 28]``, or
    one image. Memory does not grow with the file. Nothing is ever unpickled.

    Raises:
        InputNotFoundError, InputReadError: The file is missing or cannot be read.
        PixelsError: Damaged, no rows, or an array of another shape or type.
    """

    def load() -> Array:
        with explained(str(path), "an array of numbers"):
            array: Array = np.lib.format.open_memmap(path, mode="r")
        return array

    # A new map for each batch: the pages read through one map would all stay in memory.
    return _batches(load, rows, path)


def npz_batches(path: Path, rows: int) -> Iterator[Pixels]:
    """Return the batches of an .npz file, as `npy_batches` does.

    The file has one array, or one of them is called pixels, images or x.
    """
    # numpy leaves a file that it opened itself open if that turns out to be damaged.
    with (
        explained(str(path), "an archive of arrays of numbers"),
        path.open("rb") as stream,
        np.load(stream, allow_pickle=False) as archive,
    ):
        name = _chosen(archive.zip.namelist(), path)
        size = archive.zip.getinfo(name + _SUFFIX).file_size
        if size > _LARGEST_NPZ:
            raise PixelsError(
                f"{path}: its array {name!r} takes {size / 1e6:,.0f} MB; save it as .npy, which "
                "is read part by part"
            )
        array: Array = archive[name]
    return _batches(lambda: array, rows, path)


def _batches(load: Callable[[], Array], rows: int, path: Path) -> Iterator[Pixels]:
    array = load()
    with _named(path):
        check_shape(array)
        if array.shape in ONE_IMAGE:
            return iter([as_pixels(array)])
    if not len(array):
        raise PixelsError(f"{path}: has no rows")
    return _parts(load, range(0, len(array), rows), path)


def _parts(load: Callable[[], Array], starts: range, path: Path) -> Iterator[Pixels]:
    for start in starts:
        part = load()[start : start + starts.step]
        with _named(path):
            pixels = as_pixels(part)
        yield pixels


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except PixelsError as error:
        raise PixelsError(f"{path}: {error}") from error


def _chosen(members: list[str], path: Path) -> str:
    arrays = [name.removesuffix(_SUFFIX) for name in members if name.endswith(_SUFFIX)]
    if not arrays:
        raise PixelsError(f"{path}: is an archive of {_listed(members)}; unpack it first")
    wanted = arrays if len(arrays) == 1 else [name for name in arrays if name in NAMES]
    if len(wanted) != 1:
        raise PixelsError(
            f"{path}: has the arrays {_listed(arrays)}; call one of them {' or '.join(NAMES)}"
        )
    return wanted[0]


def _listed(names: list[str]) -> str:
    shown = ", ".join(name if name.isprintable() else repr(name) for name in names[:8])
    return (shown or "nothing") + ", ..." * (len(names) > 8)
