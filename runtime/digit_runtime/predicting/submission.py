"""Kaggle's submission CSV, written as the answers come."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from digit_runtime.contract import Labels, Probabilities
from digit_runtime.models.classifier import most_probable

_HEADER = "ImageId,Label"


class Submission:
    """A submission that is being written; memory does not grow with it.

    Args:
        names: Of the classes.
        submission: Gets ``ImageId,Label`` and a line per row, ids from 1, with the name of
            the class (for digits, the digit).
        probabilities: Gets ``ImageId,p0,...,p9``, or what else the classes are called, and
            a line per row, if given.
        with_files: Whether a last column ``File`` says where a row is from.
    """

    def __init__(
        self,
        names: Sequence[str],
        submission: BinaryIO,
        probabilities: BinaryIO | None = None,
        with_files: bool = False,
    ) -> None:
        self._names = names
        self._submission = submission
        self._probabilities = probabilities
        self._rows = 0
        end = ",File\n" if with_files else "\n"
        submission.write(f"{_HEADER}{end}".encode())
        if probabilities:
            columns = ",".join(f"p{name}" for name in names)
            probabilities.write(f"ImageId,{columns}{end}".encode())

    def add(self, probabilities: Probabilities, files: Sequence[str] | None = None) -> Labels:
        """Write the next rows, float32 ``[n, 10]``; returns the classes, uint8 ``[n]``.

        Args:
            probabilities: Of the rows.
            files: Where each row is from, if that is written.

        Raises:
            EngineError: A row has no label; see `most_probable`.
        """
        digits = most_probable(probabilities, self._rows)
        ends = ["\n"] * len(digits) if files is None else list(map(_file_cell, files))
        ids = range(self._rows + 1, self._rows + len(digits) + 1)
        labels = [self._names[digit] for digit in digits.tolist()]
        self._submission.write(_lines(ids, labels, ends))
        if self._probabilities:
            cells = map(_cells, probabilities.tolist())
            self._probabilities.write(_lines(ids, cells, ends))
        self._rows += len(digits)
        return digits


def _lines(ids: Iterable[int], values: Iterable[str], ends: Iterable[str]) -> bytes:
    lines = (f"{i},{value}{end}" for i, value, end in zip(ids, values, ends, strict=True))
    # A file's name need not be valid text; its bytes go out as they came.
    return "".join(lines).encode(errors="surrogateescape")


def _cells(probabilities: list[float]) -> str:
    return ",".join(f"{p:.6g}" for p in probabilities)


def _file_cell(name: str) -> str:
    """Return a name as the last cell of a line, quoted if need be, the line end included."""
    cell = io.StringIO()
    csv.writer(cell, lineterminator="\n").writerow(["", name])
    return cell.getvalue()
