"""Shot: what a capture request is answered with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from calotype.cache.store import OpenEntry


class Served(StrEnum):
    """How an answer came about, in the words of RFC 9211."""

    HIT = "hit"
    """From the cache."""
    MISS = "miss"
    """Rendered for this caller."""
    COLLAPSED = "collapsed"
    """Rendered for another caller, and shared."""


class Forward(StrEnum):
    """Why the browser was asked (RFC 9211 section 2.2)."""

    MISS = "uri-miss"
    EXPIRED = "stale"
    REFRESH = "request"
    BYPASS = "bypass"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A picture for one caller, and how it stands with the cache."""

    opened: OpenEntry
    """When not stored, its entry's times mean nothing and its names lead nowhere."""
    served: Served
    forward: Forward | None = None
    """None for a hit."""
    stored: bool = True
    detail: str | None = None
    """Why it was not stored: `verdict`, `purged`, `superseded`, `lease-lost`, `too-large`, `no-room`, or a
    StoreUnavailable's own."""
