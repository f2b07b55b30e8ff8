"""A trained network as a model directory, its manifest last."""

import importlib.metadata
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
from digit_runtime.models.manifest import MANIFEST_NAME, Manifest, sha256_of
from digit_runtime.storage.atomic import replacing, writing

from digit_train.training import folder, history
from digit_train.training.held_out import HeldOut

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
    with folder.locked(out):
        older = folder.listed(out)
        manifest = _write(name, model, epochs, training, out, held_out)
        folder.remove(older)
    return manifest


def _write(
    name: str,
    model: keras.Model,
    epochs: list[history.Epoch],
    training: dict[str, Any],
    out: Path,
    held_out: HeldOut,
) -> Manifest:
    out.mkdir(parents=True, exist_ok=True)
    target = out / "model.keras"
    with replacing(target) as fresh:
        # Keras insists on the suffix, which a file beside must not have.
        named = fresh.with_suffix(".keras")
        model.save(named)
        named.replace(fresh)
    history.write_csv(epochs, out / "history.csv")
    title = f"{name}, recipe {training['recipe']}"
    history.draw(epochs, out / "history.png", title, training["settings"])
    held_out.write(out)
    manifest = Manifest(
        name=name,
        provenance={
            "model": {
                "file": target.name,
                "sha256": sha256_of(target),
                "bytes": target.stat().st_size,
                "parameters": sum(int(np.prod(w.shape)) for w in model.trainable_weights),
            },
            "training": training,
            "unsure_below": held_out.unsure_below(),
            "tools": {tool: importlib.metadata.version(tool) for tool in TOOLS},
        },
    )
    with writing(out / MANIFEST_NAME) as stream:
        stream.write(manifest.to_json().encode())
    return manifest
