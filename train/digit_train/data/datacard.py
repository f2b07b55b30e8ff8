"""data-card.json: what a data folder holds, where it came from, and proof that it is intact."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from digit_runtime.errors import DigitError, InputReadError
from digit_runtime.models.manifest import sha256_of
from digit_runtime.storage.atomic import writing
from digit_runtime.storage.records import RecordError, build, check_schema, parse

SCHEMA: Final = 1
CARD_NAME: Final = "data-card.json"
TRAIN: Final = "train.csv"
TEST: Final = "test.csv"
TEST_LABELS: Final = "test_labels.csv"
LICENSE: Final = "MNIST, by Yann LeCun and Corinna Cortes: CC BY-SA 3.0"


class DataCardError(DigitError, ValueError):
    """A data-card.json is damaged, or of a schema this version does not know."""


@dataclass(frozen=True)
class Source:
    """Where the rows came from.

    `name` is "keras" or "wheel" for rows drawn from MNIST, "kaggle" for files that the
    kaggle command downloaded, and "folder" for Kaggle's files that were already there.
    `sha256` is that of MNIST's 70,000 images followed by their labels, one byte each and
    training images first, so it is the same from whatever source; None for Kaggle's
    files, which have a hash each.
    """

    name: str
    detail: str
    sha256: str | None = None


@dataclass(frozen=True)
class DataFile:
    """One CSV file; `counts` are rows per class from 0 to 9, None without labels."""

    sha256: str
    bytes: int
    rows: int
    counts: tuple[int, ...] | None = None


@dataclass(frozen=True)
class DataCard:
    """The content of one data-card.json. `seed` is that of the draw; None for Kaggle's."""

    source: Source
    seed: int | None
    files: Mapping[str, DataFile]

    @classmethod
    def read(cls, folder: Path) -> "DataCard | None":
        """Read ``folder/data-card.json``; None where there is none.

        Raises:
            InputReadError: It cannot be read.
            DataCardError: It is damaged or of an unknown schema.
        """
        path = folder / CARD_NAME
        try:
            document = parse(path.read_bytes())
            check_schema(document, SCHEMA, "update digit-toolkit")
            return build(cls, document)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputReadError(f"{path}: cannot be read: {error.strerror}") from error
        except RecordError as error:
            raise DataCardError(f"{path}: {error}") from error

    def write(self, folder: Path) -> None:
        """Publish as ``folder/data-card.json``; raises OutputError."""
        with writing(folder / CARD_NAME) as stream:
            stream.write((json.dumps(self.to_dict(), indent=2) + "\n").encode())

    def to_dict(self) -> dict[str, Any]:
        """Return what the file holds, ready for JSON."""
        return {
            "schema": SCHEMA,
            "license": LICENSE,
            "source": asdict(self.source),
            "seed": self.seed,
            "files": {name: asdict(file) for name, file in self.files.items()},
        }

    def damage(self, folder: Path) -> str | None:
        """Say which file is not the one described, and how; None if all are intact."""
        for name, file in self.files.items():
            path = folder / name
            try:
                if path.stat().st_size != file.bytes:
                    return f"{path}: has {path.stat().st_size:,} bytes, not {file.bytes:,}"
                if sha256_of(path) != file.sha256:
                    return f"{path}: has changed since it was fetched (sha256)"
            except FileNotFoundError:
                return f"{path}: is missing"
            except OSError as error:
                return f"{path}: cannot be read: {error.strerror}"
        return None
