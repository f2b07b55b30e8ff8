"""Read a TensorFlow SavedModel, as `keras.Model.export` writes it, into a Keras model.

It has no layers any more, only a graph, which becomes one layer. Unlike a Lambda's, its
code is no Python: the operations are TensorFlow's own.
"""

from pathlib import Path
from typing import Any, Final

from digit_export.errors import KerasModelError
from digit_export.keras_model.causes import cause
from digit_export.quiet import quiet

with quiet():
    import keras
    import tensorflow as tf

_AGAIN: Final = "copy the whole folder again, or write it with model.export"
_SIGNATURE: Final = "serving_default"


def read(folder: Path) -> keras.Model:
    """Return a model with the graph's signature for inference as its only layer.

    Raises:
        KerasModelError: It is damaged, or has no such signature of one input and output.
    """
    try:
        with quiet():
            signatures = tf.saved_model.load(str(folder)).signatures
    except Exception as error:  # Whatever protobuf, a checkpoint or an operation raises.
        raise KerasModelError(f"{folder}: {_explain(folder, error)}") from error
    if _SIGNATURE not in signatures:
        known = ", ".join(signatures) or "none"
        raise KerasModelError(
            f"{folder}: has no signature {_SIGNATURE!r} (it has: {known}); write it with "
            "model.export, or save the model with model.save('my.keras')"
        )
    signature = signatures[_SIGNATURE]
    takes, gives = signature.structured_input_signature[1], signature.structured_outputs
    if len(takes) != 1 or len(gives) != 1:
        raise KerasModelError(
            f"{folder}: has {len(takes)} inputs and {len(gives)} outputs; expected one of each"
        )
    (spec,), (made,) = takes.values(), gives.values()
    if spec.shape.rank is None or made.shape.rank is None:
        raise KerasModelError(
            f"{folder}: takes {spec.shape} and gives {made.shape}, of unknown rank; write it with "
            "a signature of shapes, such as [None, 28, 28, 1]"
        )
    try:
        with quiet():
            inputs = keras.Input(batch_shape=tuple(spec.shape), dtype=spec.dtype.name)
            layer = keras.layers.TFSMLayer(str(folder), call_endpoint=_SIGNATURE)
            (outputs,) = keras.tree.flatten(layer(inputs))
            return keras.Model(inputs, outputs, name=_name(folder))
    except Exception as error:  # Whatever Keras makes of a graph that is not its own.
        raise KerasModelError(f"{folder}: not a usable SavedModel: {cause(error)}") from error


def _explain(folder: Path, error: Exception) -> str:
    """Return what is missing or damaged of the folder, or else TensorFlow's reason."""
    variables = folder / "variables"
    parts = [folder / "saved_model.pb", variables / "variables.index"]
    parts += sorted(variables.glob("variables.data-*")) or [variables / "variables.data-*"]
    for path in parts:
        if not path.exists() or not path.stat().st_size:
            state = "empty" if path.exists() else "missing"
            return f"is a damaged SavedModel: {path.relative_to(folder)} is {state}; {_AGAIN}"
    if isinstance(error, OSError):
        return f"is a damaged SavedModel: saved_model.pb cannot be parsed; {_AGAIN}"
    try:
        with quiet():
            checkpoint = tf.train.load_checkpoint(str(variables / "variables"))
            for name in checkpoint.get_variable_to_shape_map():
                checkpoint.get_tensor(name)
    except Exception as damage:  # Any of TensorFlow's, or of the checkpoint's C++ reader.
        return f"is a damaged SavedModel: its variables cannot be read: {cause(damage)}; {_AGAIN}"
    return f"not a readable SavedModel: {cause(error)}"


def is_graph(layer: Any) -> bool:
    """Return whether that is the layer of a SavedModel, which cannot be copied."""
    return isinstance(layer, keras.layers.TFSMLayer)


def _name(folder: Path) -> str:
    # Slashes are not the only thing that TensorFlow refuses in a name, so all are left out.
    return "".join(letter for letter in folder.name if letter.isalnum()) or "model"
