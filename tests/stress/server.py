"""Hostile requests to digit-serve: it answers others, and nobody without the token."""

import http.client
import json
import re
import socket
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final, Self

import numpy as np
from digit_runtime import read_csv
from fuzz import damaged
from trials import ARTIFACTS, ROOT, Command, Trial

_REQUESTS: Final = 500
_ANSWER: Final = re.compile(rb'"engine_milliseconds": ?\d')
TOKEN: Final = "a-token-for-the-trial"
_PATHS: Final = (
    "/predict",
    "/read",
    "/models",
    "/metrics",
    "/",
    "/healthz",
    "/openapi.json",
    "/samples",
)


def _request(random: Random, digit: list[int]) -> bytes:
    body = json.dumps({"pixels": digit}).encode()
    path = random.choice(_PATHS)
    method = (
        "POST" if path in ("/predict", "/read") else random.choice(("GET", "HEAD", "PUT", "BREW"))
    )
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def _send(port: int, content: bytes) -> bytes:
    """Return what comes back before the server closes, or has nothing more to say."""
    reply = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        # It may hang up before it has read all.
        with suppress(OSError):
            connection.sendall(content)
            connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(1 << 16):
                reply += data
    return reply


class Serving:
    """digit-serve in a process of its own, ended on exit, which must have met no error."""

    def __init__(self, place: Path) -> None:
        options = ["--port", 0, "--model", "mlp", "--artifacts", ARTIFACTS, "--token", TOKEN]
        self._command = Command(place, "digit-serve", *options, "--engine", "onnxruntime")
        process = self._command.process
        assert process.stdout and process.stderr
        found = None
        while not found:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            found = re.search(r":(\d+)", line)
        self.port = int(found[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *others: object) -> None:
        self._command.process.terminate()
        status, _, errors = self._command.finish()
        if kind is None:
            assert "Error" not in errors, errors
            assert status == 0, status

    def peak_bytes(self) -> int | None:
        """Return the most memory that it took, where Linux tells."""
        try:
            status = Path(f"/proc/{self._command.process.pid}/status").read_text()
        except OSError:
            return None
        return int(status.split("VmHWM:")[1].split()[0]) * 1024


def requests(random: Random, place: Path) -> int:
    """Send damaged requests without the token, and in between a good one with it."""
    pixels = read_csv(ROOT / "data" / "test.csv")[0]
    numbers = np.random.default_rng(random.getrandbits(32))
    with Serving(place) as serving:
        for number in range(_REQUESTS):
            digit = pixels[random.randrange(len(pixels))].tolist()
            sent = damaged(_request(random, digit), numbers)
            reply = _send(serving.port, sent)
            assert b"Traceback" not in reply, sent
            assert not _ANSWER.search(reply), f"answered without the token: {sent[:200]!r}"
            assert not reply or reply.startswith(b"HTTP/1.1 "), reply[:100]
            if number % 50 == 0:
                _ask(serving.port, digit)
    return _REQUESTS


def _ask(port: int, digit: list[int]) -> None:
    """Send a good request, which must be answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    connection.request("POST", "/predict", json.dumps({"pixels": digit}), headers)
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, content
    assert _ANSWER.search(content), content
    connection.close()


TRIALS: Final = (
    Trial(
        "damaged requests to digit-serve",
        "no answer without the token, no traceback; good requests are answered throughout",
        4,
        requests,
    ),
)
