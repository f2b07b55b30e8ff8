"""A real digit-serve in a process of its own, asked over real sockets."""

import http.client
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

COMMAND = [sys.executable, "-c", "from digit_runtime.commands.serve import serve; serve()"]


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    port: int
    process: "subprocess.Popen[str]"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            names = {name.lower(): value for name, value in reply.getheaders()}
            return Reply(reply.status, names, reply.read())
        finally:
            connection.close()

    def predict(self, pixels: Any, query: str = "", **headers: str) -> Reply:
        body = json.dumps({"pixels": pixels}).encode()
        return self.ask(
            "POST", f"/predict{query}", body, {"Content-Type": "application/json", **headers}
        )

    def image(self, content: bytes, kind: str = "image/png") -> Reply:
        return self.ask("POST", "/predict", content, {"Content-Type": kind})

    def stop(self, how: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(how)
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors


@contextmanager
def running(*arguments: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # A server that does not start must fail the test, not hang it.
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        assert process.stdout
        line = process.stdout.readline()
        found = re.search(r"at http://[^ ]*:(\d+)/", line)
        assert found, process.communicate()[1]
        timer.cancel()
        server = Server(int(found[1]), process)
        _wait(server)
        yield server
    finally:
        timer.cancel()
        process.kill()
        process.communicate()


def _wait(server: Server) -> None:
    # It listens already; the first answer tells that it serves.
    assert server.ask("GET", "/healthz").status == 200


@pytest.fixture(scope="session")
def server(cache: object) -> Iterator[Server]:
    with running("--model", "cnn") as started:
        yield started


@pytest.fixture(scope="session")
def guarded(cache: object) -> Iterator[Server]:
    with running("--model", "mlp", "--token", "open sesame") as started:
        yield started


@pytest.fixture
def start() -> Callable[..., Any]:
    return running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None
    )
    if chromium is None:
        pytest.skip("needs chromium: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        # Root, as in a container, has no sandbox.
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any, server: Any) -> Iterator[Any]:
    """Open the page; at the end of the test nothing may have gone wrong in it."""
    contexts: list[Any] = []
    errors: list[str] = []

    def open_page(url: str = server.url, allow_errors: bool = False, **how: Any) -> Any:
        contexts.append(browser.new_context(**how))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        if not allow_errors:  # Chromium itself tells of each answer that is an error.
            page.on("console", lambda s: errors.append(s.text) if s.type == "error" else None)
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors
