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
from digit_runtime.contract import INPUT_NAME, OUTPUT_NAME, PIXELS, Pixels, Probabilities

from digit_export.keras_model.scale import PixelRange
from digit_export.quiet import quiet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
with quiet():
    import keras as keras
    import tensorflow as tf

from digit_export.keras_model import equalize, keras_file, rebuild, saved_model
from digit_export.keras_model.adapt import adapt, leaves

# Its warnings would go to the stream that stderr was when it was imported, which is closed.
tf.get_logger().setLevel("ERROR")

_BATCH_ROWS: Final = 500


class Network:
    """A Keras model that maps uint8 ``[N, 784]`` to float32 ``[N, C]``, C classes.

    `adapted` says in words what was done for that. `unsure_below` is the probability below
    which an answer is none, where the model's manifest states one.
    """

    def __init__(self, model: keras.Model, adapted: tuple[str, ...] = ()) -> None:
        self.model = model
        self.adapted = adapted
        self.unsure_below: float | None = None

    @classmethod
    def load(cls, path: Path, pixels: PixelRange | None = None) -> "Network":
        """Load a Keras file or a SavedModel, and wrap it where it does not keep the contract.

        Args:
            path: The file, or the folder of a SavedModel.
            pixels: What the model expects of pixels from 0 to 255; None to find out.

        Raises:
            KerasModelError: See `keras_file.read`, `saved_model.read`, `adapt.adapt` and
                `rebuild.ensure_alike`.
        """
        # A GPU may multiply in TF32, which is not precise enough for a reference.
        with quiet():  # Looking for one says so where there is none.
            tf.config.set_visible_devices([], "GPU")
        model = saved_model.read(path) if path.is_dir() else keras_file.read(path)
        adapted = adapt(model, path, pixels)
        network = cls(adapted.model, adapted.done)
        rebuild.ensure_alike(network.model, network.inference_model, path)
        return network

    @property
    def classes(self) -> int:
        """How many classes it tells apart."""
        return int(self.model.outputs[0].shape[-1])

    @property
    def layers(self) -> list[str]:
        """The names of its layers, in order."""
        return [layer.name for layer in leaves(self.model)]

    @property
    def parameters(self) -> int:
        """How many numbers were trained."""
        return sum(math.prod(weight.shape) for weight in self.model.trainable_weights)

    def predict(
        self, pixels: Pixels, advance: Callable[[int], None] = lambda rows: None
    ) -> Probabilities:
        """Return Keras's own probabilities, float32 ``[N, C]``.

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
    def equalized(self) -> "Network":
        """The same network with weights that lose less in int8; see `equalize`."""
        model = equalize.equalized(self.model)
        if model is None:
            return self
        other = Network(model, self.adapted)
        other.unsure_below = self.unsure_below
        return other

    @cached_property
    def serve(self) -> Any:
        """The network as one `tf.function` from "pixels" to {"probabilities"}."""
        model = self.inference_model
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
            archive.track(self.inference_model)
            archive.add_endpoint("serving_default", self.serve)
            archive.write_out(folder, verbose=False)
            yield folder

    @cached_property
    def inference_model(self) -> keras.Model:
        """The model as converters want it: what depends on the batch's size is written out."""
        return rebuild.copied(self.model, _for_export)


class _FixedReshape(keras.layers.Layer):  # type: ignore[misc]
    """Reshapes to constants and one -1.

    Keras's own Reshape and Flatten ask for the batch size at run time, which becomes
    Shape, Gather, Slice and Concat in every exported graph.
    """

    def __init__(self, layer: keras.Layer) -> None:
        super().__init__(name=layer.name)
        self._shape_of = layer.compute_output_shape

    def call(self, inputs: Any) -> Any:
        return keras.ops.reshape(inputs, (-1, *self._shape_of(inputs.shape)[1:]))


class _WithoutXla:
    """Convolves in groups by TensorFlow's own operation.

    Keras compiles that with XLA, since a CPU has no gradient for it; converters cannot look
    into what is compiled.
    """

    def convolution_op(self: Any, inputs: Any, kernel: Any) -> Any:
        return tf.nn.convolution(
            inputs,
            kernel,
            strides=list(self.strides),
            padding=self.padding.upper(),
            dilations=list(self.dilation_rate),
        )


class _GroupedConv1D(_WithoutXla, keras.layers.Conv1D):  # type: ignore[misc]
    pass


class _GroupedConv2D(_WithoutXla, keras.layers.Conv2D):  # type: ignore[misc]
    pass


_GROUPED: Final[dict[Any, Any]] = {
    keras.layers.Conv1D: _GroupedConv1D,
    keras.layers.Conv2D: _GroupedConv2D,
}


def _for_export(layer: keras.Layer) -> keras.Layer:
    if saved_model.is_graph(layer):
        return layer
    if type(layer) in _GROUPED and layer.groups > 1 and layer.data_format == "channels_last":
        return _GROUPED[type(layer)].from_config(layer.get_config())
    copy = type(layer).from_config(_unrolled(layer.get_config()))
    if isinstance(layer, keras.layers.Reshape) or (
        isinstance(layer, keras.layers.Flatten) and layer.data_format == "channels_last"
    ):
        return _FixedReshape(copy)
    return copy


def _unrolled(config: dict[str, Any]) -> dict[str, Any]:
    """Write out the steps of recurrent layers: the loop over them cannot be converted."""
    return {
        key: True if key == "unroll" else _unrolled(value) if isinstance(value, dict) else value
        for key, value in config.items()
    }
