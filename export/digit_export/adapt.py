"""Wrap a Keras model of one's own so that it keeps the contract.

What the model lacks becomes layers around it: the scaling and the shape of its input
before, softmax behind. So every exported file takes the raw pixels, as those of the
shipped models do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from digit_runtime.contract import CLASSES, INPUT_NAME, OUTPUT_NAME, PIXELS, SIDE

from digit_export.errors import KerasModelError
from digit_export.quiet import quiet

with quiet():
    import keras

_SHAPES: Final = ((PIXELS,), (SIDE, SIDE), (SIDE, SIDE, 1))
_FLOATS: Final = ("float32", "float16", "bfloat16", "float64")
# Noise tells as much as digits: whatever a softmax is shown, its answers add up to 1.
_TRIAL: Final = np.random.default_rng(0).integers(0, 256, (64, PIXELS), np.uint8)
_SUM_ERROR: Final = 1e-2

# Layers that leave the range of the pixels as it is.
_PASSIVE: Final = (
    keras.layers.InputLayer,
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Permute,
    keras.layers.Dropout,
)
# A first layer that divides by this, or subtracts it, was made for values beyond 0 to 1.
_BEYOND_ONE: Final = 2.0


@dataclass(frozen=True)
class Adapted:
    """A Keras model from uint8 ``[N, 784]`` to float32 probabilities ``[N, K]``."""

    model: keras.Model
    original: keras.Model
    """The same object, if nothing was lacking."""
    input: str
    """What the model as it was took."""
    scale: float | None = None
    """What its pixels are multiplied by; None where that is its own business."""
    softmax_added: bool = False

    def __str__(self) -> str:
        scaled = "" if self.scale is None else f", pixels multiplied by {self.scale:.6g}"
        output = "logits" if self.softmax_added else "probabilities"
        added = "; softmax added" * self.softmax_added
        classes = self.model.outputs[0].shape[-1]
        return f"takes {self.input}{scaled}; gives {output} of {classes} classes{added}"


def adapt(model: keras.Model, path: Path, scale: float | None = None) -> Adapted:
    """Wrap `model` as needed; a model that keeps the contract stays what it is.

    Args:
        model: Takes 784, 28x28 or 28x28x1 pixels, uint8 or float, and gives
            probabilities or logits of 2 to 256 classes.
        path: Its file, for messages.
        scale: What to multiply pixels from 0 to 255 by; None to find out.

    Raises:
        KerasModelError: Other inputs or outputs, or the scale is needed and not known.
    """
    inputs, outputs = _signature(model, "inputs"), _signature(model, "outputs")
    if not (_is_input(inputs) and _is_output(outputs)):
        raise KerasModelError(
            f"{path}: maps {_describe(inputs)} to {_describe(outputs)}; expected [N, {PIXELS}], "
            f"[N, {SIDE}, {SIDE}] or [N, {SIDE}, {SIDE}, 1] pixels, uint8 or float, to "
            f"probabilities or logits [N, {CLASSES[0]} to {CLASSES[-1]}]"
        )
    ((dtype, (_, *shape)),) = inputs
    used = _scale(model, path, dtype, scale)
    pixels = keras.Input((PIXELS,), dtype="uint8", name=INPUT_NAME)
    values = pixels
    if used not in (None, 1):
        values = keras.layers.Rescaling(used, dtype="float32", name="digit_scale")(values)
    if dtype != values.dtype:
        values = keras.ops.cast(values, dtype)
    if tuple(shape) != (PIXELS,):
        values = keras.layers.Reshape(tuple(shape), name="digit_image")(values)
    wrapped = values is not pixels
    (values,) = keras.tree.flatten(model(values))
    logits = _gives_logits(keras.Model(pixels, values), path)
    if logits:
        values = keras.layers.Softmax(dtype="float32", name=f"digit_{OUTPUT_NAME}")(values)
    if values.dtype != "float32":
        values = keras.ops.cast(values, "float32")
        wrapped = True
    whole = keras.Model(pixels, values, name=model.name) if wrapped or logits else model
    return Adapted(whole, model, _describe(inputs), used, logits)


def _is_input(tensors: list[tuple[str, tuple[int | None, ...]]]) -> bool:
    return len(tensors) == 1 and (
        tensors[0][0] in ("uint8", *_FLOATS) and tensors[0][1][1:] in _SHAPES
    )


def _is_output(tensors: list[tuple[str, tuple[int | None, ...]]]) -> bool:
    return len(tensors) == 1 and (
        tensors[0][0] in _FLOATS and len(tensors[0][1]) == 2 and tensors[0][1][1] in CLASSES
    )


def _scale(model: keras.Model, path: Path, dtype: str, given: float | None) -> float | None:
    """Return what the pixels must be multiplied by; None for a model that takes them raw."""
    if dtype == "uint8":
        if given not in (None, 1):
            raise KerasModelError(
                f"{path}: takes uint8 pixels, so scaling is its own business; leave out --scale"
            )
        return None
    if given is not None:
        return given
    if _scales_itself(model):
        return 1
    raise KerasModelError(
        f"{path}: takes {dtype} and does not say of what range: give --scale 1/255 if it was "
        "trained on pixels from 0 to 1, or --scale 1 if on pixels from 0 to 255 (for any other "
        "range, make keras.layers.Rescaling its first layer)"
    )


def _scales_itself(model: keras.Model) -> bool:
    """Return whether the first layer that changes values is made for pixels up to 255."""
    first = next((layer for layer in leaves(model) if not isinstance(layer, _PASSIVE)), None)
    if isinstance(first, keras.layers.Rescaling):
        return bool(np.max(np.abs(first.scale)) * _BEYOND_ONE < 1)
    if isinstance(first, keras.layers.Normalization) and first.mean is not None:
        deviation = keras.ops.sqrt(first.variance)
        return bool(max(np.max(first.mean), np.max(deviation)) > _BEYOND_ONE)
    return False


def leaves(model: Any) -> Iterator[Any]:
    """Yield the layers of a model in order, those of the models inside it instead of these."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer


def _gives_logits(model: keras.Model, path: Path) -> bool:
    answers = np.asarray(model(_TRIAL, training=False), np.float64)
    if not np.isfinite(answers).all():
        raise KerasModelError(f"{path}: gives outputs that are not numbers")
    if answers.min() < 0 or answers.max() > 1 + _SUM_ERROR:
        return True
    if np.abs(answers.sum(axis=1) - 1).max() > _SUM_ERROR:
        raise KerasModelError(
            f"{path}: gives neither probabilities, which add up to 1, nor logits, which are not "
            "all from 0 to 1; make softmax its last activation"
        )
    return False


def _signature(model: Any, side: str) -> list[tuple[str, tuple[int | None, ...]]]:
    tensors = getattr(model, side, None) or []
    return [(str(tensor.dtype), tuple(tensor.shape)) for tensor in tensors]


def _describe(tensors: list[tuple[str, tuple[int | None, ...]]]) -> str:
    described = [
        f"{dtype} [{', '.join('N' if size is None else str(size) for size in shape)}]"
        for dtype, shape in tensors
    ]
    return " and ".join(described) or "nothing"
