"""Copy a Keras model with all that it knows, and look into models layer by layer.

A copy made of configurations and weights alone is not the model: Normalization, say, keeps
what it adapted to outside both (keras issue 20168). So each layer hands its state over as
it would to a file, and what is exported is compared with what was given.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from digit_runtime.contract import Pixels
from numpy.typing import NDArray

from digit_export.errors import KerasModelError
from digit_export.keras_model.causes import AS_GRAPH
from digit_export.keras_model.probes import PROBES
from digit_export.quiet import quiet

with quiet():
    import keras

_HALVES: Final = ("float16", "bfloat16")
# How far a copy's outputs may be from those of the original, of the largest: the farthest
# one of float32, all on average of half precision.
_FLOAT: Final = 1e-3
_HALF: Final = 0.1


def copied(model: keras.Model, change: Callable[[keras.Layer], keras.Layer]) -> keras.Model:
    """Return a copy of which each layer is what `change` makes of it, with the same state.

    Args:
        model: Stays as it is.
        change: Returns a layer of the same kind, or one that has no state.
    """
    copy = keras.models.clone_model(model, clone_function=change, recursive=True)
    pairs = zip(model._flatten_layers(), copy._flatten_layers(), strict=True)
    for old, new in pairs:
        if old is not new:
            state: dict[str, Any] = {}
            old.save_own_variables(state)
            new.load_own_variables(
                {key: keras.ops.convert_to_numpy(value) for key, value in state.items()}
            )
    return copy


def in_half(model: keras.Model) -> str:
    """Return in which type it computes, if that has 16 bits; else ""."""
    policies = {layer.dtype_policy.name for layer in model._flatten_layers()}
    return " and ".join(sorted(filter(_is_half, policies)))


def in_float32(model: keras.Model) -> keras.Model:
    """Return a copy that computes in float32.

    Policies such as mixed_float16 are for training on a GPU; a CPU converts back and forth.
    """
    return copied(model, lambda layer: type(layer).from_config(_in_float32(layer.get_config())))


def operations(model: Any) -> Iterator[Any]:
    """Yield layers in order, those of models inside it, and plain operations such as a division."""
    for operation in getattr(model, "operations", model.layers):
        if isinstance(operation, keras.Model):
            yield from operations(operation)
        else:
            yield operation


class Call(NamedTuple):
    """What a layer or operation was given, and what it made of it: tensors."""

    operation: Any
    inputs: list[Any]
    outputs: list[Any]


def outputs(model: keras.Model, pixels: Pixels) -> list[tuple[Any, NDArray[Any]]]:
    """Return each layer or operation with what it makes of the pixels, in order.

    Args:
        model: Takes uint8 ``[N, 784]``.
        pixels: uint8 ``[N, 784]``.
    """
    made = calls(model, pixels)
    return [(call.operation, np.asarray(value)) for call in made for value in call.outputs]


def calls(model: keras.Model, pixels: Pixels) -> list[Call]:
    """Return what happens to the pixels, in order; see `outputs`.

    A tensor that one call makes and another takes is the same object. The nodes of Keras tell
    less: a Sequential leaves those in its layers that it had before the last one was added.
    """
    seen: list[Call] = []
    watched = list(dict.fromkeys(operations(model)))
    for operation in watched:
        operation.call = _watched(operation, seen)
    try:
        model(pixels, training=False)
    finally:
        for operation in watched:
            del operation.call
    return seen


def ensure_alike(model: keras.Model, copy: keras.Model, path: Path) -> None:
    """Compare what is exported with what was given, on images of every kind.

    Args:
        model: The original, from uint8 ``[N, 784]``.
        copy: Made by `copied`.
        path: The original's file, for the message.

    Raises:
        KerasModelError: They do not answer alike; names the first layer that does not.
    """
    if alike(model, copy, PROBES):
        return
    half = bool(in_half(model))
    answers = zip(outputs(model, PROBES), outputs(copy, PROBES), strict=True)
    first = next((old for (old, a), (_, b) in answers if not _alike(a, b, half)), None)
    layer = f"its layer {named(first)}" if first else "it"
    raise KerasModelError(
        f"{path}: {layer} answers otherwise in the copy that is exported, since what it knows is "
        f"neither among its weights nor in its configuration; {AS_GRAPH}"
    )


def alike(model: keras.Model, copy: keras.Model, pixels: Pixels) -> bool:
    """Return whether two models give the same answers, but for rounding."""
    expected, made = (np.asarray(one(pixels, training=False)) for one in (model, copy))
    return _alike(expected, made, bool(in_half(model)))


def named(operation: Any) -> str:
    """Return name and class: "'scale' (Normalization)"."""
    return f"{operation.name!r} ({type(operation).__name__})"


def _alike(expected: NDArray[Any], made: NDArray[Any], half: bool) -> bool:
    if expected.shape != made.shape:
        return True  # A Reshape that was written otherwise; what follows it tells.
    expected, made = (part.astype(np.float64).reshape(len(part), -1) for part in (expected, made))
    finite = np.isfinite(expected).all(axis=1)
    if not finite.any():
        return True
    apart = np.abs(made - expected)[finite].max(axis=1, initial=0.0)
    scale = max(1.0, float(np.abs(expected[finite]).max(initial=0.0)))
    # Half precision may tip a single answer, but not all of them.
    return bool((apart.mean() if half else apart.max()) <= scale * (_HALF if half else _FLOAT))


def _watched(operation: Any, seen: list[Call]) -> Callable[..., Any]:
    call = operation.call

    def watched(*inputs: Any, **options: Any) -> Any:
        made = call(*inputs, **options)
        given = keras.tree.flatten((inputs, options))
        seen.append(Call(operation, given, keras.tree.flatten(made)))
        return made

    return watched


def _in_float32(config: Any) -> Any:
    """Return the configuration of a layer with float32 for every half type in it."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return "float32" if _is_half(config["config"]["name"]) else config
        return {
            key: "float32" if key == "dtype" and _is_half(value) else _in_float32(value)
            for key, value in config.items()
        }
    if isinstance(config, list):
        return [_in_float32(value) for value in config]
    return config


def _is_half(name: Any) -> bool:
    return isinstance(name, str) and name.removeprefix("mixed_") in _HALVES
