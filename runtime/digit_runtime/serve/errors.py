"""Why a request is refused: an HTTP status and a sentence for whoever sent it."""

from digit_runtime.errors import DigitError


class ServerStartError(DigitError, OSError):
    """The server cannot start: the address is taken, or not this machine's."""


class Refusal(Exception):
    """Ends a request with an error status; `headers` go with it."""

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers or {}


def unavailable(reason: str) -> Refusal:
    """Return the refusal of what may be tried again in a second."""
    return Refusal(503, reason, {"Retry-After": "1"})


def overloaded() -> Refusal:
    """Return the refusal of what would have to wait for too long."""
    return unavailable("too many digits are waiting; try again")
