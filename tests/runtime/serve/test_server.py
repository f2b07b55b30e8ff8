"""The server as its operator sees it: readiness, workers, stopping."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import pytest
from digit_runtime.classifier import Classifier
from digit_runtime.contract import Labels, Pixels, Probabilities
from digit_runtime.errors import EngineError
from digit_runtime.serve.app import create_app
from digit_runtime.serve.batcher import Batcher
from digit_runtime.serve.limits import Limits
from digit_runtime.serve.loaded_models import LoadedModels, Wanted
from starlette.types import Message

Digits = tuple[Pixels, Labels]
posix = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")


class Broken:
    """An engine that answers with what it is told to, or fails with it."""

    model, format, precision, engine = "mlp", "onnx", "int8", "broken"
    labels = tuple("0123456789")

    def __init__(self, path: Any, answer: float | Exception) -> None:
        self.path = path
        self.answer = answer

    def predict_proba(self, pixels: Pixels) -> Probabilities:
        if isinstance(self.answer, Exception):
            raise self.answer
        probabilities = np.full((len(pixels), 10), 0.1, np.float32)
        probabilities[pixels[:, 0] == 255] = self.answer
        return probabilities


def ask(answer: float | Exception, path: str, digits: Pixels) -> tuple[int, Any]:
    """Return what an application says whose engine is broken."""
    limits = Limits(ready_seconds=0.2)
    models = LoadedModels(Wanted("mlp", engine="numpy"), None, 1, limits)
    broken = cast(Classifier, Broken(models.first.classifier.path, answer))
    models.first = models._by_wish[models.default] = Batcher(broken, limits.waiting_rows)
    app = create_app(models, limits, None, None)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": digits.tobytes(), "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET" if path == "/readyz" else "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"content-type", b"application/octet-stream")],
    }
    asyncio.run(app(scope, receive, send))
    models.close()
    return sent[0]["status"], json.loads(sent[1]["body"])


def test_a_digit_that_the_model_has_no_numbers_for_has_no_label() -> None:
    rows = np.zeros((3, 784), np.uint8)
    rows[1, 0] = 255
    for value in (np.nan, np.inf):
        status, document = ask(value, "/predict", rows)
        assert status == 200
        first, second, third = document["predictions"]
        assert second == {"label": None, "unsure": True, "probabilities": None}
        assert first == third
        assert first["probabilities"] == [0.1] * 10


def test_an_engine_that_fails_is_said_so() -> None:
    status, document = ask(EngineError("out of order"), "/predict", np.zeros((1, 784), np.uint8))
    assert (status, document) == (500, {"error": "out of order"})


def test_a_server_whose_model_fails_is_not_ready() -> None:
    none = np.zeros((0, 784), np.uint8)
    for answer in (EngineError("out of order"), RuntimeError("worse")):
        status, document = ask(answer, "/readyz", none)
        assert status == 503
        assert "does not answer" in document["error"]


def test_a_server_that_answers_is_ready(server: Any) -> None:
    for _ in range(3):
        reply = server.ask("GET", "/readyz")
        assert (reply.status, reply.json) == (200, {"status": "ready"})


@posix
def test_a_slow_request_is_answered_before_the_server_stops(
    start: Callable[..., Any], test_digits: Digits
) -> None:
    with start("--model", "cnn", "--engine", "numpy", "--threads", "1") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        body = test_digits[0][:150].tobytes()
        kind = {"Content-Type": "application/octet-stream"}
        begin = time.perf_counter()
        connection.request("POST", "/predict", body, kind)
        for _ in range(2):
            assert server.ask("GET", "/healthz").status == 200
        server.process.send_signal(signal.SIGTERM)
        reply = connection.getresponse()
        answers = [row["label"] for row in json.loads(reply.read())["predictions"]]
        took = time.perf_counter() - begin
        connection.close()
        _, errors = server.process.communicate(timeout=30)
    assert took > 1, "too fast to show anything"
    labels = test_digits[1][:150].astype(str)
    assert (np.array(answers) == labels).mean() > 0.98
    assert "Traceback" not in errors


@posix
def test_what_takes_longer_than_the_server_may_wait_is_told_so(
    test_digits: Digits, cache: object
) -> None:
    program = """
from digit_runtime.serve import protocol, server
from digit_runtime.serve.limits import Limits
from digit_runtime.serve.loaded_models import Wanted
listener = server.listen("127.0.0.1", 0)
settings = server.Settings(
    Wanted("cnn", engine="numpy"), threads=1, limits=Limits(stopping_seconds=1)
)
port = listener.getsockname()[1]
server.serve(listener, settings, settings.load(), lambda: print(port, flush=True))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        port = int(process.stdout.readline())
        body = test_digits[0][:1024].tobytes()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("POST", "/predict", body, {"Content-Type": "application/octet-stream"})
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        reply = connection.getresponse()
        assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
        assert json.loads(reply.read()) == {"error": "the server stops"}
        _, errors = process.communicate(timeout=30)
        assert "Traceback" not in errors
    finally:
        process.kill()
        process.communicate()


def test_several_workers_answer_and_count_together(
    start: Callable[..., Any], test_digits: Digits
) -> None:
    with start("--model", "mlp", "--workers", "2") as server:
        with ThreadPoolExecutor(8) as threads:
            rows = test_digits[0][:120]
            replies = list(threads.map(lambda row: server.predict(row.tolist()), rows))
        answers = [reply.json["predictions"][0]["label"] for reply in replies]
        assert (np.array(answers) == test_digits[1][:120].astype(str)).mean() > 0.95
        for _ in range(3):  # Whichever of them is asked.
            text = server.ask("GET", "/metrics").body.decode()
            assert 'digit_requests_total{path="/predict",status="200"} 120.0' in text
            assert text.count("digit_model_info{") == 1
        if os.name != "nt":
            code, errors = server.stop()
            assert "Traceback" not in errors
            assert code in (0, -signal.SIGTERM, 128 + signal.SIGTERM)
