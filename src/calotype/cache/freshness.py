"""What an entry is worth at a given moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from calotype.cache.entry import CacheEntry


@dataclass(frozen=True, slots=True)
class Hit:
    """The entry may be served."""

    entry: CacheEntry


@dataclass(frozen=True, slots=True)
class Stale:
    """The entry may be served, and said to be stale, if a new one is made behind the caller's back."""

    entry: CacheEntry


@dataclass(frozen=True, slots=True)
class Miss:
    """There is nothing to serve before the browser was asked."""

    expired: bool = False
    """Whether there once was."""
    fallback: CacheEntry | None = None
    """What may be served, and said to be stale, if the browser gets no picture."""


Lookup = Hit | Stale | Miss


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How long past its lifetime an entry may serve, in seconds (RFC 5861)."""

    swr_s: int
    """stale-while-revalidate"""
    sie_s: int
    """stale-if-error"""


UNLIMITED = Windows(swr_s=2**31, sie_s=2**31)


def classify(entry: CacheEntry | None, now: datetime, accepted: Windows = UNLIMITED) -> Lookup:
    """Say what entry is worth at now, to a caller who accepts no longer windows than these.

    An entry is stale at the instant its lifetime ends (RFC 9111 section 4.2); the windows follow
    RFC 5861: section 3 for Stale, section 4 for the fallback. What a soft purge made stale before
    its time is served as Stale until that time, unless the caller accepts nothing stale at all.
    """
    if entry is None:
        return Miss()
    if now < entry.fresh_until and not entry.softened:
        return Hit(entry)
    past = now - entry.fresh_until
    if accepted.swr_s > 0 and past < timedelta(seconds=min(entry.swr_s, accepted.swr_s)):
        return Stale(entry)
    within = accepted.sie_s > 0 and past < timedelta(seconds=min(entry.sie_s, accepted.sie_s))
    return Miss(expired=True, fallback=entry if within else None)
