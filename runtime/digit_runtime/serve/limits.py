"""What the server takes from one request and from all of them, so that none can starve it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds; beyond them a request is refused and the others go on."""

    head_bytes: int = 65_536
    """Of a request line with all its headers."""
    head_lines: int = 100
    body_bytes: int = 8_000_000
    """Of one request: a photo, or the JSON of a thousand digits with room to spare."""
    image_pixels: int = 16_000_000
    """Of one picture once it is decoded, whatever its bytes."""
    image_side: int = 16_384
    """Of one picture: what is longer than that is no picture of a digit."""
    held_bytes: int = 64_000_000
    """Of all bodies that are arriving or being decoded."""
    client_held_bytes: int = 32_000_000
    """Of these, those of one client: its pages may be as long as any; see `client_pages`."""
    decoders: int = 2
    """Bodies that are decoded at a time; the largest picture takes some 250 MB meanwhile."""
    readers: int = 2
    """Pages that are read at a time."""
    waiting_pages: int = 16
    """Requests to read that are at work or wait for it."""
    client_pages: int = 4
    """Of these, those of one client; see `client_connections`."""
    pages: int = 8
    """Of one file, a TIFF."""
    rows: int = 1024
    """Digits in one request."""
    waiting_rows: int = 4096
    """Digits of all requests that wait for one model."""
    seconds: float = 10.0
    """For a client to send its request, and between two requests of a connection."""
    connections: int = 1024
    client_connections: int = 256
    """Of one address; of an IPv6 network of 64 bits, which is one customer's."""
    ready_seconds: float = 5.0
    """For the model to answer the question whether it answers."""
    stopping_seconds: int = 120
    """For answering what was accepted before the server stops."""
