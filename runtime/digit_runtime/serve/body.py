"""Read a request's body within bounds, and the digits in it."""

import asyncio
import io
import json
from typing import Any

import numpy as np
from starlette.requests import ClientDisconnect, Request

from digit_runtime import images
from digit_runtime.contract import Pixels, as_pixels
from digit_runtime.errors import DigitError
from digit_runtime.serve.errors import Refusal
from digit_runtime.serve.limits import Limits

JSON = "application/json"


async def pixels_of(request: Request, limits: Limits) -> Pixels:
    """Return the digits of a request, uint8 ``[N, 784]`` with N at least 1.

    Raises:
        Refusal: Too long, too slow, of another type, or not digits.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    # Pages of other sites can send neither type without asking first, and the answer
    # to their question is no.
    if kind != JSON and not kind.startswith("image/"):
        raise Refusal(415, f"send {JSON} or an image (image/png, image/jpeg, ...)")
    body = await _read(request, limits)
    loop = asyncio.get_running_loop()
    if kind == JSON and len(body) < 16_384:
        return _from_json(body, limits)
    # What takes longer must not hold up the others.
    decode = _from_json if kind == JSON else _from_image
    return await loop.run_in_executor(None, decode, body, limits)


async def _read(request: Request, limits: Limits) -> bytes:
    too_long = Refusal(413, f"a request may have {limits.body_bytes:,} bytes")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.body_bytes:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(limits.seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limits.body_bytes:
                    raise too_long
    except TimeoutError as error:
        raise Refusal(
            408, f"the request took longer than {limits.seconds:g} s to arrive"
        ) from error
    except ClientDisconnect as error:
        raise Refusal(400, "the client went away") from error
    return bytes(body)


def _from_json(body: bytes, limits: Limits) -> Pixels:
    try:
        document: Any = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"not JSON: {error}") from error
    if not isinstance(document, dict) or set(document) != {"pixels"}:
        raise Refusal(400, 'expected {"pixels": [784 numbers]}, or a list of such lists')
    given = document["pixels"]
    if not isinstance(given, list) or not given:
        raise Refusal(400, "pixels: expected a list with 784 numbers, or of such lists")
    if isinstance(given[0], list) and len(given) > limits.rows:
        raise Refusal(413, f"a request may have {limits.rows:,} digits")
    try:
        return as_pixels(given)
    except (DigitError, OverflowError) as error:
        raise Refusal(400, str(error).splitlines()[0]) from error


def _from_image(body: bytes, limits: Limits) -> Pixels:
    from PIL import Image

    try:
        # Only the head is read for this.
        with Image.open(io.BytesIO(body), formats=images.FORMATS) as opened:
            size = opened.width * opened.height
        if size > limits.image_pixels:
            raise Refusal(413, f"a picture may have {limits.image_pixels:,} pixels")
        return np.ascontiguousarray(images.from_image(body)[None])
    except Refusal:
        raise
    except DigitError as error:
        raise Refusal(400, str(error)) from error
    except Exception as error:  # Pillow raises whatever a damaged file makes it.
        raise Refusal(400, "the image cannot be read") from error
