"""What goes on below a request: heads without end, connections without use, upgrades."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from digit_runtime.contract import Labels, Pixels

Digits = tuple[Pixels, Labels]
Server = Any
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=20)


def answer(client: socket.socket) -> bytes:
    said = b""
    try:
        while part := client.recv(65_536):
            said += part
    except ConnectionResetError:
        pass
    return said


def memory_kb(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def test_a_head_of_many_lines_is_refused(server: Server) -> None:
    with connect(server) as client:
        client.sendall(HEAD + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n")
        said = answer(client)
    assert said.startswith(b"HTTP/1.1 431 ")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"].endswith("100 lines")


@pytest.mark.parametrize("start", [HEAD + b"X: ", b"GET /", HEAD, HEAD + b"X", b"\r\n"])
def test_a_head_that_does_not_end_is_cut_off(server: Server, start: bytes) -> None:
    piece = b"\r\n" * 4096 if start == b"\r\n" else b"a" * 8192
    before = memory_kb(server)
    with connect(server) as client:
        client.sendall(start)
        try:
            for _ in range(2000):  # 16 MB, which are read and forgotten.
                client.sendall(piece)
        except OSError:
            pass
        said = answer(client)
    assert said == b"" or said.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))
    assert memory_kb(server) - before < 4_000


@pytest.mark.parametrize("junk", ["3;" + "e" * 70_000, "3\r\nabc\r\n0\r\nX: " + "t" * 70_000])
def test_what_frames_a_body_is_bounded_as_well(server: Server, junk: str) -> None:
    with connect(server) as client:
        head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        client.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        try:
            for n in range(0, len(junk), 8192):
                client.sendall(junk[n : n + 8192].encode())
                time.sleep(0.002)
        except OSError:
            pass
        said = answer(client)
    assert said == b"" or said.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 "))


def test_a_head_as_browsers_send_it_with_a_large_cookie_is_taken(server: Server) -> None:
    cookie = {f"X-{n}": "v" * 500 for n in range(90)}
    assert server.ask("GET", "/healthz", headers=cookie).status == 200


def test_what_is_not_http_is_told_so(server: Server) -> None:
    with connect(server) as client:
        client.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        assert answer(client).startswith(b"HTTP/1.1 400 ")


def test_connections_that_do_nothing_shut_nobody_out(server: Server, test_digits: Digits) -> None:
    with ExitStack() as stack:
        idle = [stack.enter_context(connect(server)) for _ in range(600)]
        for client in idle[-100:]:
            client.sendall(HEAD)  # And never its end.
        for _ in range(3):
            assert server.predict(test_digits[0][0].tolist()).status == 200


def test_a_client_that_has_too_many_at_work_is_told_when_to_come_back(server: Server) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with ExitStack() as stack:
        for _ in range(256):
            client = stack.enter_context(connect(server))
            client.sendall(head + b"Content-Length: 10\r\n\r\n{")
        time.sleep(0.5)
        with connect(server) as late:
            said = answer(late)
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 1\r\n" in said
    assert server.ask("GET", "/healthz").status == 200


@pytest.mark.parametrize("pieces", [1, 7, 4000])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_an_offer_to_upgrade_is_ignored_and_the_body_kept(
    server: Server, test_digits: Digits, pieces: int, framing: str
) -> None:
    body = json.dumps({"pixels": test_digits[0][0].tolist()}).encode()
    how = f"Content-Length: {len(body)}"
    if framing == "chunks":
        how = "Transfer-Encoding: chunked"
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    request = (
        f"POST /predict?model=mlp HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, "
        f"HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
        f"Content-Type: application/json\r\n{how}\r\n\r\n"
    ).encode() + body
    step = max(1, len(request) // pieces)
    with connect(server) as client, client.makefile("rb") as stream:
        for _ in range(2):  # The connection goes on as if nothing had been offered.
            for n in range(0, len(request), step):
                client.sendall(request[n : n + step])
            assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
            length = 0
            while (line := stream.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split()[1])
            document = json.loads(stream.read(length))
            assert document["predictions"][0]["label"] == str(test_digits[1][0])


def test_an_upgrade_without_a_body_is_ignored(server: Server) -> None:
    offered = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    assert server.ask("GET", "/healthz", headers=offered).status == 200


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl_that_would_rather_speak_http2_is_answered(server: Server, tmp_path: Path) -> None:
    digits = tmp_path / "digit"
    digits.write_bytes(bytes(784))
    url = f"{server.url}/predict?model=mlp"
    kind = "Content-Type: application/octet-stream"
    command = ["curl", "-sS", "--http2", "--data-binary", f"@{digits}", "-H", kind, url]
    said = subprocess.run(command, capture_output=True, check=True).stdout
    assert len(json.loads(said)["predictions"]) == 1


@pytest.mark.parametrize("method", ["CONNECT", "PRI"])
def test_methods_for_proxies_are_refused(server: Server, method: str) -> None:
    with connect(server) as client:
        client.sendall(f"{method} localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert answer(client).startswith(b"HTTP/1.1 400 ")


def test_accesses_are_logged_where_wanted(start: Callable[..., Any]) -> None:
    with start("--model", "mlp", "--access-log") as server:
        assert server.ask("GET", "/healthz?a=%0Ab").status == 200
        _, errors = server.stop()
    assert '"GET /healthz?a=%0Ab HTTP/1.1" 200' in errors
