"""What passes between a visitor and the site."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """What a visitor asked for; header names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    visit: int
    """1 for the first visit of this path, then 2, and so on."""
    site: str
    """host:port of the site."""
    head: str = ""
    """All of it, as it came."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the visitor gets."""

    body: bytes | str = b""
    status: int = 200
    media_type: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    delay_ms: int = 0
    stays_open: bool = False
    """Send the body and then keep the connection open, as an event stream does."""
    drips: str = ""
    """Go on with a byte each 100 ms and never end: in the `head`, or after the `body`."""


class Reset(Exception):
    """Break the connection with a TCP reset instead of answering."""


class Hangup(Exception):
    """Close the connection without a word."""
