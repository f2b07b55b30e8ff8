"""A trained network as a model directory, its manifest last."""

import hashlib
import importlib.metadata
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from digit_runtime.models.manifest import MANIFEST_NAME, Manifest

from digit_train.training import folder, history, keras_files
from digit_train.training.held_out import HeldOut

MODEL_NAME: Final = "model.keras"
TOOLS: Final = ("tensorflow", "keras", "numpy")


def publish(
    name: str,
    model: keras.Model,
    epochs: list[history.Epoch],
    training: dict[str, Any],
    out: Path,
    held_out: HeldOut,
) -> Manifest:
    """Write the model directory, the manifest last; remove what was made of an older model."""
    files = {
        "history.csv": history.to_csv(epochs),
        "history.png": history.draw(
            epochs, f"{name}, recipe {training['recipe']}", training["settings"]
        ),
        **held_out.files(),
        # The last before the manifest, whose older one describes it until then.
        MODEL_NAME: keras_files.to_bytes(model),
    }
    manifest = Manifest(
        name=name,
        provenance={
            "model": {
                "file": MODEL_NAME,
                "sha256": hashlib.sha256(files[MODEL_NAME]).hexdigest(),
                "bytes": len(files[MODEL_NAME]),
                "parameters": sum(int(np.prod(w.shape)) for w in model.trainable_weights),
            },
            "training": training,
            "unsure_below": held_out.unsure_below(),
            "tools": {tool: importlib.metadata.version(tool) for tool in TOOLS},
        },
    )
    with folder.locked(out):
        older = folder.listed(out)
        folder.write(out, files | {MANIFEST_NAME: manifest.to_json().encode()})
        folder.remove(older)
    return manifest
