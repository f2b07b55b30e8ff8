"""Survive an interruption: after every epoch, all that the next one needs is on disk.

The state file is replaced whole and names the model file it belongs to, so that a
training killed at any moment finds the last complete epoch.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from digit_runtime.errors import DigitError
from digit_runtime.storage.atomic import writing

from digit_train.training import keras_files
from digit_train.training.history import Epoch


class ResumeError(DigitError, ValueError):
    """There is no interrupted training to resume, or it was another one."""


class Checkpoint:
    """The folder of one training in progress.

    `identity` is everything that decides the result (recipe, seed, data); a checkpoint
    of another identity is never continued.
    """

    def __init__(self, folder: Path, identity: dict[str, Any]) -> None:
        self.folder = folder
        # Through JSON, so that it compares equal to what is read back.
        self.identity = json.loads(json.dumps(identity))
        self._state = folder / "state.json"

    def exists(self) -> bool:
        """Tell whether a training was interrupted here after at least one epoch."""
        return self._state.exists()

    def save(self, model: Any, history: list[Epoch]) -> None:
        """Record `model`, with its optimizer, as of the last epoch of `history`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = f"epoch-{history[-1].epoch:04d}.keras"
        model.save(self.folder / file)
        state = {
            "identity": self.identity,
            "model": file,
            "history": [asdict(epoch) for epoch in history],
        }
        with writing(self._state) as stream:
            stream.write(json.dumps(state, indent=2).encode())
        for old in self.folder.glob("epoch-*.keras"):
            if old.name != file:
                old.unlink()

    def load(self) -> tuple[Any, list[Epoch]]:
        """Return the compiled model and the history so far.

        Raises:
            ResumeError: Nothing to resume, a damaged state, or another recipe, seed or data.
        """
        if not self.exists():
            raise ResumeError(f"{self.folder}: no interrupted training to resume")
        try:
            state = json.loads(self._state.read_text(encoding="utf-8"))
            history = [Epoch(**epoch) for epoch in state["history"]]
            model = keras_files.load(self.folder / state["model"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ResumeError(
                f"{self.folder}: damaged checkpoint ({error}); delete it to start anew"
            ) from error
        differing = [
            key for key, value in self.identity.items() if state["identity"].get(key) != value
        ]
        if differing:
            raise ResumeError(
                f"{self.folder}: belongs to a training with another {', '.join(differing)}; "
                "give the same options, or delete the folder to start anew"
            )
        return model, history

    def remove(self) -> None:
        """Delete the folder's files, after the result was published."""
        for file in self.folder.glob("epoch-*.keras"):
            file.unlink()
        self._state.unlink(missing_ok=True)
        if self.folder.exists() and not any(self.folder.iterdir()):
            self.folder.rmdir()
