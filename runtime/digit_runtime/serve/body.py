"""Read a request's body within bounds."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

from starlette.requests import ClientDisconnect, Request

from digit_runtime.serve.clients import owner_of, unless_gone, went_away
from digit_runtime.serve.decoding import Sent, from_image, from_json, from_octets
from digit_runtime.serve.errors import Refusal, overloaded, unavailable
from digit_runtime.serve.limits import Limits

JSON: Final = "application/json"
OCTETS: Final = "application/octet-stream"
# What is decoded at once; what takes longer must not hold up the others.
_QUICK: Final = {JSON: 16_384, OCTETS: 1_000_000}

Decoder = Callable[[bytearray, Limits], Sent]


class Intake:
    """Reads the bodies of all requests; used on the event loop only."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._held: Counter[str] = Counter()
        self._threads = ThreadPoolExecutor(limits.decoders, "decoder")

    async def digits(self, request: Request) -> Sent:
        """Return the digits of a request, at least one.

        Raises:
            Refusal: Too long, too slow, of another type, not digits, more than the memory for
                all requests holds, or its client has left.
        """
        decode = decoder_of(request)
        async with self.body(request) as body:
            if len(body) < _QUICK.get(media_type(request), 0):
                return decode(body, self._limits)
            work = self._threads.submit(decode, body, self._limits)
            return await unless_gone(work, request.receive)

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytearray]:
        """Yield a request's body; it counts as held until the end of the context.

        Raises:
            Refusal: Too long, too slow, or more than the memory for all requests holds.
        """
        body = bytearray()
        owner = owner_of(request.client)
        try:
            await self._read(request, body, owner)
            yield body
        finally:
            self._held -= Counter({owner: len(body)})  # Who has none is forgotten.

    def close(self) -> None:
        """Give the threads back."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _read(self, request: Request, body: bytearray, owner: str) -> None:
        limits = self._limits
        too_long = Refusal(413, f"a request may have {limits.body_bytes:,} bytes")
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > limits.body_bytes:
            raise too_long
        try:
            async with asyncio.timeout(limits.seconds):
                async for chunk in request.stream():
                    body += chunk
                    self._held[owner] += len(chunk)
                    if len(body) > limits.body_bytes:
                        raise too_long
                    if self._held.total() > limits.held_bytes:
                        raise overloaded()
                    if self._held[owner] > limits.client_held_bytes:
                        raise unavailable("too much of yours is waiting; try again")
        except TimeoutError as error:
            raise Refusal(
                408, f"the request took longer than {limits.seconds:g} s to arrive"
            ) from error
        except ClientDisconnect as error:
            raise went_away() from error


def media_type(request: Request) -> str:
    """Return the type of a request's body, without parameters and in lower case."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def decoder_of(request: Request) -> Decoder:
    """Return what reads a body of that type.

    Raises:
        Refusal: It has another type.
    """
    kind = media_type(request)
    _check_encoding(request)
    # Pages of other sites can send none of these types without asking first, and the answer
    # to their question is no.
    if kind.startswith("image/"):
        return from_image
    if kind == JSON:
        return from_json
    if kind == OCTETS:
        return from_octets
    raise Refusal(415, f"send {JSON}, {OCTETS} or an image (image/png, image/jpeg, ...)")


def check_picture(request: Request) -> None:
    """Refuse a body that does not say that it is a picture; see `decoder_of`."""
    _check_encoding(request)
    if not media_type(request).startswith("image/"):
        raise Refusal(415, "send an image (image/png, image/jpeg, image/tiff, ...)")


def _check_encoding(request: Request) -> None:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refusal(415, "send the body as it is, without a Content-Encoding")
