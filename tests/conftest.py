"""Real digits and shipped models for all tests; nothing here is made-up noise."""

from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from digit_runtime import read_csv, read_labels
from digit_runtime.contract import Labels, Pixels

ROOT = Path(__file__).parent.parent
DATA = ROOT / "data"


def data_file(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.fail(f"{path} is missing; `make data` gets it", pytrace=False)
    return path


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep what the tests measure out of the user's own cache; commands inherit it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("DIGIT_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def artifacts() -> Path:
    return ROOT / "artifacts"


@pytest.fixture(scope="session")
def digits() -> tuple[Pixels, Labels]:
    """All 42,000 training rows: uint8 [42000, 784] and uint8 [42000]."""
    pixels, labels = read_csv(data_file("train.csv"))
    assert labels is not None
    return pixels, labels


@pytest.fixture(scope="session")
def test_digits() -> tuple[Pixels, Labels]:
    """All 28,000 test rows: uint8 [28000, 784] and uint8 [28000]."""
    return read_csv(data_file("test.csv"))[0], read_labels(data_file("test_labels.csv"))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a click command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def invoke(command: click.Command, *arguments: object, **options: object) -> Result:
        return CliRunner().invoke(command, [str(a) for a in arguments], **options)  # type: ignore[arg-type]

    return invoke


@pytest.fixture(scope="session")
def write_pixels() -> Callable[..., Path]:
    """Write digits in Kaggle's format."""

    def write(path: Path, pixels: Pixels, labels: Labels | None = None) -> Path:
        columns = [f"pixel{i}" for i in range(784)]
        table = pixels
        if labels is not None:
            columns = ["label", *columns]
            table = np.column_stack([labels, pixels])
        np.savetxt(path, table, fmt="%d", delimiter=",", header=",".join(columns), comments="")
        return path

    return write


@pytest.fixture(scope="session")
def others_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Stands for what `digit-data others` fetches: every font is DejaVu, which matplotlib has."""
    import gzip
    from dataclasses import replace

    import matplotlib
    from digit_runtime.models.manifest import sha256_of
    from digit_train.data import fonts, others
    from PIL import Image

    folder = tmp_path_factory.mktemp("others")
    (folder / others.FONTS).mkdir()
    dejavu = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf").read_bytes()
    for font in fonts.FONTS:
        (folder / others.FONTS / f"{font.name}.woff").write_bytes(dejavu)
    ring = np.zeros((8, 8), int)
    ring[1:7, 2:6] = 16
    ring[2:6, 3:5] = 0
    with gzip.open(folder / others.DIGITS, "wt") as stream:
        stream.write((",".join(map(str, [*ring.ravel(), 0])) + "\n") * 2)
    for number, name in enumerate(others.PHOTOGRAPHS):
        grey = np.random.default_rng(number).integers(0, 256, (300, 400), np.uint8)
        Image.fromarray(grey).convert("RGB").save(folder / name)
    with pytest.MonkeyPatch.context() as patch:
        sha256 = sha256_of(folder / others.FONTS / fonts.file_name(fonts.FONTS[0]))
        known = tuple(replace(font, sha256=sha256) for font in fonts.FONTS)
        patch.setattr(fonts, "FONTS", known)
        for name in (others.DIGITS, *others.PHOTOGRAPHS):
            patch.setitem(others.SHA256, name, sha256_of(folder / name))
        yield folder
