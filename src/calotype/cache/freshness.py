"""What an entry is worth at a given moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from calotype.cache.entry import CacheEntry


@dataclass(frozen=True, slots=True)
class Hit:
    """The entry may be served."""

    entry: CacheEntry


@dataclass(frozen=True, slots=True)
class Miss:
    """There is nothing to serve; expired says whether there once was."""

    expired: bool = False


Lookup = Hit | Miss


def classify(entry: CacheEntry | None, now: datetime) -> Lookup:
    """Say what entry is worth at now.

    An entry is stale at the instant its lifetime ends (RFC 9111 section 4.2), and a stale
    entry is not served.
    """
    if entry is None:
        return Miss()
    if now >= entry.fresh_until:
        return Miss(expired=True)
    return Hit(entry)
