"""Nobody gets in without the token, whatever the path looks like."""

import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from digit_runtime.commands.serve import serve
from digit_runtime.serve.access import hosts_of
from hypothesis import given, settings
from hypothesis import strategies as st

Server = Any
TOKEN = "open sesame"
RIGHT = {"Authorization": f"Bearer {TOKEN}"}
GUARDED = ("/predict", "/models", "/samples", "/metrics")
OPEN = ("/", "/app.js", "/app.css", "/icon.svg", "/healthz", "/readyz", "/openapi.json")


def raw(server: Server, method: str, target: bytes, headers: bytes = b"") -> int:
    """Return the status that a path gets as it is, byte by byte; 0 where it hung up."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        host = f"Host: 127.0.0.1:{server.port}\r\n".encode()
        head = method.encode() + b" " + target + b" HTTP/1.1\r\n" + host + headers
        client.sendall(head + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        with client.makefile("rb") as answer:
            line = answer.readline()
    return int(line.split()[1]) if line else 0


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize(
    "odd",
    [
        *("{}", "{}%0A", "{}%0a", "{}%0D%0A", "{}%00", "{}/", "/{}", "//{}", "/.{}", "/..{}"),
        *("/x/..{}", "{}?", "{}?a=1", "{}%2F", "{};a", "{}#", "{}%23", "{}%3F", "%2F{}"),
        *("http://127.0.0.1{}", "http://example.org{}", "{}%20", "{}%C2%85", "{}%E2%80%A8"),
    ],
)
def test_no_form_of_a_path_is_answered_without_the_token(
    guarded: Server, path: str, odd: str
) -> None:
    every_letter = "/" + "".join(f"%{ord(letter):02X}" for letter in path[1:])
    for method in ("GET", "POST", "HEAD"):
        for form in (path, every_letter, path.upper()):
            status = raw(guarded, method, odd.format(form).encode())
            assert status in (400, 401), (method, odd.format(form), status)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_path_that_one_can_think_of_is(guarded: Server, data: st.DataObject) -> None:
    piece = st.sampled_from([*GUARDED, "/", "%0A", "%0D", "%09", "%2F", "..", "?", "\\", "%5C"])
    encoded = st.text(max_size=3).map(lambda text: quote(text, safe=""))
    path = data.draw(st.lists(piece | encoded, min_size=1, max_size=5).map("".join))
    method = data.draw(st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PUT"]))
    target = path if path.startswith("/") else f"/{path}"
    status = raw(guarded, method, target.encode())
    name = target.partition("?")[0]
    if status not in (400, 401):
        # What is open to all is the page alone, in whatever form the router knows it.
        assert name.replace("%0A", "") in OPEN, (method, target, status)


@pytest.mark.parametrize("path", GUARDED)
def test_the_token_lets_one_in(guarded: Server, path: str) -> None:
    method = "POST" if path == "/predict" else "GET"
    without = guarded.ask(method, path)
    assert (without.status, without.headers["www-authenticate"]) == (401, "Bearer")
    for wrong in ("Bearer open sesam", "Bearer open sesame!", "Basic open sesame", TOKEN, ""):
        assert guarded.ask(method, path, headers={"Authorization": wrong}).status == 401
    assert guarded.ask(method, path, headers=RIGHT).status == (415 if method == "POST" else 200)


def test_what_there_is_not_is_no_secret_for_those_who_may_ask(guarded: Server) -> None:
    assert guarded.ask("GET", "/nothing").status == 401
    assert guarded.ask("GET", "/nothing", headers=RIGHT).status == 404


@pytest.mark.parametrize("path", OPEN)
def test_the_page_is_open(guarded: Server, path: str) -> None:
    assert guarded.ask("GET", path).status == 200


def test_a_slash_too_many_is_no_detour_that_a_proxy_would_not_know(server: Server) -> None:
    for path in ("/models/", "/healthz/"):
        reply = server.ask("GET", path)
        assert reply.status == 404
        assert "location" not in reply.headers


@pytest.mark.parametrize("token", ["", " "])
def test_an_empty_token_is_refused_wherever_it_comes_from(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    assert run(serve, "--token", token, "--port", 0).exit_code == 2
    monkeypatch.setenv("DIGIT_SERVE_TOKEN", token)
    result = run(serve, "--port", 0)
    assert result.exit_code == 2
    assert "at least one" in result.stderr


@pytest.mark.parametrize(
    ("host", "bound", "more", "names"),
    [
        ("127.0.0.1", "127.0.0.1", (), {"localhost", "127.0.0.1"}),
        ("raspberrypi", "127.0.1.1", (), {"localhost", "raspberrypi"}),
        ("::1", "::1", ("Digits.Example.org.",), {"localhost", "::1", "digits.example.org"}),
        ("0.0.0.0", "0.0.0.0", (), None),
        ("0.0.0.0", "0.0.0.0", ("pi.lan",), {"localhost", "0.0.0.0", "pi.lan"}),
    ],
)
def test_the_names_of_a_server(
    host: str, bound: str, more: tuple[str, ...], names: set[str] | None
) -> None:
    assert hosts_of(host, bound, more) == (names if names is None else frozenset(names))


def test_a_server_goes_by_its_names_and_addresses_only(start: Callable[..., Any]) -> None:
    with start("--model", "mlp", "--allowed-host", "digits.example.org") as server:
        for host in ("digits.example.org", "DIGITS.example.org.:443", "localhost:1", "[::1]:80"):
            assert server.ask("GET", "/models", headers={"Host": host}).status == 200
        for host in ("example.org", "digits.example.org.evil.net", "localhost.evil.net"):
            reply = server.ask("GET", "/models", headers={"Host": host})
            assert reply.status == 421
            assert "--allowed-host" in reply.json["error"]


def test_a_name_as_host_is_a_name_of_the_server(start: Callable[..., Any]) -> None:
    with start("--model", "mlp", "--host", "localhost") as server:
        assert server.ask("GET", "/models", headers={"Host": "localhost"}).status == 200


@pytest.mark.parametrize("name", ["", "http://a.b", "a.b:80", "*.a.b"])
def test_what_is_no_name_is_not_taken_for_one(run: Callable[..., Any], name: str) -> None:
    assert run(serve, "--allowed-host", name).exit_code == 2


def test_a_request_has_one_host(server: Server) -> None:
    assert raw(server, "GET", b"/models") == 200
    assert raw(server, "GET", b"/models", b"Host: localhost\r\n") == 400
    assert raw(server, "GET", b"/models", b"hOST: example.org\r\n") == 400


def test_a_body_in_wrong_chunks_is_answered(server: Server) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    for body in (b"ZZ\r\n", b"2\r\n{}\r\nZZ\r\n"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            time.sleep(0.2)
            client.sendall(body)
            with client.makefile("rb") as answer:
                assert answer.read().startswith(b"HTTP/1.1 400 ")
