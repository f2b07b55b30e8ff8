"""The digits in a body: JSON, raw bytes, NumPy's .npy, or a picture of one."""

import io
import json
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from digit_runtime.contract import PIXELS, Pixels, as_pixels
from digit_runtime.errors import DigitError
from digit_runtime.inputs import images
from digit_runtime.inputs.pictures import has_page
from digit_runtime.serve.errors import Refusal
from digit_runtime.serve.limits import Limits

_NPY: Final = np.lib.format.MAGIC_PREFIX


@dataclass(frozen=True)
class Sent:
    """What a body holds.

    Attributes:
        pixels: Its digits, uint8 ``[N, 784]``.
        others: How many further marks its picture has that may be digits.
    """

    pixels: Pixels
    others: int = 0


def from_json(body: bytearray, limits: Limits) -> Sent:
    """Return the digits of ``{"pixels": [...]}``.

    Raises:
        Refusal: It is something else.
    """
    try:
        text = body.decode()
        document: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"not JSON: {error}") from error
    if not isinstance(document, dict) or set(document) != {"pixels"}:
        raise Refusal(400, 'expected {"pixels": [784 numbers]}, or a list of such lists')
    given = document["pixels"]
    if not isinstance(given, list) or not given:
        raise Refusal(400, "pixels: expected a list with 784 numbers, or of such lists")
    if isinstance(given[0], list):
        _check_rows(len(given), limits)
    # numpy would take them for 1 and 0.
    if "true" in text or "false" in text:
        raise Refusal(400, "pixels: true and false are not numbers from 0 to 255")
    return Sent(_checked(_whole(given)))


def _whole(given: list[Any]) -> Any:
    """Return whole numbers as integers: to JSON, 1 and 1.0 are the same."""
    try:
        numbers = np.asarray(given)
    except (ValueError, TypeError):
        return given
    if numbers.dtype.kind == "f" and (numbers == np.rint(numbers)).all():
        return np.clip(numbers, -1, 256).astype(np.int64)
    return given


def from_octets(body: bytearray, limits: Limits) -> Sent:
    """Return the digits of raw bytes, 784 of each, or of a .npy file.

    Raises:
        Refusal: It is something else.
    """
    if body.startswith(_NPY):
        return Sent(_from_npy(body, limits))
    if not body or len(body) % PIXELS:
        raise Refusal(400, f"{len(body):,} bytes are no digits of {PIXELS} bytes each")
    _check_rows(len(body) // PIXELS, limits)
    return Sent(np.frombuffer(body, np.uint8).reshape(-1, PIXELS))


def from_image(body: bytearray, limits: Limits) -> Sent:
    """Return the digit in a picture.

    Raises:
        Refusal: It cannot be read, is too large, or shows nothing.
    """
    check_size(body, limits)
    try:
        found = images.find_digit(bytes(body))
    except DigitError as error:
        raise Refusal(400, str(error)) from error
    except Exception as error:  # Pillow raises whatever a damaged file makes it.
        raise Refusal(400, "the image cannot be read") from error
    return Sent(np.ascontiguousarray(found.pixels[None]), found.others)


def check_size(body: bytes | bytearray, limits: Limits, pages: int = 1) -> None:
    """Refuse a picture that is too large, of which only the head is read for this.

    Of a TIFF the first `pages` are looked at.

    Raises:
        Refusal: It is too large, or no picture.
    """
    from PIL import Image

    too_large = Refusal(413, f"a picture may have {limits.image_pixels:,} pixels")
    try:
        with Image.open(io.BytesIO(body), formats=images.FORMATS) as opened:
            for page in range(pages if opened.format == "TIFF" else 1):
                if not has_page(opened, page):
                    break
                width, height = opened.size
                if width * height > limits.image_pixels:
                    raise too_large
                if max(width, height) > limits.image_side:
                    raise Refusal(
                        413, f"a picture may be {limits.image_side:,} pixels wide and high"
                    )
    except Refusal:
        raise
    except Image.DecompressionBombError as error:  # So large that Pillow does not open it.
        raise too_large from error
    except Exception as error:  # Pillow raises whatever a damaged file makes it.
        raise Refusal(400, "the image cannot be read") from error


def _from_npy(body: bytearray, limits: Limits) -> Pixels:
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0
        if version != (1, 0):
            read = np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
    except Exception as error:  # The head is Python source, and can be wrong in any way.
        raise Refusal(400, "the .npy file cannot be read") from error
    # numpy's own reader would make room for whatever a file claims to have.
    content = memoryview(body)[stream.tell() :]
    if dtype.kind not in "iuf" or math.prod(shape) * dtype.itemsize != len(content):
        raise Refusal(400, "the .npy file does not hold the whole numbers that its head tells of")
    if len(shape) > 1:
        _check_rows(shape[0], limits)
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")
    return _checked(array)


def _check_rows(rows: int, limits: Limits) -> None:
    if rows > limits.rows:
        raise Refusal(413, f"a request may have {limits.rows:,} digits")


def _checked(given: Any) -> Pixels:
    try:
        pixels = as_pixels(given)
    except (DigitError, OverflowError) as error:
        raise Refusal(400, str(error).splitlines()[0]) from error
    if not len(pixels):
        raise Refusal(400, "pixels: there are none")
    return pixels
