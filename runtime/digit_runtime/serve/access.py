"""Who may ask: the names that the server answers to, and its token."""

import hmac
from collections.abc import Collection, Sequence
from ipaddress import ip_address
from typing import Final

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from digit_runtime.serve.answering import refusing
from digit_runtime.serve.errors import Refusal

_LOCAL: Final = "localhost"


class AccessCheck:
    """Refuses who may not ask.

    What was asked for is what the router finds, not what the path looks like; and all that
    is not open needs the token, also what there is not.
    """

    def __init__(
        self,
        app: ASGIApp,
        routes: Sequence[BaseRoute],
        open_routes: Collection[BaseRoute],
        token: str | None,
        hosts: frozenset[str] | None,
    ) -> None:
        """Guard `routes` but for `open_routes`; None as token or hosts lets everybody in."""
        self._app = app
        self._routes = routes
        self._open = open_routes
        self._expected = f"Bearer {token}".encode() if token is not None else None
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or hand on."""
        if scope["type"] == "http":
            try:
                self._check(scope)
            except Refusal as refusal:
                return await refusing(refusal)(scope, receive, send)
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        if sum(name == b"host" for name, _ in scope["headers"]) > 1:
            raise Refusal(400, "a request has one Host")
        host = _host(headers.get(b"host", b""))
        if self._hosts is not None and not (host in self._hosts or _is_address(host)):
            raise Refusal(
                421, "this server does not go by that name; digit-serve --allowed-host adds names"
            )
        route = scope["route"] = self._route(scope)
        if self._expected is None or route in self._open:
            return
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            raise Refusal(401, "needs the server's token", {"WWW-Authenticate": "Bearer"})

    def _route(self, scope: Scope) -> BaseRoute | None:
        matches = [(route.matches(scope)[0], route) for route in self._routes]
        for wanted in (Match.FULL, Match.PARTIAL):
            for match, route in matches:
                if match is wanted:
                    return route
        return None


def hosts_of(host: str, bound: str, more: Sequence[str]) -> frozenset[str] | None:
    """Return the names that a request's Host may have; None is any.

    On the loopback address a page of the web could have its own name point here, and then
    ask as if it were ours. An address instead of a name cannot be had so.

    Args:
        host: What the server was told to listen at.
        bound: The address that this is.
        more: Other names of it, a proxy's for example.
    """
    if not more and not is_loopback(bound):
        return None
    return frozenset(name.lower().rstrip(".") for name in (_LOCAL, host, *more))


def is_loopback(address: str) -> bool:
    """Return whether only this machine can reach that address."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return address == _LOCAL


def _is_address(host: str) -> bool:
    # Without one asks an old client, or a probe, but no browser.
    try:
        return not host or bool(ip_address(host))
    except ValueError:
        return False


def _host(header: bytes) -> str:
    """Return a Host header without its port."""
    text = header.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")
