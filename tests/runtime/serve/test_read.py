"""POST /read: all digits of a picture, bounded as /predict is."""

import asyncio
import http.client
import io
import json
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from digit_runtime.commands.read import read
from digit_runtime.errors import EngineError
from digit_runtime.serve import reading
from digit_runtime.serve.errors import Refusal
from digit_runtime.serve.limits import Limits
from digit_runtime.serve.reading import Reader
from PIL import Image

CASES = Path(__file__).parents[2] / "cases" / "pictures"
NUMBER = CASES / "number_2026.png"
PNG = {"Content-Type": "image/png"}
Server = Any


def tiff(pages: int, size: tuple[int, int] = (60, 40)) -> bytes:
    stream = io.BytesIO()
    sheets = [Image.new("1", size, 1) for _ in range(pages)]
    sheets[0].save(stream, "TIFF", save_all=True, append_images=sheets[1:], compression="group4")
    return stream.getvalue()


def test_what_stands_there_is_what_digit_read_says(
    server: Server, run: Callable[..., Result]
) -> None:
    reply = server.ask("POST", "/read", NUMBER.read_bytes(), PNG)
    assert reply.status == 200
    said = json.loads(run(read, NUMBER, "--json", "--engine", reply.json["engine"]).stdout)[0]
    assert {key: reply.json[key] for key in ("pages", "error")} == {
        key: said[key] for key in ("pages", "error")
    }
    assert reply.json["pages"][0]["lines"][0]["text"] == "2026"
    assert reply.json["labels"] == list("0123456789")


def test_the_model_can_be_chosen(server: Server) -> None:
    reply = server.ask("POST", "/read?model=mlp&format=tflite", NUMBER.read_bytes(), PNG)
    assert (reply.json["model"], reply.json["engine"]) == ("mlp", "litert")
    assert server.ask("POST", "/read?model=none", NUMBER.read_bytes(), PNG).status == 404


async def never() -> None:
    await asyncio.Event().wait()


def dots(count: int) -> bytes:
    """Draw `count` times `count` squares apart from each other: as many marks."""
    stream = io.BytesIO()
    cell = np.pad(np.zeros((14, 9), np.uint8), ((5, 4), (7, 7)), constant_values=255)
    page = np.pad(np.tile(cell, (count, count)), 40, constant_values=255)
    Image.fromarray(page).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"not a picture", "image/png", 400, "the image cannot be read"),
        (NUMBER.read_bytes()[:300], "image/png", 400, "cannot be read as an image"),
        (b"{}", "application/json", 415, "send an image"),
        (tiff(1, (20_000, 10)), "image/tiff", 413, "16,384 pixels wide"),
        (tiff(1, (5_000, 4_000)), "image/tiff", 413, "16,000,000 pixels"),
    ],
)
def test_what_is_no_picture_or_too_large_is_refused(
    server: Server, body: bytes, kind: str, status: int, words: str
) -> None:
    reply = server.ask("POST", "/read", body, {"Content-Type": kind})
    assert reply.status == status
    assert words in reply.json["error"]


def test_a_later_page_can_be_too_large_too(server: Server) -> None:
    stream = io.BytesIO()
    sheets = [Image.new("1", size, 1) for size in ((60, 40), (5_000, 4_000))]
    sheets[0].save(stream, "TIFF", save_all=True, append_images=sheets[1:], compression="group4")
    reply = server.ask("POST", "/read", stream.getvalue(), {"Content-Type": "image/tiff"})
    assert (reply.status, reply.json) == (413, {"error": "a picture may have 16,000,000 pixels"})


def test_of_a_tiff_only_so_many_pages_are_read(server: Server) -> None:
    document = server.ask("POST", "/read", tiff(11), {"Content-Type": "image/tiff"}).json
    assert [page["page"] for page in document["pages"]] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert document["error"] == "has more than 8 pages; the others were not read"


def test_it_needs_the_token(guarded: Server) -> None:
    assert guarded.ask("POST", "/read", NUMBER.read_bytes(), PNG).status == 401
    known = PNG | {"Authorization": "Bearer open sesame"}
    assert guarded.ask("POST", "/read", NUMBER.read_bytes(), known).status == 200


def test_many_pages_at_once_are_read_or_told_to_come_back(server: Server) -> None:
    def ask(number: int) -> int:
        return int(server.ask("POST", "/read", NUMBER.read_bytes(), PNG).status)

    with ThreadPoolExecutor(40) as pool:
        found = set(pool.map(ask, range(80)))
    assert 200 in found and found <= {200, 503}
    assert server.predict(np.zeros(784, int).tolist()).status == 200


def test_no_more_pages_wait_than_may() -> None:
    reader = Reader(Limits(waiting_pages=0))
    with pytest.raises(Refusal, match="too many"):
        asyncio.run(reader.read(bytearray(), None, "", never))  # type: ignore[arg-type]
    reader.close()


def test_dense_pages_at_once_are_all_answered(server: Server) -> None:
    page = dots(40)
    with ThreadPoolExecutor(3) as threads:
        replies = list(threads.map(lambda _: server.ask("POST", "/read", page, PNG), range(3)))
    assert [reply.status for reply in replies] == [200] * 3


@pytest.mark.skipif(sys.platform == "darwin", reason="has no second loopback address")
def test_while_a_client_has_too_many_pages_waiting_another_is_served(server: Any) -> None:
    page = dots(25)

    def ask(address: str) -> tuple[int, str | None]:
        connection = http.client.HTTPConnection(
            "127.0.0.1", server.port, timeout=60, source_address=(address, 0)
        )
        with closing(connection):
            connection.request("POST", "/read", page, PNG)
            reply = connection.getresponse()
            reply.read()
            return reply.status, reply.headers["Retry-After"]

    with ThreadPoolExecutor(21) as pool:
        greedy = [pool.submit(ask, "127.0.0.1") for _ in range(20)]
        time.sleep(0.5)
        assert ask("127.0.0.2") == (200, None)
        said = [future.result() for future in greedy]
    assert set(said) == {(200, None), (503, "1")}


def test_what_its_client_no_longer_waits_for_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, end, pages = threading.Event(), threading.Event(), []

    def slow(picture: object, model: object) -> None:
        pages.append(picture)
        begun.set()
        end.wait(30)
        raise EngineError("enough")

    async def at_once() -> None:
        pass

    async def two_clients() -> None:
        page = bytearray(NUMBER.read_bytes())
        batcher: Any = SimpleNamespace(classifier=SimpleNamespace(labels=(), unsure_below=None))
        first = asyncio.create_task(reader.read(page, batcher, "", never))
        await asyncio.to_thread(begun.wait, 30)
        with pytest.raises(Refusal, match="went away"):
            await reader.read(page, batcher, "", at_once)
        end.set()
        with pytest.raises(EngineError, match="enough"):
            await first

    monkeypatch.setattr(reading, "read_page", slow)
    reader = Reader(Limits(readers=1))
    asyncio.run(two_clients())
    reader.close()
    assert len(pages) == 1
