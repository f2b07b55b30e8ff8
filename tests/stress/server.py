"""Hostile requests to digit-serve: it answers others, and nobody without the token."""

import http.client
import json
import re
import socket
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from digit_runtime import read_csv
from fuzz import damaged
from trials import ARTIFACTS, ROOT, Command, Trial

_REQUESTS: Final = 500
_ANSWER: Final = re.compile(rb'"engine_milliseconds": ?\d')
_TOKEN: Final = "a-token-for-the-trial"
_PATHS: Final = ("/predict", "/models", "/metrics", "/", "/healthz", "/openapi.json", "/samples")


def _request(random: Random, digit: list[int]) -> bytes:
    body = json.dumps({"pixels": digit}).encode()
    path = random.choice(_PATHS)
    method = "POST" if path == "/predict" else random.choice(("GET", "HEAD", "PUT", "BREW"))
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


def requests(random: Random, place: Path) -> int:
    """Send damaged requests without the token, and in between a good one with it."""
    pixels, numbers = (
        read_csv(ROOT / "data" / "test.csv")[0],
        np.random.default_rng(random.getrandbits(32)),
    )
    options = ["--port", 0, "--model", "mlp", "--artifacts", ARTIFACTS, "--token", _TOKEN]
    command = Command(place, "digit-serve", *options, "--engine", "onnxruntime")
    assert command.process.stdout
    assert command.process.stderr
    found = None
    while not found:
        line = command.process.stdout.readline()
        assert line, command.process.stderr.read()
        found = re.search(r":(\d+)", line)
    port = int(found[1])
    for number in range(_REQUESTS):
        digit = pixels[random.randrange(len(pixels))].tolist()
        sent = damaged(_request(random, digit), numbers)
        reply = _send(port, sent)
        assert b"Traceback" not in reply, sent
        assert not _ANSWER.search(reply), f"answered without the token: {sent[:200]!r}"
        assert not reply or reply.startswith(b"HTTP/1.1 "), reply[:100]
        if number % 50 == 0:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {_TOKEN}"}
            connection.request("POST", "/predict", json.dumps({"pixels": digit}), headers)
            answer = connection.getresponse()
            content = answer.read()
            assert answer.status == 200, content
            assert _ANSWER.search(content), content
            connection.close()
    command.process.terminate()
    _, _, errors = command.finish()
    assert "Error" not in errors, errors
    return _REQUESTS


TRIALS: Final = (
    Trial(
        "damaged requests to digit-serve",
        "no answer without the token, no traceback; good requests are answered throughout",
        4,
        requests,
    ),
)
