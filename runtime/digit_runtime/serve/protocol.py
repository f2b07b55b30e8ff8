"""HTTP on one connection, within bounds that uvicorn does not set.

uvicorn waits for ever for a request's head, lets it grow without end, lets one client take
all connections, and refuses the body of a request that offers to upgrade to HTTP/2, as
curl and Java do without being asked (uvicorn issue 2722).
"""

import asyncio
import json
from http import HTTPStatus
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from digit_runtime.serve.clients import owner_of
from digit_runtime.serve.errors import Refusal, unavailable
from digit_runtime.serve.limits import Limits

# Of the bytes that frame a body, chunk by chunk, this many for each of its own are honest.
_FRAMING: Final = 8
# What a client that is hung up on still sends is read so long, or it would lose the answer.
_LINGER_SECONDS: Final = 1.0
_OF_UPGRADES: Final = (b"upgrade", b"http2-settings", b"connection")


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools, with `Limits`."""

    limits = Limits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Welcome a client, or tell it to come back later."""
        self._refused = False
        self._upgrading = False
        self._head = self._lines = self._fed = self._body = 0
        self._seen: Any = None
        self._patience: asyncio.TimerHandle | None = None
        self.heard = self.loop.time()
        super().connection_made(transport)
        self.owner = owner_of(self.client)
        if not _make_room(self, self.connections, self.limits):
            self._refuse(unavailable("too many connections; try again"), linger=0)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        if self._patience:
            self._patience.cancel()
        super().connection_lost(exc)

    @property
    def idle(self) -> bool:
        """Whether no request of it is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        if self._refused:
            return
        self.heard = self.loop.time()
        self._unset_keepalive_if_required()
        self._fed += len(data)
        try:
            self._feed(data)
        except _HeadTooLong:
            self._refuse(self._too_long())
        except httptools.HttpParserError as error:
            long = isinstance(error.__context__, _HeadTooLong)
            self._refuse(self._too_long() if long else Refusal(400, "not an HTTP request"))
        else:
            # A head that has not ended yet, line or no line, or a body that is all framing.
            if self._fed - _FRAMING * self._body > self.limits.head_bytes:
                self._refuse(self._too_long())

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._head = self._lines = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count a part of the request line."""
        self._grow(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, or what follows a chunked body in their form."""
        self._lines += 1
        self._grow(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the parser takes what follows for another protocol."""
        self._upgrading = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._upgrading:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the end of a request."""
        self._fed = self._body = 0
        if not self._upgrading:
            super().on_message_complete()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # The parser ends at the head of such a request. A server may ignore the offer
            # (RFC 9110, 7.8): another parser gets the same request without it.
            head = self._without_upgrade()
            self.parser = httptools.HttpRequestParser(self)
            self._feed(head + data[upgrade.args[0] :])

    def _without_upgrade(self) -> bytes:
        close = any(
            name == b"connection" and b"close" in value.lower() for name, value in self.headers
        )
        kept = [header for header in self.headers if header[0] not in _OF_UPGRADES]
        kept += [(b"connection", b"close")] if close else []
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        lines += [name + b": " + value for name, value in kept]
        return b"\r\n".join([*lines, b"", b""])

    def _grow(self, more: int) -> None:
        self._head += more
        if self._head > self.limits.head_bytes or self._lines > self.limits.head_lines:
            raise _HeadTooLong

    def _too_long(self) -> Refusal:
        limits = self.limits
        return Refusal(
            431,
            f"a request's head may have {limits.head_bytes:,} bytes and {limits.head_lines} lines",
        )

    def _refuse(self, refusal: Refusal, linger: float = _LINGER_SECONDS) -> None:
        self._refused = True
        self.connections.discard(self)
        cycle = self.cycle
        # What is wrong is in the body that is being read, and nobody has answered it.
        unanswered = cycle is not None and cycle.more_body and not cycle.response_started
        if self.idle or unanswered:
            if unanswered:
                cycle.disconnected = True
                cycle.message_event.set()
            self.transport.write(_written(refusal))
        else:  # Its answer is on the way; another would end up inside it.
            linger = 0
        if linger:
            self.transport.write_eof()
            self.loop.call_later(linger, self.transport.close)
        else:
            self.transport.close()

    def _watch(self) -> None:
        self._patience = self.loop.call_later(self.limits.seconds, self._check)

    def _check(self) -> None:
        if self.idle and self.cycle is self._seen:
            self.transport.close()
            return
        self._seen = self.cycle
        self._watch()


class _HeadTooLong(Exception):
    pass


def _make_room(new: BoundedProtocol, connections: set[Any], limits: Limits) -> bool:
    """Hang up on an idle connection where a new one is too many; return whether it may stay.

    HTTP allows that at any time between two requests. So nobody is refused for the sake of
    connections that do nothing.
    """
    own = [other for other in connections if other.owner == new.owner]
    if len(own) > limits.client_connections:
        return _hang_up_on_an_idle_one(own, new)
    if len(connections) > limits.connections:
        return _hang_up_on_an_idle_one(list(connections), new)
    return True


def _hang_up_on_an_idle_one(some: list[Any], new: BoundedProtocol) -> bool:
    idle = [other for other in some if other.idle and other is not new]
    if not idle:
        return False
    longest = min(idle, key=lambda other: other.heard)
    longest.connections.discard(longest)
    longest.transport.close()
    return True


def _written(refusal: Refusal) -> bytes:
    body = json.dumps({"error": refusal.reason}).encode()
    headers = {
        "Content-Type": "application/json",
        "Content-Length": f"{len(body)}",
        "Connection": "close",
        **refusal.headers,
    }
    lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
