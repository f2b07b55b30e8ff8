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


def overloaded() -> Refusal:
    """Return the refusal of what would have to wait for too long."""
    return Refusal(503, "too many digits are waiting; try again", {"Retry-After": "1"})
