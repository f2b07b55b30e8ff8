"""Whose request it is, and whether somebody still waits for its answer."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from ipaddress import IPv6Address, ip_address
from typing import Any, TypeVar

from digit_runtime.serve.errors import Refusal

T = TypeVar("T")


def owner_of(client: tuple[str, int] | None) -> str:
    """Return what all addresses of one customer have in common: an IPv6 network of 64 bits.

    What a proxy calls its client need not be an address; it is taken as it is.
    """
    name = client[0].partition("%")[0] if client else ""
    try:
        address = ip_address(name)
    except ValueError:
        return name
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
    return str(address)


async def unless_gone(work: Future[T], gone: Callable[[], Awaitable[object]]) -> T:
    """Return what `work` gives; if its client leaves before it has begun, it is dropped.

    Args:
        work: Waits for a thread, or is at work in it.
        gone: Returns when the client has left.

    Raises:
        Refusal: It was dropped.
    """
    answer = asyncio.wrap_future(work)
    leaving = asyncio.ensure_future(gone())
    either: set[asyncio.Future[Any]] = {answer, leaving}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done() and work.cancel():
            raise went_away()
        return await answer
    finally:
        work.cancel()
        leaving.cancel()


def went_away() -> Refusal:
    """Return the refusal of what nobody waits for; only the metrics tell of it."""
    return Refusal(400, "the client went away")
