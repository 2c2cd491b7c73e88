"""Shot: what a capture request is answered with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from calotype.cache.entry import Mode
from calotype.cache.store import OpenEntry
from calotype.capture.result import Phases
from calotype.storage.copying import Place


class Served(StrEnum):
    """How an answer came about, in the words of RFC 9211."""

    HIT = "hit"
    """From the cache."""
    MISS = "miss"
    """Rendered for this caller."""
    COLLAPSED = "collapsed"
    """Rendered for another caller, and shared."""
    STALE = "stale"
    """From the cache, past its time: see the detail."""


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
    """None for what was served without asking it."""
    stored: bool = True
    detail: str | None = None
    """Why it was not stored: `verdict`, `purged`, `superseded`, `lease-lost`, `too-large`, `no-room`, or a
    StoreUnavailable's own. Or why it is served though stale: a new one is being made (`swr`, or `soft-purged`
    after such a purge), or could not be (`sie`). Of what was stored: `soft-purged` if such a purge overtook
    the render."""
    failed_status: int | None = None
    """What the page answered when it was asked for a new picture, in vain."""
    queue_ms: int | None = None
    """How long the render waited for its turn; None for what was not rendered."""
    phases: Phases | None = None
    """Where the time of the render went; None for what was not rendered."""
    inherited: bool = False
    """Whether who began the render it shares has left, and it is this caller's who got it first."""
    copied_to: Place | None = None
    """Where the account's own copy is, or soon will be, if there is to be one."""

    @property
    def is_own_expense(self) -> bool:
        """Whether it was rendered for its caller, or for one who has left it to him."""
        return self.served is Served.MISS or self.inherited

    def credits(self, mode: Mode) -> int:
        """Return what it costs: one for a picture that was rendered for its caller with a live key."""
        return int(self.is_own_expense and mode is Mode.LIVE)

    @property
    def addressed(self) -> bool:
        """Whether its public URL leads to it."""
        return self.stored and self.served is not Served.STALE and not self.opened.entry.softened
