"""The server as its operator sees it: readiness, workers, stopping."""

import asyncio
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_runtime import load
from digit_runtime.contract import Labels, Pixels, Probabilities
from digit_runtime.errors import EngineError
from digit_runtime.serve import loaded_models
from digit_runtime.serve.app import create_app
from digit_runtime.serve.errors import Refusal
from digit_runtime.serve.limits import Limits
from digit_runtime.serve.loaded_models import LoadedModels, Wanted
from starlette.types import Message

Digits = tuple[Pixels, Labels]
posix = pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")


class Broken:
    """An engine that answers with what it is told to, or fails with it."""

    model, format, precision, engine = "mlp", "onnx", "int8", "broken"
    labels = tuple("0123456789")
    unsure_below = None

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
    limits = Limits(ready_seconds=30)
    broken = Broken(load("mlp", engine="numpy").path, answer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaded_models, "load", lambda *names, **options: broken)
        models = LoadedModels(Wanted("mlp", engine="numpy"), None, 1, limits)
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


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


SLOW = """
import sys, time
from digit_runtime.models.classifier import Classifier
from digit_runtime.serve import server
from digit_runtime.serve.limits import Limits
from digit_runtime.serve.loaded_models import Wanted
predict = Classifier.predict_proba
def slowly(self, pixels):
    time.sleep(float(sys.argv[1]))
    return predict(self, pixels)
Classifier.predict_proba = slowly
limits = Limits(stopping_seconds=int(sys.argv[2])) if len(sys.argv) > 2 else Limits()
settings = server.Settings(Wanted("mlp", engine="onnxruntime"), limits=limits)
listener = server.listen("127.0.0.1", 0)
port = listener.getsockname()[1]
server.serve(listener, settings, settings.load(), lambda: print(port, flush=True))
"""


@posix
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_told_to_stop_has_not_failed(
    start: Callable[..., Any], how: signal.Signals, workers: int
) -> None:
    with start("--model", "mlp", "--workers", str(workers)) as server:
        assert server.stop(how) == (0, "stopped\n")


@posix
def test_a_server_that_has_only_begun_stops_too() -> None:
    at_once = SLOW.replace("lambda: print(port, flush=True)", "lambda: signal.raise_signal(15)")
    process = subprocess.run([sys.executable, "-c", f"import signal{at_once}", "0"], timeout=60)
    assert process.returncode == 0


def stopped_at_work(digits: Pixels, *arguments: str) -> tuple[Any, str]:
    """Return what a slow server that is stopped answers to what it has taken, and says."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        connection = http.client.HTTPConnection(
            "127.0.0.1", int(process.stdout.readline()), timeout=120
        )
        with closing(connection):
            headers = {"Content-Type": "application/octet-stream"}
            connection.request("POST", "/predict", digits.tobytes(), headers)
            time.sleep(1)
            process.send_signal(signal.SIGTERM)
            reply = connection.getresponse()
            said = reply.status, reply.headers["Retry-After"], json.loads(reply.read())
        return said, process.communicate(timeout=60)[1]
    finally:
        process.kill()
        process.communicate()


@posix
def test_a_slow_request_is_answered_before_the_server_stops(test_digits: Digits) -> None:
    # Three batches of 5 s each: more than the 10 s after which it once was cut.
    (status, _, document), errors = stopped_at_work(test_digits[0][:150], "5")
    assert status == 200
    answers = np.array([row["label"] for row in document["predictions"]])
    assert (answers == test_digits[1][:150].astype(str)).mean() > 0.95
    assert errors == ""


@posix
def test_what_takes_longer_than_the_server_may_wait_is_told_so(test_digits: Digits) -> None:
    said, errors = stopped_at_work(test_digits[0][:150], "5", "1")
    assert said == (503, "1", {"error": "the server stops"})
    assert "Traceback" not in errors


def test_several_workers_answer_and_count_together(
    start: Callable[..., Any], test_digits: Digits
) -> None:
    with start("--model", "mlp", "--workers", "2") as server:
        with ThreadPoolExecutor(8) as threads:
            rows = test_digits[0][:120]
            replies = list(threads.map(lambda row: server.predict(row.tolist()), rows))
        answers = [reply.json["predictions"][0]["label"] for reply in replies]
        assert (np.array(answers) == test_digits[1][:120].astype(str)).mean() > 0.95
        # An answer is counted when its last byte is sent, and its client may be faster.
        counted = 'digit_requests_total{path="/predict",status="200"} 120.0'
        wait_until(lambda: counted in server.ask("GET", "/metrics").body.decode())
        for _ in range(3):  # Whichever of them is asked.
            text = server.ask("GET", "/metrics").body.decode()
            assert counted in text
            assert text.count("digit_model_info{") == 1
        if os.name != "nt":
            assert server.stop() == (0, "stopped\n")


@posix
def test_workers_end_with_a_server_that_was_killed(start: Callable[..., Any]) -> None:
    with start("--model", "mlp", "--workers", "2") as server:
        assert server.ask("GET", "/healthz").status == 200
        server.process.kill()

        def nobody_listens() -> bool:
            try:
                server.ask("GET", "/healthz")
            except ConnectionError:
                return True
            return False

        wait_until(nobody_listens)


def test_a_model_that_was_not_exported_is_not_offered(artifacts: Path, tmp_path: Path) -> None:
    shutil.copytree(artifacts / "mlp", tmp_path / "mlp")
    (tmp_path / "cnn").mkdir()
    document = json.loads((artifacts / "cnn" / "manifest.json").read_text())
    (tmp_path / "cnn" / "manifest.json").write_text(json.dumps(document | {"files": []}))
    models = LoadedModels(Wanted("mlp", engine="numpy"), tmp_path, 1, Limits())
    try:
        assert [offer["model"] for offer in models.offers()] == ["mlp"]
        with pytest.raises(Refusal, match="no model 'cnn'; there are mlp"):
            models.wanted({"model": "cnn"})
    finally:
        models.close()
