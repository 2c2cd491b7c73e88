"""What the page is told about the browser it runs in, and about who sits before it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MediaType(StrEnum):
    """What style sheets are asked to be for (CSS media types)."""

    SCREEN = "screen"
    PRINT = "print"


@dataclass(frozen=True, slots=True, kw_only=True)
class Geolocation:
    """A place that the page may ask for, in degrees and metres (WGS 84)."""

    latitude: float
    longitude: float
    accuracy_m: float = 1.0

    def __post_init__(self) -> None:
        for name in ("latitude", "longitude", "accuracy_m"):
            object.__setattr__(self, name, float(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Emulation:
    """What the page is told about the browser it runs in."""

    dark_mode: bool = False
    """prefers-color-scheme: dark."""
    reduced_motion: bool = False
    """prefers-reduced-motion: reduce."""
    media: MediaType | None = None
    """screen when None, but print on paper."""
    user_agent: str | None = None
    """Sent with every request and told to scripts; the browser's own when None."""
    timezone: str | None = None
    """IANA name, `Europe/Berlin`; the server's when None."""
    locale: str | None = None
    """BCP 47 tag, `de-CH`: of Accept-Language, navigator.language and Intl; en-US when None."""
    geolocation: Geolocation | None = None
    """None: the page is refused when it asks."""
