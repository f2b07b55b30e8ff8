"""Survive an interruption: after every epoch, all that the next one needs is on disk.

The state file is replaced whole and knows the model file it belongs to, so that a
training killed at any moment finds the last complete epoch.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from digit_runtime.errors import DigitError
from digit_runtime.models.manifest import sha256_of
from digit_runtime.storage.atomic import writing
from digit_runtime.storage.records import build, parse

from digit_train.training import keras_files
from digit_train.training.folder import STATE, remove
from digit_train.training.history import Epoch, check


class ResumeError(DigitError, ValueError):
    """There is no interrupted training to resume, or it was another one."""


@dataclass(frozen=True)
class _State:
    identity: Mapping[str, Any]
    sha256: str
    """Of the model's file."""
    history: tuple[Epoch, ...]

    def __post_init__(self) -> None:
        check(self.history)


class Checkpoint:
    """The folder of one training in progress.

    `identity` is everything that decides the result (recipe, seed, data); a checkpoint
    of another identity is never continued.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self.folder = folder
        # Through JSON, so that it compares equal to what is read back.
        self.identity = json.loads(json.dumps(identity))
        self._state = folder / STATE

    def save(self, model: Any, history: list[Epoch]) -> None:
        """Record `model`, with its optimizer, as of the last epoch of `history`."""
        content, file = keras_files.to_bytes(model), self._file(history)
        with writing(file) as stream:
            stream.write(content)
        state = _State(self.identity, hashlib.sha256(content).hexdigest(), tuple(history))
        with writing(self._state) as stream:
            stream.write(json.dumps(asdict(state), indent=2).encode())
        remove([old for old in self._files() if old != file])

    def load(self) -> tuple[Any, list[Epoch]]:
        """Return the compiled model and the history so far.

        Raises:
            ResumeError: Nothing to resume, a damaged state, or another recipe, seed or data.
        """
        if not self._state.exists():
            raise ResumeError(f"{self.folder}: no interrupted training to resume")
        try:
            state = build(_State, parse(self._state.read_bytes()), "state")
            file = self._file(state.history)
            if sha256_of(file) != state.sha256:
                raise ResumeError(f"{file.name} is another file")
            model = keras_files.load(file)
        except (OSError, ValueError) as error:
            raise ResumeError(
                f"{self.folder}: damaged checkpoint ({error}); delete it to start anew"
            ) from error
        differing = [
            key for key, value in self.identity.items() if state.identity.get(key) != value
        ]
        if differing:
            raise ResumeError(
                f"{self.folder}: belongs to a training with another {', '.join(differing)}; "
                "give the same options, or delete the folder to start anew"
            )
        return model, list(state.history)

    def remove(self) -> None:
        """Delete the folder's files, after the result was published."""
        remove([*self._files(), self._state])

    def _file(self, history: Sequence[Epoch]) -> Path:
        return self.folder / f"epoch-{len(history):04d}.keras"

    def _files(self) -> list[Path]:
        return list(self.folder.glob("epoch-*.keras"))
