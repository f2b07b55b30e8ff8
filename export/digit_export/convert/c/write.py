"""From steps to one source file: the kernels that are used, constants, and the calls.

No dependencies, no allocation. The arithmetic is that of Jacob et al. 2018, rounded as in
TFLite's reference kernels.
"""

from collections.abc import Iterator
from importlib.resources import files
from string import Template
from textwrap import wrap
from typing import Final

import numpy as np
from digit_runtime.contract import PIXELS

from digit_export.convert.c.graph import PIXELS_VALUE, Array, Int8Network, Step
from digit_export.convert.c.memory import Plan, plan

_WIDTH: Final = 100
_TYPES: Final = {"bias": "int32_t", "multiplier": "int32_t", "thresholds": "int32_t"}
# What the kernels call, in the order in which they must be defined.
_SHARED: Final = {
    "scaled": ("add", "average_pool", "conv", "dense", "depthwise", "multiply", "prelu"),
    "dot": ("conv", "dense"),
}


def source(network: Int8Network, name: str) -> str:
    """Return the source file of a network called `name`."""
    memory = plan(network)
    text = Template(_package_text("network.c.in"))
    return text.substitute(
        name=_comment(name),
        classes=network.classes,
        pixels=PIXELS,
        buffer=memory.size,
        constants_bytes=f"{flash(network):,}",
        buffer_bytes=f"{memory.size:,}",
        macs=f"{network.macs:,}",
        kernels="\n".join(_kernels(network)),
        constants="\n\n".join(
            part for number, step in enumerate(network.steps) for part in _constants(number, step)
        ),
        exponentials=_array("float", "digit_exponentials", _exponentials(network.scale)),
        calls="\n".join(_call(number, step, memory) for number, step in enumerate(network.steps)),
        scores=memory.values[network.scores],
    )


def flash(network: Int8Network) -> int:
    """Return how many bytes of constants there are."""
    arrays = [v for step in network.steps for v in (*step.fields.values(), *step.inputs)]
    return 4 * 256 + sum(
        value.astype(np.int8 if value.dtype == np.int8 else np.int32).nbytes
        if isinstance(value, np.ndarray)
        else 4
        for value in arrays
    )


def _package_text(name: str) -> str:
    return files("digit_export.convert.c").joinpath(name).read_text("utf-8")


def _comment(text: str) -> str:
    return text.replace("*/", "").replace("\n", " ")


def _kernels(network: Int8Network) -> Iterator[str]:
    used = dict.fromkeys(step.kernel for step in network.steps)
    shared = [name for name, users in _SHARED.items() if not used.keys().isdisjoint(users)]
    for name in (*shared, *used, "softmax"):
        yield _package_text(f"kernels/{name}.c")


def _constants(number: int, step: Step) -> Iterator[str]:
    for place, value in enumerate(step.inputs):
        if isinstance(value, np.ndarray):
            yield _array("int8_t", f"digit_{number}_input{place}", value)
    fields = []
    for name, value in step.fields.items():
        if isinstance(value, np.ndarray):
            yield _array(_TYPES.get(name, "int8_t"), f"digit_{number}_{name}", value)
            fields.append(f".{name} = digit_{number}_{name}")
        else:
            fields.append(f".{name} = {value}")
    body = "\n".join(
        wrap(", ".join(fields), _WIDTH - 4, initial_indent="    ", subsequent_indent="    ")
    )
    yield (
        f"/* {_comment(step.name)} */\n"
        f"static const digit_{step.kernel}_layer digit_{number} = {{\n{body}}};"
    )


def _array(kind: str, name: str, values: Array) -> str:
    flat = values.reshape(-1).tolist()
    if kind == "float":
        text = ", ".join(f"{value:.9e}f" for value in flat)
    else:
        # -2147483648 would be the negative of a number that no int32 holds.
        text = ", ".join("-2147483647-1" if value == -(2**31) else str(value) for value in flat)
    body = "\n".join(wrap(text, _WIDTH, break_long_words=False))
    return f"static const {kind} {name}[{len(flat)}] = {{\n{body}}};"


def _exponentials(scale: float) -> Array:
    distances = np.arange(256, dtype=np.float64)
    found: Array = np.exp(-np.float64(np.float32(scale)) * distances).astype(np.float32)
    # What C cannot write without a warning is too small to be seen in a probability.
    found[found < np.finfo(np.float32).tiny] = 0
    return found


def _call(number: int, step: Step, memory: Plan) -> str:
    arguments = [f"&digit_{number}"]
    for place, value in enumerate(step.inputs):
        if isinstance(value, np.ndarray):
            arguments.append(f"digit_{number}_input{place}")
        elif value == PIXELS_VALUE:
            arguments.append("pixels")
        else:
            arguments.append(f"buffer + {memory.values[value]}")
    arguments.append(f"buffer + {memory.values[step.output]}")
    if step.scratch:
        arguments.append(f"buffer + {memory.scratch[number]}")
    return f"    digit_{step.kernel}({', '.join(arguments)});"
