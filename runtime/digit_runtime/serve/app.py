"""The application: which path is what, who may ask, and what every answer carries."""

import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digit_runtime.errors import EngineError
from digit_runtime.serve.api import Api, health, openapi
from digit_runtime.serve.errors import Refusal
from digit_runtime.serve.limits import Limits
from digit_runtime.serve.loaded_models import Lanes
from digit_runtime.serve.metrics import Metrics

_PAGE: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/answers.js": ("answers.js", "text/javascript; charset=utf-8"),
    "/paper.js": ("paper.js", "text/javascript; charset=utf-8"),
    "/predictor.js": ("predictor.js", "text/javascript; charset=utf-8"),
    "/app.css": ("app.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
)
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def create_app(lanes: Lanes, limits: Limits, token: str | None, loopback: bool) -> Starlette:
    """Return the ASGI application.

    Args:
        lanes: The models.
        limits: Bounds.
        token: What the API's users must present, if anything.
        loopback: Whether only this machine is served. Then the Host must be one of its
            names, or a page on the web could have its own name point here.
    """
    api = Api(lanes, limits)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        api.close()

    guarded = {
        "/predict": (api.predict, "POST"),
        "/models": (api.models, "GET"),
        "/samples": (api.samples, "GET"),
        "/metrics": (api.metrics, "GET"),
    }
    open_to_all = {"/healthz": (health, "GET"), "/openapi.json": (openapi, "GET")}
    routes = [
        Route(path, endpoint, methods=[method])
        for path, (endpoint, method) in {**guarded, **open_to_all}.items()
    ]
    routes += [Route(path, _page(*what), methods=["GET"]) for path, what in _PAGE.items()]
    paths = frozenset([*guarded, *open_to_all, *_PAGE])
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(_Counted, metrics=lanes.metrics, paths=paths),
            Middleware(_Guard, token=token, guarded=frozenset(guarded), loopback=loopback),
        ],
        exception_handlers={Refusal: _refused, EngineError: _failed, HTTPException: _http_error},
        lifespan=lifespan,
    )


def _page(name: str, media_type: str) -> Any:
    content = files("digit_runtime.serve").joinpath("static", name).read_bytes()

    async def serve(request: Request) -> Response:
        return Response(content, headers={"Content-Type": media_type})

    return serve


class _Counted:
    """Counts and times requests, and adds the headers that browsers are to obey."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: frozenset[str]) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start = time.perf_counter()
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            # Other paths are the client's to invent, and each would be kept for ever.
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._metrics.request(path, status, time.perf_counter() - start)


class _Guard:
    """Refuses who may not ask."""

    def __init__(
        self, app: ASGIApp, token: str | None, guarded: frozenset[str], loopback: bool
    ) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode() if token else None
        self._guarded = guarded
        self._loopback = loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            if self._loopback and _host(headers.get(b"host", b"")) not in _LOOPBACK:
                refusal = Refusal(421, "this server is for the machine it runs on; see --host")
                return await _response(refusal)(scope, receive, send)
            if self._expected and scope["path"] in self._guarded:
                given = headers.get(b"authorization", b"")
                if not hmac.compare_digest(given, self._expected):
                    challenge = {"WWW-Authenticate": "Bearer"}
                    refusal = Refusal(401, "needs the server's token", challenge)
                    return await _response(refusal)(scope, receive, send)
        await self._app(scope, receive, send)


def _host(header: bytes) -> str:
    """Return a Host header without its port."""
    text = header.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


def _response(refusal: Refusal) -> Response:
    return JSONResponse({"error": refusal.reason}, refusal.status, refusal.headers)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return _response(error)


async def _failed(request: Request, error: Exception) -> Response:
    return _response(Refusal(500, str(error)))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _response(Refusal(error.status_code, error.detail, dict(error.headers or {})))
