"""What is not MNIST, to learn from and to measure by: fonts, digits of other hands, photographs.

The digits (1,797 of 8x8 pixels, by 43 people) and two photographs are in scikit-learn's
wheel, which pip downloads; nothing in it is installed or run, and a file whose hash is
another is refused.
"""

import gzip
import hashlib
import shlex
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from digit_runtime.contract import PIXELS, Labels, Pixels
from digit_runtime.errors import InputNotFoundError, InputReadError
from digit_runtime.inputs.images import centre
from digit_runtime.models.manifest import sha256_of
from digit_runtime.storage.atomic import writing
from numpy.typing import NDArray

from digit_train.data import fonts
from digit_train.data.sources import SourceError, make_room, run_child

FOLDER: Final = "others"
"""The folder's name, beside train.csv."""
FONTS: Final = "fonts"
DIGITS: Final = "digits.csv.gz"
PHOTOGRAPHS: Final = ("china.jpg", "flower.jpg")

_REQUIREMENT: Final = "scikit-learn==1.9.1"
_LIMIT_S: Final = 600.0
_MEMBERS: Final = {
    DIGITS: "data/digits.csv.gz",
    "china.jpg": "images/china.jpg",
    "flower.jpg": "images/flower.jpg",
    "README.txt": "images/README.txt",
}
SHA256: Final = {
    DIGITS: "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
    "china.jpg": "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29",
    "flower.jpg": "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638",
    "README.txt": "3c7ef15a1fa25b998d38c92132378635955aadedc1dcf3e40e63dc0098f6b8f7",
}


def fetch(folder: Path, say: Callable[[str], None] = lambda line: None) -> bool:
    """Make `folder` complete; returns whether something was missing.

    Raises:
        SourceError: npm or pip is missing or fails, or brings another file than the known.
        OutputError: The folder is not writable.
    """
    make_room(folder, _MEMBERS)
    missing = fonts.fetch(folder / FONTS, say) > 0
    if all(_known(folder / name, name) for name in _MEMBERS):
        return missing
    say(f"digits and photographs from {_REQUIREMENT}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as download:
        pip = [sys.executable, "-P", "-m", "pip", "download", "--disable-pip-version-check"]
        options = ["--no-input", "--no-deps", "--only-binary", ":all:", "--dest", download]
        run_child([*pip, *options, _REQUIREMENT], _LIMIT_S)
        (wheel,) = Path(download).glob("*.whl")
        for name, content in _unpacked(wheel).items():
            with writing(folder / name) as stream:
                stream.write(content)
    return True


def small_digits(folder: Path) -> tuple[Pixels, Labels]:
    """Return scikit-learn's digits in MNIST's form, uint8 ``[1797, 784]``, and their labels.

    Raises:
        InputNotFoundError: They were not fetched.
        InputReadError: They are damaged.
    """
    with gzip.open(_fetched(folder, DIGITS), "rt") as stream:
        table = np.loadtxt(stream, delimiter=",")
    # 0 to 16 in the file: counts of ink among 4x4 dots.
    grey = np.rint(table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    pixels = np.stack([centre(image) for image in grey]).reshape(-1, PIXELS)
    return pixels, table[:, -1].astype(np.uint8)


def photographs(folder: Path) -> list[NDArray[np.uint8]]:
    """Return the photographs in grey, uint8 ``[H, W]`` each.

    Raises:
        InputNotFoundError: They were not fetched.
        InputReadError: They are damaged.
    """
    from PIL import Image

    found = []
    for name in PHOTOGRAPHS:
        with Image.open(_fetched(folder, name)) as image:
            found.append(np.asarray(image.convert("L")))
    return found


def fonts_of(folder: Path) -> Path:
    """Return the folder of fonts.

    Raises:
        InputNotFoundError: One is missing.
        InputReadError: One is damaged.
    """
    for font in fonts.FONTS:
        _fetched(folder, f"{FONTS}/{fonts.file_name(font)}", font.sha256)
    return folder / FONTS


def _fetched(folder: Path, name: str, sha256: str | None = None) -> Path:
    path, remedy = folder / name, f"digit-data others --out {shlex.quote(str(folder))}"
    if not path.is_file():
        raise InputNotFoundError(f"{path}: no such file; get it by {remedy}")
    if sha256_of(path) != (sha256 or SHA256[name]):
        raise InputReadError(f"{path}: is damaged; {remedy} fetches it again")
    return path


def _known(path: Path, name: str) -> bool:
    return path.is_file() and sha256_of(path) == SHA256[name]


def _unpacked(wheel: Path) -> dict[str, bytes]:
    found = {}
    try:
        with zipfile.ZipFile(wheel) as archive:
            for name, member in _MEMBERS.items():
                found[name] = archive.read(f"sklearn/datasets/{member}")
                if hashlib.sha256(found[name]).hexdigest() != SHA256[name]:
                    raise SourceError(f"{wheel.name}: {member} is not the known file: refused")
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise SourceError(f"{wheel.name}: is damaged or not the known wheel: {error}") from error
    return found
