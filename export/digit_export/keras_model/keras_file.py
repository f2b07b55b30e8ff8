"""Read a Keras model from a file, or say in one line why that cannot be.

Keras's safe mode stays on: a file whose layers are Python code of their own is refused,
since loading it would run that code.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from digit_train.training.keras_files import HDF5_SUFFIXES, damage

from digit_export.errors import KerasModelError
from digit_export.keras_model.causes import AS_GRAPH, cause, failing_layer
from digit_export.quiet import quiet

with quiet():
    import h5py
    import keras

_CONTAINERS: Final = ("Functional", "Model", "Sequential")


def read(path: Path) -> keras.Model:
    """Load a ``.keras`` file or a legacy ``.h5`` file.

    Raises:
        KerasModelError: It is missing, damaged, saved by a Keras that this one cannot
            read, or has layers that are not Keras's own; names the layer.
    """
    try:
        with quiet():
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Whatever zip, HDF5, JSON or a layer's own code raises.
        raise KerasModelError(f"{path}: {_explain(path, error)}") from error


def _explain(path: Path, error: Exception) -> str:
    if told := damage(path):
        return told
    version, config = _inside(path)
    for layer in _layers(config):
        kind, name = layer.get("registered_name") or layer["class_name"], _name(layer)
        if kind == "Lambda":
            return (
                f"its layer {name!r} is a Lambda, which holds Python code that is not run here; "
                f"put a layer of keras.layers in its place, or {AS_GRAPH}"
            )
        if not _is_keras_own(layer, kind):
            return (
                f"its layer {name!r} is of the class {kind!r}, which is not Keras's own and "
                f"not in the file; put a layer of keras.layers in its place, or {AS_GRAPH}"
            )
    reason, failed = cause(error), failing_layer(error)
    where = f"its layer {failed[0]!r} ({failed[1]})" if failed else "it"
    if version not in (None, keras.__version__):
        return (
            f"was saved by Keras {version}, and Keras {keras.__version__} cannot read {where}: "
            f"{reason}; {AS_GRAPH}"
        )
    if config is None and path.suffix in HDF5_SUFFIXES:
        return (
            "is an HDF5 file without a model in it, which may be weights alone; save the whole "
            "with model.save('my.keras')"
        )
    if failed:
        return (
            f"{where} cannot be read: {reason}; put what Keras itself has there "
            f"(activation='softmax', say, in place of tf.nn.softmax), or {AS_GRAPH}"
        )
    return f"not a readable Keras model: {reason}"


def _is_keras_own(layer: dict[str, Any], kind: str) -> bool:
    # Only newer files say the module. It tells of operations, too, such as a division.
    module = str(layer.get("module") or "")
    return module.split(".")[0] == "keras" or kind in _CONTAINERS or hasattr(keras.layers, kind)


def _inside(path: Path) -> tuple[str | None, Any]:
    """Return the Keras version and the configuration in the file, as far as it has them."""
    try:
        if path.suffix in HDF5_SUFFIXES:
            with h5py.File(path, "r") as file:
                return str(file.attrs["keras_version"]), json.loads(file.attrs["model_config"])
        with zipfile.ZipFile(path) as archive:
            version = json.loads(archive.read("metadata.json"))["keras_version"]
            return str(version), json.loads(archive.read("config.json"))
    except Exception:  # It is damaged, in any way.
        return None, None


def _layers(config: Any) -> Iterator[dict[str, Any]]:
    """Yield the description of each layer, in order, those of nested models included."""
    inner = config.get("config") if isinstance(config, dict) else None
    layers = inner.get("layers") if isinstance(inner, dict) else None
    for layer in layers if isinstance(layers, list) else []:
        if isinstance(layer, dict) and isinstance(layer.get("class_name"), str):
            yield layer
            yield from _layers(layer)


def _name(layer: dict[str, Any]) -> str:
    config = layer.get("config")
    return str(config.get("name")) if isinstance(config, dict) else "?"
