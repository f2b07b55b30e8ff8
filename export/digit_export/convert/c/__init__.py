"""C99 for microcontrollers: the int8 TFLite file's integers, and the code that uses them."""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

from digit_runtime.contract import Pixels

from digit_export.convert import tflite
from digit_export.convert.c.library import library
from digit_export.convert.c.read import read
from digit_export.convert.c.write import source
from digit_export.keras_model.adapt import leaves
from digit_export.keras_model.network import Network

_SIZES: Final = re.compile(r"^#if DIGIT_CLASSES != (\d+) \|\| DIGIT_BUFFER_BYTES != (\d+)$", re.M)
_FROM_GREY: Final = tuple(
    f"{name}.{kind}" for name in ("digit_from_grey", "digit_ground", "digit_mark") for kind in "ch"
)
_HEADER: Final = """\
/* Made by digit-export; see the .c file of the model. */
#ifndef DIGIT_PREDICT_H
#define DIGIT_PREDICT_H

#include <stdint.h>

#ifdef __AVR__
#error "8-bit AVR boards have too little memory for this network"
#endif

#define DIGIT_CLASSES {classes}
#define DIGIT_BUFFER_BYTES {buffer}

#ifdef __cplusplus
extern "C" {{
#endif

/* One call at a time. */
void digit_predict(const uint8_t pixels[784], float probabilities[DIGIT_CLASSES]);

/* From any thread: `buffer` is DIGIT_BUFFER_BYTES of the caller's, of any alignment. */
void digit_predict_in(const uint8_t pixels[784], float probabilities[DIGIT_CLASSES],
                      void *buffer);

#ifdef __cplusplus
}}
#endif
#endif
"""


def int8(network: Network, calibration: Pixels) -> bytes:
    """Return the source file, of the same integers as `tflite.int8`.

    Raises:
        ConversionError: There is a layer that it cannot write; says which.
    """
    classes = {layer.name: type(layer).__name__ for layer in leaves(network.model)}
    found = read(tflite.int8(network, calibration), classes)
    return source(found, network.model.name).encode()


def sources(content: bytes) -> Mapping[str, bytes]:
    """Return the C files beside the source: its header, and the way from a camera's picture."""
    found = _SIZES.search(content.decode())
    assert found
    header = _HEADER.format(classes=found[1], buffer=found[2])
    folder = files("digit_export.convert.c").joinpath("sources")
    return {
        "digit_predict.h": header.encode(),
        **{name: folder.joinpath(name).read_bytes() for name in _FROM_GREY},
    }


def beside(content: bytes, model: str, classes: int) -> Mapping[str, bytes]:
    """Return the files beside the source, which make a library of its folder."""
    others = sources(content)
    return {**others, **library(model, content, others, classes)}
