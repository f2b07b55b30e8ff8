import asyncio
import http.client
import io
import json
import os
import shutil
import signal
import socket
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from digit_runtime import load
from digit_runtime.commands.serve import serve
from digit_runtime.contract import Labels, Pixels
from digit_runtime.serve.body import Intake
from digit_runtime.serve.errors import Refusal
from digit_runtime.serve.limits import Limits
from PIL import Image
from starlette.requests import Request

Digits = tuple[Pixels, Labels]
Server = Any


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


# As small as it is, it claims to hold 784 GB.
HUGE_NPY = npy(np.zeros((1, 784), np.uint8)).replace(
    b"(1, 784), }         ", b"(1000000000, 784), }"
)


def test_answers_are_those_of_the_runtime(server: Server, test_digits: Digits) -> None:
    pixels = test_digits[0][:50]
    reply = server.predict(pixels.tolist())
    assert reply.status == 200
    expected = load("cnn", engine=reply.json["engine"]).predict_proba(pixels)
    found = [prediction["probabilities"] for prediction in reply.json["predictions"]]
    np.testing.assert_allclose(found, expected, atol=2e-6)
    labels = [prediction["label"] for prediction in reply.json["predictions"]]
    assert labels == [str(digit) for digit in expected.argmax(axis=1)]
    assert 0 < reply.json["engine_milliseconds"] <= reply.json["milliseconds"]


def test_programs_send_bytes_or_arrays(server: Server, test_digits: Digits) -> None:
    pixels = test_digits[0][:70]
    expected = server.predict(pixels.tolist()).json["predictions"]
    images = pixels.reshape(-1, 28, 28)
    for body in (
        pixels.tobytes(),
        *(
            npy(array)
            for array in (pixels, images, np.asfortranarray(images), pixels.astype(">i4"))
        ),
    ):
        reply = server.ask("POST", "/predict", body, {"Content-Type": "application/octet-stream"})
        assert reply.status == 200, reply.json
        assert reply.json["predictions"] == expected
    alone = npy(images[0])
    reply = server.ask("POST", "/predict", alone, {"Content-Type": "application/octet-stream"})
    assert [prediction["label"] for prediction in reply.json["predictions"]] == [
        expected[0]["label"]
    ]


def test_a_body_that_was_made_smaller_is_not_guessed_at(server: Server) -> None:
    headers = {"Content-Type": "application/octet-stream", "Content-Encoding": "gzip"}
    assert server.ask("POST", "/predict", bytes(784), headers).status == 415


def test_one_digit_needs_no_list_of_lists(server: Server, test_digits: Digits) -> None:
    reply = server.predict(test_digits[0][0].tolist())
    assert [len(reply.json["predictions"]), reply.status] == [1, 200]


def test_pictures_anywhere_on_the_paper_are_read_as_well(
    server: Server, test_digits: Digits
) -> None:
    rows = 600
    pixels, labels = test_digits[0][:rows], test_digits[1][:rows]
    random = np.random.default_rng(0)

    def drawn(row: int) -> bool:
        size = int(random.integers(120, 200))
        digit = Image.fromarray(255 - pixels[row].reshape(28, 28)).resize((size, size))
        paper = Image.new("L", (280, 280), 255)
        left, top = (int(v) for v in random.integers(0, 280 - size, 2))
        paper.paste(digit, (left, top))
        reply = server.image(png(np.asarray(paper)))
        return bool(reply.json["predictions"][0]["label"] == str(labels[row]))

    right = sum(drawn(row) for row in range(rows))
    directly = int((load("cnn", engine="onnxruntime").predict(pixels) == labels).sum())
    assert (directly - right) / rows <= 0.003


def test_the_form_that_a_picture_was_brought_to_comes_back(
    server: Server, test_digits: Digits
) -> None:
    reply = server.image(png(test_digits[0][3].reshape(28, 28)))
    assert np.array(reply.json["pixels"]).shape == (784,)
    assert server.predict(reply.json["pixels"]).json["predictions"] == reply.json["predictions"]


@pytest.mark.parametrize(
    ("query", "file", "engine"),
    [
        ("?model=mlp&format=tflite", "mlp-int8.tflite", "litert"),
        ("?model=mlp&engine=numpy", "mlp-int8.onnx", "numpy"),
        ("?precision=int8&format=onnx&engine=onnxruntime", "cnn-int8.onnx", "onnxruntime"),
    ],
)
def test_another_file_or_engine_can_be_asked_for(
    server: Server, test_digits: Digits, query: str, file: str, engine: str
) -> None:
    reply = server.predict(test_digits[0][:5].tolist(), query)
    assert (reply.json["file"], reply.json["engine"]) == (file, engine)
    answers = [prediction["label"] for prediction in reply.json["predictions"]]
    assert answers == [str(label) for label in test_digits[1][:5]]


def test_what_is_offered_can_be_had(server: Server, test_digits: Digits) -> None:
    document = server.ask("GET", "/models").json
    assert document["default"]["model"] == "cnn"
    assert {model["model"] for model in document["models"]} >= {"mlp", "tiny", "cnn"}
    (mlp,) = [model for model in document["models"] if model["model"] == "mlp"]
    for file in mlp["files"]:
        if file["precision"] == "int8":
            query = "&".join(f"{key}={file[key]}" for key in ("format", "precision", "engine"))
            assert server.predict(test_digits[0][0].tolist(), f"?model=mlp&{query}").status == 200


def test_no_model_is_loaded_for_a_body_that_is_no_digit(server: Server) -> None:
    query = "?model=mlp&format=onnx&precision=int8&engine=numpy"
    assert server.ask("POST", f"/predict{query}", b"x", {"Content-Type": "text/x"}).status == 415
    octets = {"Content-Type": "application/octet-stream"}
    assert server.ask("POST", f"/predict{query}", b"x", octets).status == 400


def test_samples_are_digits_that_the_model_reads(server: Server) -> None:
    document = server.ask("GET", "/samples?model=mlp").json
    assert np.array(document["pixels"]).shape == (30, 784)


@pytest.mark.parametrize(
    ("path", "body", "kind", "status", "said"),
    [
        ("/predict", b"{", "application/json", 400, "not JSON"),
        ("/predict", b"[" * 100_000, "application/json", 400, "not JSON"),
        ("/predict", b"{}", "application/json", 400, "784 numbers"),
        ("/predict", b'{"pixels": []}', "application/json", 400, "784 numbers"),
        ("/predict", b'{"pixels": [1, 2]}', "application/json", 400, "shape"),
        ("/predict", b'{"pixels": ["a"]}', "application/json", 400, "pixels"),
        ("/predict", json.dumps({"pixels": [True] + [0] * 783}), "application/json", 400, "true"),
        ("/predict", json.dumps({"pixels": [[False] * 784] * 20}), "application/json", 400, "true"),
        ("/predict", '{"pixels": [NaN]}', "application/json", 400, ""),
        (
            "/predict",
            json.dumps({"pixels": [0] * 784}).encode("utf-16"),
            "application/json",
            400,
            "JSON",
        ),
        ("/predict", b"", "application/octet-stream", 400, "784 bytes"),
        ("/predict", b"x" * 785, "application/octet-stream", 400, "784 bytes"),
        ("/predict", b"x" * 784 * 1025, "application/octet-stream", 413, "1,024"),
        (
            "/predict",
            npy(np.zeros((1025, 784), np.uint8)),
            "application/octet-stream",
            413,
            "1,024",
        ),
        ("/predict", npy(np.zeros((0, 784), np.uint8)), "application/octet-stream", 400, "none"),
        ("/predict", npy(np.zeros((2, 783), np.uint8)), "application/octet-stream", 400, "shape"),
        ("/predict", npy(np.full((2, 784), 300)), "application/octet-stream", 400, "0 to 255"),
        ("/predict", npy(np.full((2, 784), 0.5)), "application/octet-stream", 400, "multiply"),
        ("/predict", npy(np.array([{}])), "application/octet-stream", 400, "whole numbers"),
        ("/predict", HUGE_NPY, "application/octet-stream", 400, "its head"),
        ("/predict", b"\x93NUMPY\x01\x00\xff\xff{", "application/octet-stream", 400, ".npy"),
        ("/predict?model=mlp&precision=float32", b"x", "text/plain", 415, "octet-stream"),
        ("/predict", b'{"pixels": [[1], [1, 2]]}', "application/json", 400, "pixels"),
        ("/predict", json.dumps({"pixels": [0.5] * 784}), "application/json", 400, "multiply"),
        ("/predict", json.dumps({"pixels": [256] * 784}), "application/json", 400, "0 to 255"),
        ("/predict", json.dumps({"pixels": [10**30] * 784}), "application/json", 400, ""),
        ("/predict", json.dumps({"pixels": [[0] * 784] * 1025}), "application/json", 413, "1,024"),
        ("/predict", b"x" * 8_000_001, "application/json", 413, "8,000,000 bytes"),
        ("/predict", b"not an image", "image/png", 400, "cannot be read"),
        ("/predict", b"", "image/png", 400, ""),
        ("/predict", b"a=1", "application/x-www-form-urlencoded", 415, "application/json"),
        ("/predict", b"{}", "text/plain", 415, "application/json"),
        ("/predict?model=none", b"{}", "application/json", 404, "no model 'none'"),
        ("/predict?model=../cnn", b"{}", "application/json", 404, "no model"),
        ("/predict?model=cnn&format=exe", b"{}", "application/json", 404, "format"),
        ("/predict?file=/etc/passwd", b"{}", "application/json", 400, "unknown parameter"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong(
    server: Server, path: str, body: bytes | str, kind: str, status: int, said: str
) -> None:
    content = body.encode() if isinstance(body, str) else body
    reply = server.ask("POST", path, content, {"Content-Type": kind})
    assert reply.status == status
    assert said in reply.json["error"]
    assert os.sep + "artifacts" not in reply.json["error"]


def test_a_picture_that_would_fill_the_memory_is_refused(server: Server) -> None:
    reply = server.image(png(np.zeros((5000, 5000), np.uint8)))
    assert (reply.status, reply.json["error"]) == (413, "a picture may have 16,000,000 pixels")


@pytest.mark.parametrize("size", [(20_000, 3), (3, 20_000)])
def test_a_picture_that_is_a_thread_is_refused(server: Server, size: tuple[int, int]) -> None:
    reply = server.image(png(np.zeros(size, np.uint16)))
    assert (reply.status, reply.json["error"]) == (
        413,
        "a picture may be 16,384 pixels wide and high",
    )


def test_a_picture_that_is_larger_than_pillow_opens_is_refused_alike(server: Server) -> None:
    head = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    bomb = png(np.zeros((1, 1), np.uint8))
    # Its head alone says how large it is: 8 bytes of signature, 4 of length, 4 of checksum.
    bomb = bomb[:12] + head + struct.pack(">I", zlib.crc32(head)) + bomb[33:]
    reply = server.image(bomb)
    assert (reply.status, reply.json["error"]) == (413, "a picture may have 16,000,000 pixels")


def test_memory_for_all_bodies_is_bounded() -> None:
    async def ask(intake: Intake, parts: list[bytes]) -> Pixels:
        chunks = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        arriving = iter([*chunks, {"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Any:
            await asyncio.sleep(0)
            return next(arriving)

        headers = [(b"content-type", b"application/json")]
        request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
        return (await intake.digits(request)).pixels

    async def story() -> list[object]:
        body = json.dumps({"pixels": [7] * 784}).encode()
        intake = Intake(Limits(held_bytes=2 * len(body)))
        parts = [body[:1000], body[1000:]]
        together = (ask(intake, parts) for _ in range(3))
        three = await asyncio.gather(*together, return_exceptions=True)
        after = [await ask(intake, parts) for _ in range(3)]
        intake.close()
        return [*three, *after]

    answers = asyncio.run(story())
    refused = [answer for answer in answers[:3] if isinstance(answer, Refusal)]
    assert [(refusal.status, refusal.headers) for refusal in refused] == [
        (503, {"Retry-After": "1"})
    ]
    assert all(np.all(answer == 7) for answer in answers if not isinstance(answer, Refusal))
    assert not any(isinstance(answer, Exception) for answer in answers[3:])


def test_paths_and_methods_that_there_are_not(server: Server) -> None:
    assert server.ask("GET", "/../../etc/passwd").status == 404
    assert server.ask("GET", "/predict").status == 405
    assert server.ask("POST", "/models").status == 405


def test_other_sites_are_not_let_in(server: Server) -> None:
    asked = server.ask(
        "OPTIONS",
        "/predict",
        headers={"Origin": "http://example.org", "Access-Control-Request-Method": "POST"},
    )
    assert "access-control-allow-origin" not in asked.headers
    # A name of theirs that points to this machine.
    assert server.ask("GET", "/models", headers={"Host": "example.org"}).status == 421


def test_the_page_carries_what_browsers_are_to_obey(server: Server) -> None:
    page = server.ask("GET", "/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"
    for path in ("/app.js", "/app.css", "/icon.svg"):
        assert server.ask("GET", path).status == 200
    text = page.body + server.ask("GET", "/app.js").body + server.ask("GET", "/app.css").body
    assert b"http://" not in text
    assert b"https://" not in text


def test_metrics_count_requests_and_name_the_model(server: Server, test_digits: Digits) -> None:
    def count() -> float:
        text = server.ask("GET", "/metrics").body.decode()
        prefix = 'digit_requests_total{path="/predict",status="200"} '
        return float(
            next(line for line in text.splitlines() if line.startswith(prefix))[len(prefix) :]
        )

    server.predict(test_digits[0][0].tolist())
    before = count()
    for _ in range(3):
        server.predict(test_digits[0][0].tolist())
    assert count() == before + 3
    text = server.ask("GET", "/metrics").body.decode()
    assert 'digit_model_info{engine="' in text
    assert 'digit_request_seconds_bucket{le="0.01",path="/predict"}' in text
    server.ask("GET", "/made/up")
    assert "/made/up" not in server.ask("GET", "/metrics").body.decode()


def test_many_clients_at_once_get_their_own_answers(server: Server, test_digits: Digits) -> None:
    rows = 200
    with ThreadPoolExecutor(16) as threads:
        replies = list(
            threads.map(
                lambda row: server.predict(test_digits[0][row].tolist(), "?model=mlp"), range(rows)
            )
        )
    engine = replies[0].json["engine"]
    expected = load("mlp", engine=engine).predict(test_digits[0][:rows])
    answers = [reply.json["predictions"][0]["label"] for reply in replies]
    assert answers == [str(digit) for digit in expected]


def test_slow_and_vanished_clients_harm_nobody(server: Server, test_digits: Digits) -> None:
    def connect(content: bytes) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(content)
        return client

    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    silent = connect(b"")
    half_a_head = connect(head)
    half_a_body = connect(head + b"Content-Length: 5000\r\n\r\n{")
    # These hang up in the middle, one of them with an answer under way.
    connect(head + b"Content-Length: 5000\r\n\r\n{").close()
    body = json.dumps({"pixels": [[0] * 784] * 500}).encode()
    connect(head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body).close()
    connect(b"\x16\x03\x01 not HTTP\r\n\r\n").close()
    reply = server.predict(test_digits[0][0].tolist())
    assert reply.json["predictions"][0]["label"] == str(test_digits[1][0])
    for client in (silent, half_a_head, half_a_body):
        client.settimeout(40)
        said = client.recv(10_000)
        client.close()
        # Told that it was too slow, or hung up on.
        assert said == b"" or said.startswith(b"HTTP/1.1 408")
    assert server.predict(test_digits[0][0].tolist()).status == 200


@pytest.mark.parametrize("token", ["sésame", "a\nb"])
def test_a_token_that_protects_nothing_is_refused(run: Callable[..., Any], token: str) -> None:
    result = run(serve, "--token", token, "--port", 0)
    assert result.exit_code == 2
    assert "printable ASCII" in result.stderr


def test_a_damaged_file_is_told_without_the_servers_folders(
    start: Callable[..., Any], artifacts: Path, tmp_path: Path
) -> None:
    for model in ("cnn", "mlp", "tiny"):
        shutil.copytree(artifacts / model, tmp_path / model)
    damaged = tmp_path / "mlp" / "onnx" / "mlp-int8.onnx"
    damaged.write_bytes(damaged.read_bytes() + b"x")
    with start("--artifacts", str(tmp_path)) as server:
        query = "?model=mlp&format=onnx&precision=int8"
        reply = server.predict([0] * 784, query)
        assert (reply.status, reply.json["error"].partition(": ")[0]) == (
            500,
            f"mlp{os.sep}onnx{os.sep}mlp-int8.onnx",
        )
        assert str(tmp_path) not in reply.json["error"]
        assert server.predict([0] * 784).status == 200


def test_the_token_comes_from_the_environment_too(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGIT_SERVE_TOKEN", "open sesame")
    with start("--model", "mlp") as server:
        assert server.predict([0] * 784).status == 401
        assert server.predict([0] * 784, Authorization="Bearer open sesame").status == 200


@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_what_was_accepted_is_answered_before_it_stops(
    start: Callable[..., Any], how: signal.Signals, test_digits: Digits
) -> None:
    with start("--model", "cnn", "--threads", "1") as server:
        body = json.dumps({"pixels": test_digits[0][:1000].tolist()}).encode()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        # Connections are taken in their order: once this is answered, that one was, too.
        for _ in range(2):
            assert server.ask("GET", "/healthz").status == 200
        code, errors = server.stop(how)
        reply = connection.getresponse()
        assert len(json.loads(reply.read())["predictions"]) == 1000
        connection.close()
    assert (code, errors) == (0, "stopped\n")


def test_an_address_that_is_taken_is_one_line(server: Server, run: Callable[..., Any]) -> None:
    result = run(serve, "--port", server.port)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"Error: cannot listen at 127.0.0.1, port {server.port}: ")
    assert "--port" in line


def test_a_model_that_there_is_not_is_one_line(run: Callable[..., Any]) -> None:
    result = run(serve, "--model", "none", "--port", 0)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: no model 'none' in ")


def test_without_the_extra_it_says_how_to_get_it(
    run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    for name in [
        name for name in sys.modules if name.startswith(("digit_runtime.serve.", "uvicorn"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    result = run(serve)
    assert result.exit_code == 1
    assert 'needs uvicorn: pip install "digit-runtime[serve]"' in result.stderr
