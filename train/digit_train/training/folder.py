"""The folder of a model: one writer at a time, and nothing of an older model left in it."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from digit_runtime.errors import DigitError, OutputError
from digit_runtime.models.manifest import MANIFEST_NAME, Manifest
from digit_runtime.storage.atomic import replacing
from digit_runtime.storage.owning import owned
from filelock import FileLock, Timeout

from digit_train.training.recipes import MEMBERS

# Publishing takes seconds; whoever holds the lock longer than this hangs.
PATIENCE_S: Final = 600
CHECKPOINT: Final = "checkpoint"
STATE: Final = "state.json"
LESSONS: Final = "lessons"
"""Of a teacher."""
# What digit-export and digit-card make of a model, beside the files that its manifest lists.
_MADE_OF_IT: Final = (
    "README.md",
    "confusion.png",
    "evidence.json",
    "flips.csv",
    "flips.png",
    "hardest.png",
    "reference.npz",
    "c/digit_predict.h",
)
_TRAINED: Final = (
    "model.keras",
    "history.csv",
    "history.png",
    "held-out.csv",
    "held-out.png",
    MANIFEST_NAME,
)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder against other commands that would change it, those of other users too.

    The lock is the file ``.NAME.lock`` beside the folder; it stays, since a process may
    wait for it at the moment in which another would remove it. The system releases it
    when a process dies.

    Raises:
        OutputError: The lock cannot be made, or another process has held it for ten minutes.
    """
    folder = folder.resolve()
    lock = FileLock(folder.with_name(f".{folder.name}.lock"), timeout=PATIENCE_S)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Some network shares have no locks; they are written to as if they were nobody else's.
        with suppress(NotImplementedError):
            lock.acquire()
    except Timeout as error:
        raise OutputError(
            f"{folder}: another command has been writing there for {PATIENCE_S} s; end it, or "
            "wait for it"
        ) from error
    except OSError as error:
        raise OutputError(f"{lock.lock_file}: cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a folder, which is made; if it stays empty, it goes again.

    Raises:
        OutputError: Another training is writing there, or nothing can be written.
    """
    checkpoint, made = folder / CHECKPOINT, not folder.exists()
    ensure_writable(checkpoint)
    with owned(folder) as alone:
        if alone is False:
            raise OutputError(
                f"{folder}: another training is writing there; wait for it, or give another "
                "folder with --out"
            )
        try:
            yield
        finally:
            for path in (checkpoint, folder) if made else (checkpoint,):
                with suppress(OSError):
                    path.rmdir()


def ensure_writable(folder: Path) -> None:
    """Raise OutputError now rather than after minutes of work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror}") from error


def write(folder: Path, contents: dict[str, bytes]) -> None:
    """Write files, all of them before the first is renamed to its place; the last is so last.

    Raises:
        OutputError: One cannot be written. Nothing has changed then.
    """
    with ExitStack() as stack:
        # What is entered first is left last.
        for name, content in reversed(contents.items()):
            with stack.enter_context(replacing(folder / name)).open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())


def interrupted(folder: Path) -> bool:
    """Return whether a training was interrupted there after at least one epoch."""
    return (folder / CHECKPOINT / STATE).exists()


def holds_model(folder: Path) -> bool:
    """Return whether a complete model lies there, which a training would replace."""
    return (folder / MANIFEST_NAME).exists()


def listed(folder: Path) -> list[Path]:
    """Return the exports that lie there and whatever else was made of the folder's model."""
    names = list(_MADE_OF_IT)
    # Of a damaged manifest nobody knows what it listed.
    with suppress(DigitError):
        names = [file.path for file in Manifest.read(folder).files] + names
    return [folder / name for name in names if name not in _TRAINED and (folder / name).is_file()]


def written(folder: Path) -> list[Path]:
    """Return the files that a training writes into a folder or, of an older model, removes."""
    return [folder / name for name in _TRAINED] + listed(folder)


def read_of_teacher(folder: Path) -> list[Path]:
    """Return what a training reads of a teacher's folder, which it must not write over."""
    members = [folder / member.name for member in MEMBERS]
    lessons = folder / LESSONS
    return [
        folder,
        *members,
        *(member / "model.keras" for member in members),
        lessons,
        *lessons.glob("*"),
    ]


def remove(files: list[Path]) -> None:
    """Remove files, and folders that are empty then.

    Raises:
        OutputError: One cannot be removed.
    """
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{file}: cannot be removed: {error.strerror}") from error
        if not any(file.parent.iterdir()):
            file.parent.rmdir()
