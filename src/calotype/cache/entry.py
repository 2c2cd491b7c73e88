"""CacheEntry: what is remembered of one capture, and the names that it goes by."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NewType

from calotype.cache.tags import NO_TAGS, Tags
from calotype.capture.errors import InvalidRequest
from calotype.capture.output import ImageFormat
from calotype.capture.verdict import Verdict

CacheKey = NewType("CacheKey", str)
"""`cache_` and 32 hex digits, or whatever the client chose with `cache.key`."""
EntryId = NewType("EntryId", str)
"""32 hex digits that nobody can guess; the file name of the public URL."""
Seq = NewType("Seq", int)
"""A purge's number in its namespace. Order among purges and births is by number, never by clock."""

MAX_ADDRESS_BYTES = 600
"""Room for the longest custom key."""
_ADDRESS = re.compile(r"(?:screenshots/(?:\d{4}/\d\d/\d\d/)?)?([0-9a-f]{32})(?:\.[a-z0-9]{1,5})?", re.ASCII)


class Mode(StrEnum):
    """Whether a key is for production or for trying out; the two never share an entry."""

    LIVE = "live"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Namespace:
    """One account in one mode: the horizon of every look-up, listing and purge."""

    account: int
    mode: Mode


@dataclass(frozen=True, slots=True)
class Identity:
    """The two names of an entry: the key that clients use, the id that files and URLs use."""

    key: CacheKey
    id: EntryId


@dataclass(frozen=True, slots=True)
class Birth:
    """When a render began, in purges, in renders and on the clock.

    A store is refused when a matching purge has a number above seq. Of two renders of one
    key the one with the higher number stays, whichever ends last. The clock only serves
    people: `created_at`, and purge's `before`.
    """

    seq: Seq
    number: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a purge filter looks at: an entry, stored or still being rendered."""

    key: CacheKey
    id: EntryId
    url_key: str
    """The source URL on the index key (cache/url_key.py)."""
    path: str
    born_at: datetime
    tags: Tags = NO_TAGS


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """One stored capture. Its bytes are the blob's, immutable."""

    namespace: Namespace
    key: CacheKey
    id: EntryId
    url_key: str
    path: str
    """Storage path, `screenshots/2024/01/15/<id>.png`, by the day of the capture (UTC)."""
    blob_id: str
    size_bytes: int
    sha256: bytes
    format: ImageFormat
    width_px: int
    height_px: int
    birth: Birth
    stored_at: datetime
    fresh_until: datetime
    """A whole second. From this instant on the entry is stale, and no address leads to it any more."""
    render_ms: int
    verdict: Verdict
    negative: bytes
    """16 bytes that name the negative this picture was made of."""
    tags: Tags = NO_TAGS
    """Those of the request whose render this is; a hit adds none."""
    swr_s: int = 0
    """Seconds after fresh_until for which a capture request is served it while a new one is made."""
    sie_s: int = 0
    """Seconds after fresh_until for which it stands in for a capture that fails."""
    softened: bool = False
    """A soft purge has made it stale before its time."""
    place: int = field(default=0, compare=False, repr=False)
    """In the index's order of storing, as eviction walks it; 0 for what was not read from there."""

    @property
    def ttl_s(self) -> int:
        """Seconds from storing to expiry, as it was granted."""
        return int((self.fresh_until - self.stored_at).total_seconds())

    @property
    def drop_after(self) -> datetime:
        """The instant from which on it is of no use to anybody."""
        return self.fresh_until + timedelta(seconds=max(self.swr_s, self.sie_s))

    @property
    def subject(self) -> Subject:
        """What a purge filter looks at."""
        return Subject(
            key=self.key,
            id=self.id,
            url_key=self.url_key,
            path=self.path,
            born_at=self.birth.at,
            tags=self.tags,
        )


def storage_path(entry_id: EntryId, image_format: ImageFormat, born_at: datetime) -> str:
    """Return the path that purge's `pattern` matches, by the day on which the capture began."""
    day = born_at.astimezone(UTC)
    return f"screenshots/{day:%Y/%m/%d}/{entry_id}.{image_format.extension}"


def id_in_address(address: str) -> EntryId | None:
    """Return the id that a client means by address when it is no key.

    Clients call an entry by its bare id, `screenshots/<id>` or its full storage path, each with
    or without extension. The date in a path is not compared: a link that was embedded
    outlives a refresh on another day.
    """
    found = _ADDRESS.fullmatch(address)
    return EntryId(found.group(1)) if found else None


def check_address(address: str, field: str) -> str:
    """Return address if it could name an entry. Raises InvalidRequest naming field otherwise."""
    if not address or len(address.encode("utf-8", "surrogatepass")) > MAX_ADDRESS_BYTES:
        raise InvalidRequest(field, "is empty or too long", f"a key has 1 to {MAX_ADDRESS_BYTES} bytes")
    if not address.isprintable() or any(segment in (".", "..") for segment in address.split("/")):
        raise InvalidRequest(
            field, "holds a control character, or a '.' or '..' segment", "give a key as X-Cache-Key told it"
        )
    return address
