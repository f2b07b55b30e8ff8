"""The rows an export needs: training rows to calibrate with, others to check parity on."""

import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from digit_runtime.contract import DIGITS, Labels, Pixels
from digit_runtime.errors import InputNotFoundError, PixelsError
from digit_runtime.inputs.kaggle_csv import read_csv, read_labels
from digit_runtime.models.manifest import sha256_of
from digit_runtime.terminal import plural

# What the notebook held out; used for models that do not say what they did.
_VALIDATION_FRACTION: Final = 0.2


@dataclass(frozen=True)
class Rows:
    """Labelled digits: uint8 ``[N, 784]``, uint8 ``[N]``."""

    pixels: Pixels
    labels: Labels
    first_id: int = 1
    """Kaggle's ImageId of the first row: its number in the CSV, from 1."""


class Data:
    """The CSV files, read once and only when something must be exported.

    Args:
        train: The training CSV.
        test: The test CSV and the CSV of its labels, if there are any.
    """

    def __init__(self, train: Path, test: tuple[Path, Path] | None) -> None:
        if not train.is_file():
            raise InputNotFoundError(
                f"{train}: no such file; calibration and parity need training rows: "
                f"run digit-data fetch --out {shlex.quote(str(train.parent))}"
            )
        self.train_path = train
        self.test_paths = test
        self._rows: dict[tuple[str, ...], tuple[Rows, Rows | None]] = {}

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each file, by its role."""
        paths = {"train": self.train_path}
        if self.test_paths:
            paths |= dict(zip(("test", "test_labels"), self.test_paths, strict=True))
        return {role: sha256_of(path) for role, path in paths.items()}

    def rows(self, names: tuple[str, ...] = DIGITS) -> tuple[Rows, Rows | None]:
        """Return all training rows, and the test rows if there are any.

        Args:
            names: Of the classes that the rows are labelled with.

        Raises:
            PixelsError, InputReadError: The rows cannot be used.
        """
        if names not in self._rows:
            self._rows[names] = self._train(names), self._test(names)
        return self._rows[names]

    def _train(self, names: tuple[str, ...]) -> Rows:
        pixels, labels = read_csv(self.train_path, names)
        if labels is None:
            raise PixelsError(
                f"{self.train_path}: has no label column; calibration and parity need rows "
                "labelled with the model's classes, as in train.csv"
            )
        return Rows(pixels, labels)

    def _test(self, names: tuple[str, ...]) -> Rows | None:
        if not self.test_paths:
            return None
        pixels, _ = read_csv(self.test_paths[0], None)
        labels = read_labels(self.test_paths[1], names)
        if len(pixels) != len(labels):
            raise PixelsError(
                f"{self.test_paths[1]}: has {plural(len(labels), 'row')}, "
                f"{self.test_paths[0]} has {len(pixels):,}"
            )
        return Rows(pixels, labels)

    def split(
        self, validation_rows: int | None, names: tuple[str, ...] = DIGITS
    ) -> tuple[Rows, dict[str, Rows]]:
        """Return the rows to draw from, and by name those to check parity on.

        Args:
            validation_rows: How many of the last rows of the training CSV the training
                held out; None if not known.
            names: Of the classes.
        """
        train, test = self.rows(names)
        pixels, labels = train.pixels, train.labels
        count = validation_rows or round(len(pixels) * _VALIDATION_FRACTION)
        if not 0 < count < len(pixels):
            raise PixelsError(
                f"{self.train_path}: has {plural(len(pixels), 'row')}, too few to hold out "
                f"{count:,}"
            )
        first_id = len(pixels) - count + 1
        checked = {"validation": Rows(pixels[-count:], labels[-count:], first_id)}
        if test:
            checked["test"] = test
        return Rows(pixels[:-count], labels[:-count]), checked
