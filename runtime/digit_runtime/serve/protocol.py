"""Hang up on clients that open a connection and then do not say what they want."""

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol


def patient_for(seconds: float) -> type[asyncio.Protocol]:
    """Return uvicorn's HTTP protocol with a limit to the wait for a request's head.

    uvicorn itself waits for ever for the first one, byte by byte if need be; the body is
    the application's to wait for.
    """

    class Protocol(AutoHTTPProtocol):  # type: ignore[misc,valid-type]
        _seen: Any = None
        _patience: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self._watch()

        def connection_lost(self, exc: Exception | None) -> None:
            if self._patience:
                self._patience.cancel()
            super().connection_lost(exc)

        def _watch(self) -> None:
            self._patience = self.loop.call_later(seconds, self._check)

        def _check(self) -> None:
            cycle = self.cycle
            idle = cycle is None or cycle.response_complete
            if idle and cycle is self._seen:
                self.transport.close()
                return
            self._seen = cycle
            self._watch()

    return Protocol
