"""Early refresh: a picture that many ask for is made anew shortly before it expires, so that nobody waits.

XFetch (Vattani, Chierichetti, Lowenstein 2015): each hit decides for itself by a throw of dice, the more
likely to refresh the less time is left and the longer a render takes. So the moment is spread, and needs
no agreement; that only one of those who decide so renders is the lease's work.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from calotype.cache.entry import CacheEntry

HOT_HITS = 10
"""Hits near its end that make an entry hot. What is asked for now and then is left to expire: to
render it for nobody would double the work for it."""
_SHARE = 10
"""Only in the last tenth of a lifetime: a page that takes long against its ttl is not rendered endlessly."""
_MAX_COUNTED = 10_000


def early_from(entry: CacheEntry) -> datetime:
    """Return the moment from which on a hit may lead to an early refresh."""
    return entry.fresh_until - timedelta(seconds=entry.ttl_s) / _SHARE


class EarlyRefresh:
    """Counts hits near the end of entries, and throws the dice."""

    def __init__(self, draw: Callable[[], float] = random.random) -> None:
        self._draw = draw
        self._hits: dict[str, int] = {}
        """By blob: a new picture begins anew."""

    def due(self, entry: CacheEntry, now: datetime) -> bool:
        """Count a hit on entry; say whether it should be captured anew already."""
        if now < early_from(entry):
            return False
        if len(self._hits) >= _MAX_COUNTED:
            self._hits.clear()
        hits = self._hits[entry.blob_id] = self._hits.get(entry.blob_id, 0) + 1
        left_s, draw = (entry.fresh_until - now).total_seconds(), self._draw()
        return hits >= HOT_HITS and (draw <= 0 or left_s <= -math.log(draw) * entry.render_ms / 1000)
