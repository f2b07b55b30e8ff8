"""The trained Keras model: loaded, checked against the contract, and asked for its answers."""

import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from digit_runtime.contract import INPUT_NAME, LABELS, OUTPUT_NAME, PIXELS, Pixels, Probabilities

from digit_export.errors import KerasModelError
from digit_export.quiet import quiet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
with quiet():
    import keras
    import tensorflow as tf

_BATCH_ROWS: Final = 500


class Network:
    """A Keras model that maps uint8 ``[N, 784]`` to float32 ``[N, 10]``."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model

    @classmethod
    def load(cls, path: Path) -> "Network":
        """Load a ``.keras`` file.

        Raises:
            KerasModelError: It is missing, damaged, saved by a Keras that this one cannot
                read, or a model with other inputs or outputs.
        """
        if not path.is_file():
            raise KerasModelError(f"{path}: no such file")
        try:
            with quiet():
                # A GPU may multiply in TF32, which is not precise enough for a reference.
                tf.config.set_visible_devices([], "GPU")
                model = keras.saving.load_model(path, compile=False)
        except Exception as error:  # Whatever zip, HDF5, JSON or a layer's own code raises.
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
            raise KerasModelError(f"{path}: not a readable Keras model: {reason}") from error
        inputs, outputs = _signature(model, "inputs"), _signature(model, "outputs")
        if inputs != [("uint8", (None, PIXELS))] or outputs != [("float32", (None, LABELS))]:
            raise KerasModelError(
                f"{path}: maps {_describe(inputs)} to {_describe(outputs)}; expected uint8 "
                f"[N, {PIXELS}] to float32 [N, {LABELS}]: make scaling and reshaping its layers"
            )
        return cls(model)

    @property
    def layers(self) -> list[str]:
        """The names of its layers, in order."""
        return [layer.name for layer in self.model.layers]

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(math.prod(weight.shape) for weight in self.model.trainable_weights)

    def predict(
        self, pixels: Pixels, advance: Callable[[int], None] = lambda rows: None
    ) -> Probabilities:
        """Return Keras's own probabilities, float32 ``[N, 10]``.

        Args:
            pixels: uint8 ``[N, 784]``.
            advance: Called with the number of rows just done.
        """
        parts = []
        for start in range(0, len(pixels), 4 * _BATCH_ROWS):
            part = pixels[start : start + 4 * _BATCH_ROWS]
            parts.append(self.model.predict(part, batch_size=_BATCH_ROWS, verbose=0))
            advance(len(part))
        return np.concatenate(parts).astype(np.float32, copy=False)

    @cached_property
    def serve(self) -> Any:
        """The network as one `tf.function` from "pixels" to {"probabilities"}."""
        model = self._inference_model
        signature = [tf.TensorSpec((None, PIXELS), tf.uint8, name=INPUT_NAME)]

        @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
        def serve(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
            return {OUTPUT_NAME: model(pixels, training=False)}

        return serve

    @contextmanager
    def saved_model(self) -> Iterator[str]:
        """Yield the folder of a SavedModel of `serve`, removed afterwards."""
        with tempfile.TemporaryDirectory(prefix="digit-export-") as folder:
            archive = keras.export.ExportArchive()
            archive.track(self._inference_model)
            archive.add_endpoint("serving_default", self.serve)
            archive.write_out(folder, verbose=False)
            yield folder

    @cached_property
    def _inference_model(self) -> keras.Model:
        copy = keras.models.clone_model(self.model, clone_function=_with_fixed_shapes)
        copy.set_weights(self.model.get_weights())
        return copy


class _FixedReshape(keras.layers.Layer):  # type: ignore[misc]
    """Reshapes to constants and one -1.

    Keras's own Reshape and Flatten ask for the batch size at run time, which becomes
    Shape, Gather, Slice and Concat in every exported graph.
    """

    def __init__(self, shape: tuple[int, ...], name: str) -> None:
        super().__init__(name=name)
        self.shape = shape

    def call(self, inputs: Any) -> Any:
        return keras.ops.reshape(inputs, (-1, *self.shape))


def _with_fixed_shapes(layer: keras.Layer) -> keras.Layer:
    if isinstance(layer, keras.layers.Reshape | keras.layers.Flatten):
        shape = tuple(layer.output.shape[1:])
        if None not in shape:
            return _FixedReshape(shape, layer.name)
    return type(layer).from_config(layer.get_config())


def _signature(model: Any, side: str) -> list[tuple[str, tuple[int | None, ...]]]:
    tensors = getattr(model, side, None) or []
    return [(str(tensor.dtype), tuple(tensor.shape)) for tensor in tensors]


def _describe(tensors: list[tuple[str, tuple[int | None, ...]]]) -> str:
    described = [
        f"{dtype} [{', '.join('N' if size is None else str(size) for size in shape)}]"
        for dtype, shape in tensors
    ]
    return " and ".join(described) or "nothing"
