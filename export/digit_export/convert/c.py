"""C99 for microcontrollers: the int8 TFLite file's integers, and the code that uses them.

One source file and a small header, without dependencies but for expf, without allocation.
The arithmetic is that of Jacob et al. 2018, as in TFLite's integer kernels.
"""

import math
from importlib.resources import files
from string import Template
from textwrap import wrap
from typing import Final

import numpy as np
from digit_runtime.contract import Pixels

from digit_export.convert import c_layers
from digit_export.convert import tflite as to_tflite
from digit_export.convert.c_layers import Array, Int8Network, Layer
from digit_export.keras_model.network import Network

_WIDTH: Final = 100
_SHAPE: Final = """\
typedef struct {
    int32_t height, width, channels, made_height, made_width, made_channels;
    int32_t window_height, window_width, stride_down, stride_across, rows_before, columns_before;
    int32_t taken_zero_point, made_zero_point, lowest, highest;
} digit_shape;
"""
_POOL: Final = """
/* The largest of each window; what is outside of the image does not count. */
static void digit_pool(const digit_shape *shape, const int8_t *taken, int8_t *made)
{
    for (int32_t y = 0; y < shape->made_height; y++)
        for (int32_t x = 0; x < shape->made_width; x++)
            for (int32_t c = 0; c < shape->channels; c++) {
                int32_t largest = shape->lowest;
                for (int32_t i = 0; i < shape->window_height; i++) {
                    const int32_t row = y * shape->stride_down + i - shape->rows_before;
                    if (row < 0 || row >= shape->height)
                        continue;
                    for (int32_t j = 0; j < shape->window_width; j++) {
                        const int32_t column = x * shape->stride_across + j - shape->columns_before;
                        if (column < 0 || column >= shape->width)
                            continue;
                        const int8_t value =
                            taken[(row * shape->width + column) * shape->channels + c];
                        if (value > largest)
                            largest = value;
                    }
                }
                *made++ = (int8_t)(largest < shape->highest ? largest : shape->highest);
            }
}
"""


def int8(network: Network, calibration: Pixels) -> bytes:
    """Return the source file, of the same integers as `to_tflite.int8`.

    Raises:
        ConversionError: A layer is neither dense nor a plain convolution nor max pooling.
    """
    found = c_layers.read(to_tflite.int8(network, calibration))
    sizes = [784, *(math.prod(layer.made) for layer in found.layers)]
    name = network.model.name
    text = Template(files("digit_export.convert").joinpath("network.c.in").read_text("utf-8"))
    return text.substitute(
        name=name,
        classes=found.classes,
        constants=_constants(found),
        buffer=max(sizes),
        ram=f"{2 * max(sizes):,}",
        flash=f"{_flash(found):,}",
        pool=_POOL if any(layer.kind == "pool" for layer in found.layers) else "",
        calls="\n".join(_call(number, layer) for number, layer in enumerate(found.layers)),
        last="ab"[len(found.layers) % 2],
        scale=f"{found.layers[-1].result.scale:.9g}f",
    ).encode()


def header(classes: int) -> bytes:
    """Return digit_predict.h, which is the same for all models of that many classes."""
    return f"""\
/* Made by digit-export; see the .c file of the model. */
#ifndef DIGIT_PREDICT_H
#define DIGIT_PREDICT_H

#include <stdint.h>

#define DIGIT_CLASSES {classes}

#ifdef __cplusplus
extern "C" {{
#endif

/* One image, row by row, 0 is background and 255 is ink. Not reentrant. */
void digit_predict(const uint8_t pixels[784], float probabilities[DIGIT_CLASSES]);

#ifdef __cplusplus
}}
#endif

#endif
""".encode()


def _constants(network: Int8Network) -> str:
    parts = [_SHAPE, _array("int8_t", "digit_pixel", network.pixels)]
    for number, layer in enumerate(network.layers):
        values = (
            *layer.taken,
            *layer.made,
            *layer.window,
            *layer.stride,
            *layer.before,
            *(layer.source.zero_point, layer.result.zero_point, layer.lowest, layer.highest),
        )
        parts.append(
            f"/* {layer.kind}: {layer.name.replace('*/', '')} */\n"
            f"static const digit_shape digit_shape_{number} = {{{', '.join(map(str, values))}}};"
        )
        if layer.kind == "pool":
            continue
        scaled = np.array(list(c_layers.multipliers(layer)))
        parts += [
            _array("int8_t", f"digit_weights_{number}", layer.weights),
            _array("int32_t", f"digit_bias_{number}", layer.bias),
            _array("int32_t", f"digit_multiplier_{number}", scaled[:, 0]),
            _array("int8_t", f"digit_shift_{number}", scaled[:, 1]),
        ]
    return "\n\n".join(parts)


def _array(kind: str, name: str, values: Array) -> str:
    flat = values.reshape(-1).tolist()
    # -2147483648 would be the negative of a number that no int32 holds.
    text = ",".join("-2147483647-1" if value == -(2**31) else str(value) for value in flat)
    body = "\n".join(wrap(text.replace(",", ", "), _WIDTH, break_long_words=False))
    return f"static const {kind} {name}[{len(flat)}] = {{\n{body}}};"


def _call(number: int, layer: Layer) -> str:
    taken, made = "ab"[number % 2], "ba"[number % 2]
    if layer.kind == "pool":
        return f"    digit_pool(&digit_shape_{number}, {taken}, {made});"
    constants = ", ".join(
        f"digit_{what}_{number}" for what in ("weights", "bias", "multiplier", "shift")
    )
    return f"    digit_layer(&digit_shape_{number}, {taken}, {constants}, {made});"


def _flash(network: Int8Network) -> int:
    return 256 + sum(layer.weights.size + 9 * layer.bias.size + 64 for layer in network.layers)
