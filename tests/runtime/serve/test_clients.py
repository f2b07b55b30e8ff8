"""Clients that leave, and clients that ask for more than their part."""

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from digit_runtime.serve import body as bodies
from digit_runtime.serve import reading
from digit_runtime.serve.body import Intake
from digit_runtime.serve.clients import owner_of
from digit_runtime.serve.decoding import Sent
from digit_runtime.serve.errors import Refusal
from digit_runtime.serve.limits import Limits
from digit_runtime.serve.reading import Reader
from starlette.requests import Request


def sending(body: bytes, kind: str, leaves: asyncio.Event, address: str = "::1") -> Request:
    """Return the request of a client that waits for its answer until `leaves` is set."""
    arriving = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        if arriving:
            return arriving.pop()
        await leaves.wait()
        return {"type": "http.disconnect"}

    headers = [(b"content-type", kind.encode())]
    scope = {"type": "http", "method": "POST", "headers": headers, "client": (address, 1)}
    return Request(scope, receive)


@pytest.mark.parametrize(
    ("kind", "decoder"), [("image/png", "from_image"), ("application/json", "from_json")]
)
def test_what_its_client_no_longer_waits_for_is_not_decoded(
    kind: str, decoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, end, decoded = threading.Event(), threading.Event(), []

    def slow(body: bytearray, limits: Limits) -> Sent:
        decoded.append(body)
        begun.set()
        end.wait(30)
        return Sent(np.zeros((1, 784), np.uint8))

    async def two_clients() -> None:
        leaves = asyncio.Event()
        large = bytes(20_000)
        first = asyncio.create_task(intake.digits(sending(large, kind, leaves)))
        await asyncio.to_thread(begun.wait, 30)
        second = asyncio.create_task(intake.digits(sending(large, kind, leaves)))
        await asyncio.sleep(0.05)
        leaves.set()
        await asyncio.wait([second], timeout=1)
        end.set()
        with pytest.raises(Refusal, match="went away"):
            await second
        # What has begun is ended, and is nothing to others.
        assert (await first).others == 0

    monkeypatch.setattr(bodies, decoder, slow)
    intake = Intake(Limits(decoders=1))
    asyncio.run(two_clients())
    intake.close()
    assert len(decoded) == 1


def test_no_client_takes_the_memory_for_all_bodies() -> None:
    async def story() -> None:
        def send(address: str) -> Any:
            return intake.body(sending(bytes(1000), "image/png", asyncio.Event(), address))

        async with send("192.0.2.1"), send("192.0.2.1"):
            with pytest.raises(Refusal, match="of yours") as refused:
                await send("192.0.2.1").__aenter__()
            assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
            async with send("192.0.2.2"):
                pass
        async with send("192.0.2.1"), send("192.0.2.1"):  # It is theirs again.
            pass

    intake = Intake(Limits(held_bytes=4000, client_held_bytes=2500))
    asyncio.run(story())
    intake.close()


def test_no_client_takes_the_places_of_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, end = threading.Event(), threading.Event()

    def slow(self: Reader, data: bytes, model: object) -> str:
        begun.set()
        end.wait(30)
        return "read"

    async def story() -> list[object]:
        batcher: Any = SimpleNamespace(classifier=SimpleNamespace(labels=(), unsure_below=None))

        async def stay() -> None:
            await asyncio.Event().wait()

        def ask(owner: str) -> asyncio.Task[Any]:
            return asyncio.create_task(reader.read(bytearray(), batcher, owner, stay))

        asked = [ask("one"), ask("one"), ask("one"), ask("other")]
        await asyncio.to_thread(begun.wait, 30)
        end.set()
        # When all have their answers, all places are free again.
        first = await asyncio.gather(*asked, return_exceptions=True)
        return [*first, await ask("one")]

    monkeypatch.setattr(reading.Reader, "_read", slow)
    reader = Reader(Limits(readers=1, client_pages=2))
    *answers, refused, other, later = asyncio.run(story())
    reader.close()
    assert [*answers, other, later] == ["read"] * 4
    assert isinstance(refused, Refusal)
    assert (refused.status, refused.headers) == (503, {"Retry-After": "1"})
    assert "your pages" in refused.reason


@pytest.mark.parametrize(
    ("client", "owner"),
    [
        (None, ""),
        (("192.0.2.7", 80), "192.0.2.7"),
        (("::ffff:192.0.2.7", 80), "192.0.2.7"),
        (("2001:db8::1:2:3:4", 80), "2001:db8::"),
        (("fe80::1%eth0", 80), "fe80::"),
        # What a proxy that is trusted makes of its client.
        (("unknown", 0), "unknown"),
    ],
)
def test_whose_a_connection_is(client: tuple[str, int] | None, owner: str) -> None:
    assert owner_of(client) == owner
