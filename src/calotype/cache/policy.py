"""How long entries live, and what a client may wish for about the cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from calotype.cache.entry import CacheKey
from calotype.cache.freshness import UNLIMITED, Windows
from calotype.cache.key import check_custom_key
from calotype.cache.tags import NO_TAGS, Tags, read_tags
from calotype.capture.fields import Fields

DEFAULT_TTL_S = 86_400
MAX_TTL_S = 2_592_000
"""30 days, the compatible service's bound."""
DEFAULT_WINDOWS = Windows(swr_s=0, sie_s=86_400)
"""Who asks for a page that has expired gets it as it is now, unless they said that the old one will do; but
a page that is down keeps its last good picture for a day."""
NO_WINDOWS = Windows(swr_s=0, sie_s=0)
MAX_WINDOW_S = 2_592_000


class HitsWhen(StrEnum):
    """CALOTYPE_CACHE_DEFAULT: whether an identical request is a hit without being asked for."""

    ON = "on"
    AVAILABLE = "available"


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """The operator's side of it."""

    hits_when: HitsWhen = HitsWhen.ON
    windows: Windows = DEFAULT_WINDOWS
    """For requests that name none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """What an entry is granted when it is stored."""

    ttl_s: int
    windows: Windows = NO_WINDOWS


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheWishes:
    """The client's side of it: the `cache` group of a capture request, within its bounds."""

    ttl_s: int = DEFAULT_TTL_S
    refresh: bool = False
    enabled: bool = True
    available: bool = False
    swr_s: int | None = None
    sie_s: int | None = None
    key: CacheKey | None = None
    tags: Tags = NO_TAGS

    def may_hit(self, policy: CachePolicy) -> bool:
        """Say whether a stored picture may answer: enabled:false > refresh:true > look-up."""
        if not self.enabled or self.refresh:
            return False
        return self.available or policy.hits_when is HitsWhen.ON

    def lifetime(self, policy: CachePolicy) -> Lifetime:
        """Return what a picture made for this client is granted."""
        default = policy.windows
        windows = Windows(
            swr_s=default.swr_s if self.swr_s is None else self.swr_s,
            sie_s=default.sie_s if self.sie_s is None else self.sie_s,
        )
        return Lifetime(ttl_s=self.ttl_s, windows=windows)

    @property
    def accepted(self) -> Windows:
        """How stale a picture this client takes, whoever it was made for."""
        return Windows(
            swr_s=UNLIMITED.swr_s if self.swr_s is None else self.swr_s,
            sie_s=UNLIMITED.sie_s if self.sie_s is None else self.sie_s,
        )


def parse_wishes(group: Mapping[str, object]) -> tuple[CacheWishes, list[str]]:
    """Return the wishes that the `cache` group of a request spells, and its unknown fields.

    Raises InvalidRequest naming the field and its bound.
    """
    fields = Fields(group, "cache")
    return read_wishes(fields), fields.unknown()


def read_wishes(fields: Fields) -> CacheWishes:
    """Return the wishes that the fields of the `cache` group spell. Raises InvalidRequest."""
    key = fields.text("key")
    return CacheWishes(
        ttl_s=fields.integer("ttl", DEFAULT_TTL_S, 1, MAX_TTL_S),
        refresh=fields.boolean("refresh", default=False),
        enabled=fields.boolean("enabled", default=True),
        available=fields.boolean("available", default=False),
        swr_s=fields.optional_integer("swr", 0, MAX_WINDOW_S),
        sie_s=fields.optional_integer("sie", 0, MAX_WINDOW_S),
        key=None if key is None else check_custom_key(key),
        tags=read_tags(fields, "tags"),
    )


def expiry(stored_at: datetime, ttl_s: int) -> datetime:
    """Return the instant at which an entry is gone: stored_at + ttl, up to a whole second.

    It is what X-Cache-Expires says, which has no fractions, and an entry must not be gone
    before the header said so.
    """
    end = stored_at + timedelta(seconds=ttl_s)
    return end if end.microsecond == 0 else end.replace(microsecond=0) + timedelta(seconds=1)
