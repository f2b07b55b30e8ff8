"""Kaggle's Digit Recognizer files: what they must look like, and their download."""

import shutil
import zipfile
import zlib
from pathlib import Path
from typing import Final

import numpy as np
from digit_runtime.contract import LABELS, PIXELS, Labels
from digit_runtime.errors import InputReadError, PixelsError
from digit_runtime.inputs.kaggle_csv import read_csv, read_labels
from digit_runtime.models.manifest import sha256_of

from digit_train.data.datacard import TEST, TEST_LABELS, TRAIN, DataFile
from digit_train.data.division import TEST_ROWS, TRAIN_ROWS
from digit_train.data.sources import SourceError, run_child

COMPETITION: Final = "digit-recognizer"
ARCHIVE: Final = f"{COMPETITION}.zip"
TEST_HEADER: Final = ",".join(f"pixel{index}" for index in range(PIXELS))
TRAIN_HEADER: Final = f"label,{TEST_HEADER}"
TEST_LABELS_HEADER: Final = "ImageId,Label"


def download(folder: Path, limit_s: float) -> None:
    """Put the competition's train.csv and test.csv into `folder` with the kaggle command.

    Raises:
        SourceError: There is no such command, it is not configured, the rules of the
            competition are not accepted, or `limit_s` seconds have passed.
    """
    command = shutil.which("kaggle")
    if command is None:
        raise SourceError("there is no kaggle command")
    run_child([command, "competitions", "download", "-c", COMPETITION, "-p", str(folder)], limit_s)
    try:
        unzip(folder / ARCHIVE, folder)
    except InputReadError as error:
        raise SourceError(f"the download is damaged: {error}") from error


def unzip(archive: Path, folder: Path) -> None:
    """Put train.csv and test.csv of Kaggle's archive into `folder`.

    Raises:
        InputReadError: It is damaged, or holds no such files.
    """
    try:
        with zipfile.ZipFile(archive) as members:
            members.extract(TRAIN, folder)
            members.extract(TEST, folder)
    except (OSError, zipfile.BadZipFile, KeyError, zlib.error) as error:
        raise InputReadError(
            f"{archive}: is not Kaggle's archive of {TRAIN} and {TEST}: {error}"
        ) from error


def describe(folder: Path) -> dict[str, DataFile]:
    """Check and describe train.csv, test.csv and, where there is one, test_labels.csv.

    Raises:
        InputNotFoundError, InputReadError: train.csv or test.csv is missing or unreadable.
        PixelsError: A file has another header, number of rows or cells than Kaggle's.
    """
    files = {}
    for name, header, rows in (
        (TRAIN, TRAIN_HEADER, TRAIN_ROWS),
        (TEST, TEST_HEADER, TEST_ROWS),
    ):
        pixels, labels = read_csv(folder / name)
        _check(folder / name, header, rows, len(pixels))
        files[name] = _describe(folder / name, rows, labels)
    answers = folder / TEST_LABELS
    if answers.exists():
        labels = read_labels(answers)
        _check(answers, TEST_LABELS_HEADER, TEST_ROWS, len(labels))
        files[TEST_LABELS] = _describe(answers, TEST_ROWS, labels)
    return files


def class_counts(labels: Labels) -> tuple[int, ...]:
    """Return the number of rows of each class from 0 to 9."""
    return tuple(np.bincount(labels, minlength=LABELS).tolist())


def _check(path: Path, header: str, rows: int, found: int) -> None:
    with path.open("rb") as stream:
        first = stream.readline(2 * len(header)).decode("latin-1").rstrip("\r\n")
    if first != header:
        raise PixelsError(f"{path}: line 1 is not Kaggle's header {header[:24]}...")
    if found != rows:
        raise PixelsError(f"{path}: has {found:,} rows; Kaggle's has {rows:,}")


def _describe(path: Path, rows: int, labels: Labels | None) -> DataFile:
    return DataFile(
        sha256=sha256_of(path),
        bytes=path.stat().st_size,
        rows=rows,
        counts=None if labels is None else class_counts(labels),
    )
