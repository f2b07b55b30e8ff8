"""Hostile pictures for digit-serve: each is read, or refused in one line, and others go on."""

import http.client
import io
import json
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
from digit_runtime import read_csv
from digit_runtime.contract import Pixels
from fuzz import damaged
from fuzz_pictures import odd
from PIL import Image
from server import TOKEN, Serving
from trials import ROOT, Trial

_REQUESTS: Final = 150
_AT_ONCE: Final = 24
_CASES: Final = ROOT / "tests" / "cases" / "pictures"
_KNOWN: Final = (_CASES / "number_2026.png").read_bytes()
_KINDS: Final = ("image/png", "image/jpeg", "image/tiff", "image/x-unknown", "text/plain", "")
_STATUSES: Final = {200, 400, 401, 413, 415}
# A picture of a thousand marks takes seconds, and twenty of them wait for two CPUs.
_MOST_S: Final = 120
_MOST_BYTES: Final = 1_000_000_000


def _crowded(digits: Pixels, random: np.random.Generator) -> bytes:
    """Return a sheet with marks wherever there is room: digits, or specks."""
    sheet = Image.new("L", (1400, 1000), 255)
    side = int(random.integers(4, 40))
    for y in range(0, 1000 - side, side + 2):
        for x in range(0, 1400 - side, side + 2):
            digit = 255 - digits[random.integers(len(digits))].reshape(28, 28)
            sheet.paste(Image.fromarray(digit).resize((side, side)), (x, y))
    return _saved(sheet, "PNG")


def _many_pages(random: np.random.Generator) -> bytes:
    pages = [Image.new("1", (int(random.integers(1, 3000)), 200), 1) for _ in range(40)]
    return _saved(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="group4")


def _bomb(random: np.random.Generator) -> bytes:
    """Return a small file of a picture that is large, up to beyond what is taken."""
    size = int(random.integers(1, 20_000)), int(random.integers(1, 4_000))
    return _saved(Image.new(str(random.choice(["1", "L", "RGB", "I;16"])), size), "PNG")


def _saved(image: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def _picture(random: np.random.Generator, digits: Pixels) -> bytes:
    cases = sorted(_CASES.glob("*.png"))
    match random.integers(0, 12):
        case 0:
            return _crowded(digits, random)
        case 1:
            return _many_pages(random)
        case 2:
            return _bomb(random)
        case 3 | 4:
            return cases[random.integers(len(cases))].read_bytes()
        case 5 | 6 | 7:
            return damaged(cases[random.integers(len(cases))].read_bytes(), random)
        case 8:
            return random.bytes(int(random.integers(0, 5000)))
        case _:
            return odd(digits, random)


def _ask(port: int, body: bytes, kind: str, token: str | None) -> tuple[int, Any, str | None]:
    """Return status, document and Retry-After of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_MOST_S)
    headers = {"Content-Type": kind} if kind else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request("POST", "/read", body, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), answer.getheader("Retry-After")
    except OSError as error:
        raise AssertionError(f"no answer: {error!r}") from error
    finally:
        connection.close()


def _one(port: int, seed: list[int], digits: Pixels) -> int:
    """Send a picture; returns the status of its answer."""
    random = np.random.default_rng(seed)
    body = _picture(random, digits)
    known = random.random() > 0.1
    kind = _KINDS[0] if random.random() < 0.8 else _KINDS[random.integers(len(_KINDS))]
    deadline = time.monotonic() + _MOST_S
    while True:
        status, document, again = _ask(port, body, kind, TOKEN if known else None)
        if status != 503 or time.monotonic() > deadline:
            break
        assert again, f"{seed}: 503 does not say when to come back"
        time.sleep(0.2)
    assert status in _STATUSES, f"{seed}: {status} {document}"
    assert (status == 401) != known, f"{seed}: {status}, with{'' if known else 'out'} the token"
    assert ("pages" in document) == (status == 200), f"{seed}: {document}"
    error = document.get("error")
    assert error is None or len(error.splitlines()) == 1, f"{seed}: {error!r}"
    assert not re.search(r"Traceback|0x[0-9a-f]{6}", error or ""), f"{seed}: {error!r}"
    return status


def _still_reads(port: int) -> None:
    """See to it that a good picture is read, once there is room for it."""
    deadline = time.monotonic() + _MOST_S
    while True:
        status, document, _ = _ask(port, _KNOWN, "image/png", TOKEN)
        if status == 200:
            break
        assert status == 503, document
        assert time.monotonic() < deadline, "nothing is read any more"
        time.sleep(0.5)
    assert document["pages"][0]["lines"][0]["text"] == "2026", document


def pictures(random: Random, place: Path) -> int:
    """Send pictures, most of them hostile, from many clients at once."""
    digits = read_csv(ROOT / "data" / "test.csv")[0][:200]
    seed = random.getrandbits(32)
    with Serving(place) as serving, ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = [
            pool.submit(_one, serving.port, [seed, number], digits) for number in range(_REQUESTS)
        ]
        for _ in range(5):
            _still_reads(serving.port)
        found = Counter(one.result() for one in asked)
        assert found[200], found
        peak = serving.peak_bytes()
        assert peak is None or peak < _MOST_BYTES, f"took {peak:,} bytes"
    return _REQUESTS


TRIALS: Final = (
    Trial(
        "hostile pictures to POST /read",
        "read, or refused in one line; good ones are read throughout; memory below 1 GB",
        4,
        pictures,
    ),
)
