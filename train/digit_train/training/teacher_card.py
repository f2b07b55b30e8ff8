"""What ``teacher.json`` says: who wrote the lessons, about which rows, and by which plan."""

import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from digit_runtime.errors import InputNotFoundError, InputReadError, PixelsError
from digit_runtime.models.manifest import sha256_of
from digit_runtime.storage import records
from digit_runtime.storage.atomic import writing

from digit_train.training.lessons import Plan

CARD_NAME: Final = "teacher.json"


@dataclass(frozen=True)
class Data:
    """The CSV whose first rows the lessons are made of."""

    file: str
    sha256: str
    rows: int


@dataclass(frozen=True)
class Author:
    """A network of the teacher, as it was when it wrote the lessons."""

    name: str
    recipe: str
    seed: int
    weight: float
    sha256: str
    trained_on: str | None
    """The hash of the CSV that it learned from; None where no manifest told."""


@dataclass(frozen=True)
class TeacherCard:
    """The whole document, which is written before the first lesson."""

    data: Data
    members: tuple[Author, ...]
    plan: Plan
    validation_accuracy: float

    @classmethod
    def read(cls, folder: Path) -> "TeacherCard":
        """Read a teacher's own.

        Raises:
            InputNotFoundError: There is none.
            InputReadError: It is damaged, or older than what it must tell.
        """
        path = folder / CARD_NAME
        try:
            card = records.build(cls, records.parse(path.read_bytes()))
            card.plan.check()
        except FileNotFoundError as error:
            raise InputNotFoundError(
                f"{path}: no such file, so nobody knows which rows the teacher learned from"
            ) from error
        except (OSError, records.RecordError) as error:
            raise InputReadError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
        return card

    def write(self, folder: Path) -> None:
        """Publish it; raises OutputError."""
        with writing(folder / CARD_NAME) as stream:
            stream.write((json.dumps(asdict(self), indent=2) + "\n").encode())

    def check(self, folder: Path, data: Path) -> None:
        """Refuse other rows, and other networks than those that wrote the lessons.

        Raises:
            PixelsError: Some of the rows held out may be ones that the teacher learned from.
            InputNotFoundError: A network is missing.
            InputReadError: A network is another one.
        """
        if sha256_of(data) != self.data.sha256:
            raise PixelsError(
                f"{data}: is not the file that {folder} was made of, so the teacher may have "
                f"learned from rows held out here: give that file ({self.data.file}), or another "
                f"--teacher, made by {making(data)}"
            )
        for member in self.members:
            path = folder / member.name / "model.keras"
            if not path.is_file():
                raise InputNotFoundError(f"{path}: no such file")
            if sha256_of(path) != member.sha256:
                raise InputReadError(f"{path}: is not the network that wrote the lessons")


def making(data: Path, folder: Path | None = None) -> str:
    """Return the command that makes a teacher, or what a folder lacks of one."""
    out = ["--out", str(folder)] if folder else []
    return shlex.join(["digit-train", "--model", "teacher", "--data", str(data), *out])
