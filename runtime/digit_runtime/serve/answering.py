"""Answers in the form that all have: JSON, and headers that browsers are to obey."""

import asyncio
import time
from typing import Final

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digit_runtime.serve.errors import Refusal, unavailable
from digit_runtime.serve.metrics import Metrics

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


def refusing(refusal: Refusal) -> Response:
    """Return the answer that says why."""
    return JSONResponse({"error": refusal.reason}, refusal.status, refusal.headers)


class Answering:
    """Counts and times requests, completes their answers, and ends those cut short."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start = time.perf_counter()
        status = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except asyncio.CancelledError:
            # The server stops, and has waited for as long as it may.
            if status is None:
                await refusing(unavailable("the server stops"))(scope, receive, send_with_headers)
        finally:
            # Other paths are the client's to invent, and each would be kept for ever.
            path = getattr(scope.get("route"), "path", "other")
            self._metrics.request(path, status or 500, time.perf_counter() - start)
