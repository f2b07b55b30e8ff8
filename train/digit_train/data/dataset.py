"""Write a data folder: all its CSV files appear together, the data card last."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
from digit_runtime.contract import Labels
from digit_runtime.storage.atomic import replacing
from digit_runtime.terminal import progress
from numpy.typing import NDArray

from digit_train.data.datacard import TEST, TEST_LABELS, TRAIN, DataCard, DataFile, Source
from digit_train.data.division import draw
from digit_train.data.kaggle import TEST_HEADER, TEST_LABELS_HEADER, TRAIN_HEADER, class_counts
from digit_train.data.mnist import IMAGES, TEST_IMAGES, TRAINING_IMAGES, Mnist

_CHUNK_ROWS: Final = 1000
_CHUNK_BYTES: Final = 1 << 20

# Every cell that can be, with the comma or line end after it, padded with NUL to 4 bytes.
_CELLS: Final = np.array([f"{value}," for value in range(256)], dtype="S4")
_LAST_CELLS: Final = np.array([f"{value}\n" for value in range(256)], dtype="S4")


def write_mnist(folder: Path, mnist: Mnist, name: str, detail: str, seed: int) -> DataCard:
    """Draw and publish train.csv, test.csv, test_labels.csv and the card; raises OutputError."""
    train, test = draw(TRAINING_IMAGES, TEST_IMAGES, seed)
    labels, answers = mnist.labels[train], mnist.labels[test]
    with progress("writing CSV rows", IMAGES) as advance:
        written = _publish(
            folder,
            {
                TRAIN: _csv(TRAIN_HEADER, np.column_stack([labels, mnist.images[train]]), advance),
                TEST: _csv(TEST_HEADER, mnist.images[test], advance),
                TEST_LABELS: _labels_csv(answers),
            },
        )
    counts = {TRAIN: class_counts(labels), TEST_LABELS: class_counts(answers)}
    lengths = {TRAIN: len(train), TEST: len(test), TEST_LABELS: len(test)}
    files = {
        file: DataFile(sha256, size, lengths[file], counts.get(file))
        for file, (sha256, size) in written.items()
    }
    card = DataCard(Source(name, detail, mnist.sha256()), seed, files)
    card.write(folder)
    return card


def copy_files(
    folder: Path, origin: Path, source: Source, files: Mapping[str, DataFile]
) -> DataCard:
    """Publish the described files of `origin`, and a card; raises OutputError."""
    _publish(folder, {name: _chunks(origin / name) for name in files})
    card = DataCard(source, None, files)
    card.write(folder)
    return card


def _publish(folder: Path, contents: Mapping[str, Iterable[bytes]]) -> dict[str, tuple[str, int]]:
    """Write all files, then rename all; return the SHA-256 and size of each."""
    written = {}
    with ExitStack() as stack:
        for name, content in contents.items():
            fresh = stack.enter_context(replacing(folder / name))
            written[name] = _write(fresh, content)
        if TEST_LABELS not in contents:
            # The answers to another test.csv would be wrong for this one.
            (folder / TEST_LABELS).unlink(missing_ok=True)
    return written


def _write(path: Path, content: Iterable[bytes]) -> tuple[str, int]:
    digest = hashlib.sha256()
    with path.open("wb") as stream:
        for chunk in content:
            stream.write(chunk)
            digest.update(chunk)
        return digest.hexdigest(), stream.tell()


def _csv(header: str, values: NDArray[np.uint8], advance: Callable[[int], None]) -> Iterator[bytes]:
    yield f"{header}\n".encode()
    for start in range(0, len(values), _CHUNK_ROWS):
        chunk = values[start : start + _CHUNK_ROWS]
        cells = _CELLS[chunk]
        cells[:, -1] = _LAST_CELLS[chunk[:, -1]]
        yield cells.tobytes().translate(None, b"\0")
        advance(len(chunk))


def _labels_csv(labels: Labels) -> Iterator[bytes]:
    lines = [TEST_LABELS_HEADER, *(f"{row},{label}" for row, label in enumerate(labels, 1)), ""]
    yield "\n".join(lines).encode()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
