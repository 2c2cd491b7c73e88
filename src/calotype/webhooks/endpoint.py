"""Endpoint: the address that an account has set to be told of all that happens to its captures."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from calotype.cache.entry import Namespace
from calotype.webhooks.event import EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What an account in one mode has set."""

    namespace: Namespace
    sealed: bytes = field(repr=False)
    """Its Target."""
    events: frozenset[EventKind]
    """What is told of."""
    hits: bool
    """Whether pictures are told of that were there already."""
    set_at: datetime

    def wants(self, kind: EventKind, *, hit: bool = False) -> bool:
        """Say whether it is to be told of an event of this kind; hit: of a picture from the cache."""
        return kind in self.events and (self.hits or not hit)
