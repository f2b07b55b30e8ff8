"""The application: which path is what, and which are open to all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from digit_runtime.errors import EngineError
from digit_runtime.serve.access import AccessCheck
from digit_runtime.serve.answering import Answering, refusing
from digit_runtime.serve.api import Api, health, openapi
from digit_runtime.serve.errors import Refusal
from digit_runtime.serve.limits import Limits
from digit_runtime.serve.loaded_models import LoadedModels

_INDEX: Final = "index.html"
_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}


def create_app(
    models: LoadedModels, limits: Limits, token: str | None, hosts: frozenset[str] | None
) -> Starlette:
    """Return the ASGI application.

    Args:
        models: What answers.
        limits: Bounds.
        token: What all must present who want more than the page, if anything.
        hosts: The names that it answers to; None is any.
    """
    api = Api(models, limits)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        api.close()

    open_routes = [
        *_page(),
        Route("/healthz", health),
        Route("/readyz", api.ready),
        Route("/openapi.json", openapi),
    ]
    routes = [
        Route("/predict", api.predict, methods=["POST"]),
        Route("/read", api.read, methods=["POST"]),
        Route("/models", api.models),
        Route("/samples", api.samples),
        Route("/metrics", api.metrics),
        *open_routes,
    ]
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(Answering, metrics=models.metrics),
            Middleware(
                AccessCheck, routes=routes, open_routes=open_routes, token=token, hosts=hosts
            ),
        ],
        exception_handlers={
            Refusal: _refused,
            EngineError: _failed,
            HTTPException: _http_error,
            Exception: _broken,
        },
        lifespan=lifespan,
    )
    # The address to go to would lack what a proxy has cut off before the path.
    app.router.redirect_slashes = False
    return app


def _page() -> list[Route]:
    """Return the routes of the page and all that belongs to it."""
    static = files("digit_runtime.serve").joinpath("static")
    return [
        Route("/" if file.name == _INDEX else f"/{file.name}", _serving(file))
        for file in static.iterdir()
        if file.name.rpartition(".")[2] in _TYPES
    ]


def _serving(file: Any) -> Any:
    content = file.read_bytes()
    headers = {"Content-Type": _TYPES[file.name.rpartition(".")[2]]}

    async def serve(request: Request) -> Response:
        return Response(content, headers=headers)

    return serve


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return refusing(error)


async def _failed(request: Request, error: Exception) -> Response:
    return refusing(Refusal(500, str(error)))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refusing(Refusal(error.status_code, error.detail, dict(error.headers or {})))


async def _broken(request: Request, error: Exception) -> Response:
    return refusing(Refusal(500, "the server has a fault; its log says more"))
