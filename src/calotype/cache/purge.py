"""What a purge asks for, what it did, and how it is remembered."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from calotype.cache.entry import EntryId, Seq, Subject, id_in_address
from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.tags import NO_TAGS, Tags
from calotype.clock import from_us, to_us

_CREDENTIALS = re.compile(r"^([^/]*://)?[^/]*@")
MAX_KEYS = 10_000
"""Keys, or tags, in one purge; a body of 1 MiB holds more, a transaction should not."""

REPLAYED_FOR = timedelta(hours=24)
"""How long a purge that was asked for with an Idempotency-Key is not done again."""
MAX_TOKEN = 255
"""Characters of an Idempotency-Key."""
KEPT_FOR = timedelta(days=30)
"""How long the log tells of a purge. A render that takes longer is refused, unjudged; none does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeFilter:
    """Which entries go: those that pass every filter given (and any one of keys, any one of tags).

    Field by field as in the request; at least one is set. everything is the explicit wish to
    purge all, never the absence of a filter.
    """

    keys: tuple[str, ...] | None = None
    """Keys, or the other addresses an entry goes by; in the caller's order and spelling."""
    pattern: PathGlob | None = None
    url: UrlGlob | None = None
    before: datetime | None = None
    tags: tuple[str, ...] | None = None
    everything: bool = False
    _keys: frozenset[str] = field(init=False, repr=False, default=frozenset())
    _ids: frozenset[EntryId] = field(init=False, repr=False, default=frozenset())
    _tags: Tags = field(init=False, repr=False, default=NO_TAGS)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_keys", frozenset(self.keys or ()))
        ids = frozenset(entry_id for key in self._keys if (entry_id := id_in_address(key)) is not None)
        object.__setattr__(self, "_ids", ids)
        object.__setattr__(self, "_tags", frozenset(self.tags or ()))
        if self.url is not None and self.url.matches_everything:
            # {"url": "*"} is the documented spelling of "everything", html captures included.
            object.__setattr__(self, "everything", True)
        given = (self.keys, self.pattern, self.url, self.before, self.tags)
        if not self.everything and given == (None,) * len(given):
            message = "a purge filter needs at least one condition"
            raise ValueError(message)

    @property
    def selective_url(self) -> UrlGlob | None:
        """The URL glob, when it leaves anything out."""
        return None if self.url is None or self.url.matches_everything else self.url

    @property
    def is_total(self) -> bool:
        """Whether every entry of the namespace passes."""
        narrowing = (self.keys, self.pattern, self.selective_url, self.before, self.tags)
        return self.everything and narrowing == (None,) * len(narrowing)

    def matches(self, subject: Subject) -> bool:
        """Say whether subject goes. The rule of record: index scans only narrow it down."""
        if self.keys is not None and subject.key not in self._keys and subject.id not in self._ids:
            return False
        if self.before is not None and subject.born_at >= self.before:
            return False
        if not self.matches_tags(subject.tags):
            return False
        if self.pattern is not None and not self.pattern.matches(subject.path):
            return False
        url = self.selective_url
        return url is None or url.matches_key(subject.url_key)

    def matches_tags(self, tags: Tags) -> bool:
        """Say whether tags pass the filter on tags, if there is one."""
        return self.tags is None or not self._tags.isdisjoint(tags)

    def to_plain(self) -> dict[str, object]:
        """Return the filter as plain values for the purge log; from_plain undoes it."""
        plain: dict[str, object] = {}
        if self.keys is not None:
            plain["keys"] = list(self.keys)
        if self.pattern is not None:
            plain["pattern"] = self.pattern.pattern
        if self.url is not None:
            plain["url"] = _without_credentials(self.url.pattern)
        if self.before is not None:
            plain["before_us"] = to_us(self.before)
        if self.tags is not None:
            plain["tags"] = list(self.tags)
        if self.everything:
            plain["all"] = True
        return plain

    @classmethod
    def from_plain(cls, plain: dict[str, object]) -> PurgeFilter:
        """Return the filter that to_plain spelled."""
        names = ("keys", "pattern", "url", "before_us", "tags")
        keys, pattern, url, before, tags = (plain.get(name) for name in names)
        return cls(
            keys=tuple(str(key) for key in keys) if isinstance(keys, list) else None,
            pattern=PathGlob(pattern) if isinstance(pattern, str) else None,
            url=UrlGlob(url) if isinstance(url, str) else None,
            before=from_us(before) if isinstance(before, int) else None,
            tags=tuple(str(tag) for tag in tags) if isinstance(tags, list) else None,
            everything=bool(plain.get("all")),
        )


def _without_credentials(pattern: str) -> str:
    """Return a URL pattern as it may be kept: who pastes a URL as a pattern may paste a password."""
    if pattern.startswith("*") and "://" not in pattern:
        return pattern  # over the whole URL, where credentials never stand
    return _CREDENTIALS.sub(r"\1", pattern)


@dataclass(frozen=True, slots=True)
class PurgeRecord:
    """One line of the purge log: what was asked for, and its place in the order."""

    seq: Seq
    which: PurgeFilter
    soft: bool = False
    """Whether it made stale what it matched, instead of taking it away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge:
    """What a purge did. By the time it is told, nothing it counted can be had any more.

    After a soft one nothing it counted is fresh any more.
    """

    id: str
    seq: Seq
    count: int
    """Entries that could be had before and cannot now (soft: that were fresh and are stale), each once."""
    keys: tuple[str, ...]
    """For a purge by keys those that named an entry, as the caller spelled them; else empty."""
    dry_run: bool
    soft: bool = False
    addressed: bool = False
    """For a purge by keys whether any entry was still fresh, so that GET would have found it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedPurge:
    """What the log tells of a purge afterwards, for the audit trail."""

    id: str
    seq: Seq
    at: datetime
    by: str
    """Id of the key that asked, or `cli`; empty when nobody was named."""
    which: PurgeFilter
    count: int
    soft: bool
    swept: float
    """How far the space of its entries is freed: 1 when it is, before that how much of a sweep is done."""
