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
from digit_export.keras_model import probes, rebuild
from digit_export.keras_model.scale import RAW, PixelRange, describe
from digit_export.quiet import quiet

with quiet():
    import keras

_SHAPES: Final = ((PIXELS,), (SIDE, SIDE), (SIDE, SIDE, 1))
_FLOATS: Final = ("float32", "float16", "bfloat16", "float64")
_SUM_ERROR: Final = 1e-2

# Layers that leave values as they are, but may move them.
PASSIVE: Final = (
    keras.layers.InputLayer,
    keras.layers.Reshape,
    keras.layers.Flatten,
    keras.layers.Permute,
    keras.layers.Dropout,
)
# A first layer that divides by this, or subtracts it, was made for values beyond 0 to 1.
_BEYOND_ONE: Final = 20


@dataclass(frozen=True)
class Adapted:
    """A Keras model from uint8 ``[N, 784]`` to float32 probabilities ``[N, C]``.

    Attributes:
        model: The model; the very one that was given, if it lacked nothing.
        done: What it took and gave, and what was added for the contract, in words.
    """

    model: keras.Model
    done: tuple[str, ...]


def adapt(model: keras.Model, path: Path, pixels: PixelRange | None = None) -> Adapted:
    """Wrap `model` as needed.

    Args:
        model: Takes 784, 28x28 or 28x28x1 pixels, uint8 or float, and gives
            probabilities or logits of 2 to 256 classes.
        path: Its file, for messages.
        pixels: What it expects of pixels from 0 to 255; None to find out.

    Raises:
        KerasModelError: Other inputs or outputs, or its range is needed and not known.
    """
    dtype, shape = _check(model, path)
    pixels = _range(model, path, dtype, pixels)
    whole, done = keras.Input((PIXELS,), dtype="uint8", name=INPUT_NAME), []
    values = whole
    if pixels != RAW:
        factor, offset = (pixels[1] - pixels[0]) / 255, pixels[0]
        values = keras.layers.Rescaling(factor, offset, dtype="float32", name="digit_scale")(values)
        done.append("Rescaling")
    if values.dtype != dtype:
        values = keras.ops.cast(values, dtype)
        done.append(f"Cast to {dtype}")
    if shape != (PIXELS,):
        values = keras.layers.Reshape(shape, name="digit_image")(values)
        done.append(f"Reshape to {_sizes((None, *shape))}")
    if half := rebuild.in_half(model):
        precise = rebuild.in_float32(model)
        rebuild.ensure_alike(
            keras.Model(whole, model(values)), keras.Model(whole, precise(values)), path
        )
        model = precise
        done.append(f"float32 in place of {half}")
    (values,) = keras.tree.flatten(model(values))
    if logits := _gives_logits(keras.Model(whole, values), path):
        values = keras.layers.Softmax(dtype="float32", name=f"digit_{OUTPUT_NAME}")(values)
        done.append("Softmax")
    elif values.dtype != "float32":
        values = keras.ops.cast(values, "float32")
        done.append("Cast to float32")
    output = f"gives {'logits' if logits else 'probabilities'} of {values.shape[-1]} classes"
    return Adapted(
        keras.Model(whole, values, name=model.name) if done else model,
        (
            f"takes {dtype} {_sizes((None, *shape))}, pixels {describe(pixels)}; {output}",
            f"added: {', '.join(done)}" if done else "keeps the contract as it is",
        ),
    )


def leaves(model: Any) -> Iterator[Any]:
    """Yield the layers of a model in order, those of the models inside it instead of these."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from leaves(layer)
        else:
            yield layer


def _check(model: Any, path: Path) -> tuple[str, tuple[int, ...]]:
    """Return dtype and shape of one input; raises KerasModelError where others are expected."""
    inputs, outputs = getattr(model, "inputs", None) or [], getattr(model, "outputs", None) or []
    if not inputs:
        raise KerasModelError(
            f"{path}: does not say what it takes; call it on a batch of pixels once, or begin "
            "with keras.Input, and save it again"
        )
    wrong = ""
    if len(inputs) > 1 or len(outputs) > 1:
        wrong = f"has {len(inputs)} inputs and {len(outputs)} outputs; expected one of each"
    elif (
        tuple(inputs[0].shape[1:]) not in _SHAPES
        or inputs[0].shape[0] is not None
        or inputs[0].dtype not in ("uint8", *_FLOATS)
    ):
        wrong = (
            f"expected pixels [N, {PIXELS}], [N, {SIDE}, {SIDE}] or [N, {SIDE}, {SIDE}, 1], "
            "uint8 or float, of any N"
        )
    elif (
        len(outputs[0].shape) != 2
        or outputs[0].shape[1] not in CLASSES
        or outputs[0].dtype not in _FLOATS
    ):
        wrong = f"expected probabilities or logits [N, {CLASSES[0]} to {CLASSES[-1]}]"
    if wrong:
        raise KerasModelError(f"{path}: maps {_describe(inputs)} to {_describe(outputs)}; {wrong}")
    return str(inputs[0].dtype), tuple(inputs[0].shape[1:])


def _range(model: keras.Model, path: Path, dtype: str, given: PixelRange | None) -> PixelRange:
    """Return what the model expects of pixels from 0 to 255, if it tells or is told."""
    itself = "takes uint8" if dtype == "uint8" else _scales_itself(model)
    if itself and given not in (None, RAW):
        raise KerasModelError(f"{path}: {itself}, so it scales pixels itself; leave out --scale")
    if itself or given:
        return given or RAW
    raise KerasModelError(
        f"{path}: takes {dtype} and does not say of what range: give --scale 1/255 if it was "
        "trained on pixels from 0 to 1, --scale -1..1 if on those, or --scale none if on pixels "
        "from 0 to 255"
    )


def _scales_itself(model: Any) -> str:
    """Return in words by which layer, if the first that changes pixels is made for up to 255."""
    first = next(
        (layer for layer in rebuild.operations(model) if not isinstance(layer, PASSIVE)), None
    )
    if isinstance(first, keras.layers.Rescaling):
        beyond = np.max(np.abs(first.scale)) * _BEYOND_ONE < 1
    elif isinstance(first, keras.layers.Normalization) and first.mean is not None:
        beyond = max(np.max(first.mean), np.max(np.sqrt(first.variance))) > _BEYOND_ONE
    else:
        return ""
    return f"begins with the layer {first.name!r}" if beyond else ""


def _gives_logits(model: keras.Model, path: Path) -> bool:
    # Noise tells as much as digits: whatever a softmax is shown, its answers add up to 1.
    answers = np.asarray(model(probes.PROBES, training=False), np.float64)
    wrong = ~np.isfinite(answers).all(axis=1)
    if wrong.any():
        raise KerasModelError(f"{path}: {_not_numbers(model, int(np.flatnonzero(wrong)[0]))}")
    if answers.min() < 0 or answers.max() > 1 + _SUM_ERROR:
        return True
    if np.abs(answers.sum(axis=1) - 1).max() > _SUM_ERROR:
        raise KerasModelError(
            f"{path}: gives neither probabilities, which add up to 1, nor logits, which are not "
            "all from 0 to 1; make softmax its last activation"
        )
    return False


def _not_numbers(model: keras.Model, row: int) -> str:
    """Say where a number is lost on the way of that probe."""
    made = rebuild.outputs(model, probes.PROBES[row : row + 1])
    first = next(layer for layer, values in made if not np.isfinite(values).all())
    if not all(np.isfinite(weights).all() for weights in getattr(first, "get_weights", list)()):
        return (
            f"its layer {rebuild.named(first)} has weights that are not numbers, so its training "
            "has failed; train it again, with a lower learning rate"
        )
    return (
        f"its layer {rebuild.named(first)} gives values that are not numbers for "
        f"{probes.NAMES[row]}, so no file of it could answer there; as a rule something is "
        "divided by zero: add a small number to what it is divided by, or put a layer there "
        "that does so itself, such as LayerNormalization"
    )


def _describe(tensors: list[Any]) -> str:
    return " and ".join(f"{tensor.dtype} {_sizes(tensor.shape)}" for tensor in tensors)


def _sizes(shape: tuple[int | None, ...]) -> str:
    return f"[{', '.join('N' if size is None else str(size) for size in shape)}]"
