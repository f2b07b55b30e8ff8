"""Read a request's body within bounds, and the digits in it."""

import asyncio
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from starlette.requests import ClientDisconnect, Request

from digit_runtime.contract import Pixels, as_pixels
from digit_runtime.errors import DigitError
from digit_runtime.inputs import images
from digit_runtime.serve.errors import Refusal, overloaded
from digit_runtime.serve.limits import Limits

JSON = "application/json"


def media_type(request: Request) -> str:
    """Return the type of a request's body, without parameters and in lower case."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


class Intake:
    """Reads the bodies of all requests; used on the event loop only."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held = 0
        self._decoders = ThreadPoolExecutor(limits.decoders, "decoder")

    async def pixels(self, request: Request) -> Pixels:
        """Return the digits of a request, uint8 ``[N, 784]`` with N at least 1.

        Raises:
            Refusal: Too long, too slow, of another type, not digits, or more than the
                memory for all requests holds.
        """
        kind = media_type(request)
        # Pages of other sites can send neither type without asking first, and the answer
        # to their question is no.
        if kind != JSON and not kind.startswith("image/"):
            raise Refusal(415, f"send {JSON} or an image (image/png, image/jpeg, ...)")
        body = bytearray()
        try:
            await self._read(request, body)
            if kind == JSON and len(body) < 16_384:
                return _from_json(body, self._limits)
            # What takes longer must not hold up the others.
            decode = _from_json if kind == JSON else _from_image
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._decoders, decode, body, self._limits)
        finally:
            self._held -= len(body)

    def close(self) -> None:
        """Give the threads back."""
        self._decoders.shutdown(wait=False)

    async def _read(self, request: Request, body: bytearray) -> None:
        limits = self._limits
        too_long = Refusal(413, f"a request may have {limits.body_bytes:,} bytes")
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > limits.body_bytes:
            raise too_long
        try:
            async with asyncio.timeout(limits.seconds):
                async for chunk in request.stream():
                    body += chunk
                    self._held += len(chunk)
                    if len(body) > limits.body_bytes:
                        raise too_long
                    if self._held > limits.held_bytes:
                        raise overloaded()
        except TimeoutError as error:
            raise Refusal(
                408, f"the request took longer than {limits.seconds:g} s to arrive"
            ) from error
        except ClientDisconnect as error:
            raise Refusal(400, "the client went away") from error


def _from_json(body: bytearray, limits: Limits) -> Pixels:
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


def _from_image(body: bytearray, limits: Limits) -> Pixels:
    from PIL import Image

    too_large = Refusal(413, f"a picture may have {limits.image_pixels:,} pixels")
    try:
        # Only the head is read for this.
        with Image.open(io.BytesIO(body), formats=images.FORMATS) as opened:
            size = opened.width * opened.height
        if size > limits.image_pixels:
            raise too_large
        return np.ascontiguousarray(images.from_image(bytes(body))[None])
    except Refusal:
        raise
    except Image.DecompressionBombError as error:  # So large that Pillow does not open it.
        raise too_large from error
    except DigitError as error:
        raise Refusal(400, str(error)) from error
    except Exception as error:  # Pillow raises whatever a damaged file makes it.
        raise Refusal(400, "the image cannot be read") from error
