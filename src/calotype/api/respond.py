"""Entry or Shot -> status, headers and bytes. Pure; all of 200, 206, 304, 412 and 416 is decided here."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import ClassVar

from calotype.cache.entry import CacheEntry
from calotype.cache.tags import Tags, spelled
from calotype.capture.result import Phases
from calotype.capture.verdict import Verdict
from calotype.clock import iso_seconds
from calotype.shots.shot import Forward, Served, Shot

Header = tuple[bytes, bytes]
CONDITIONS = (
    b"if-match",
    b"if-unmodified-since",
    b"if-none-match",
    b"if-modified-since",
    b"range",
    b"if-range",
)
"""The request headers that plan looks at."""

_SECOND = timedelta(seconds=1)
_SPELLINGS = 8192
"""Entries whose headers are remembered; some 2 kB each."""
_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})", re.IGNORECASE)
"""A single range. A longer number than that is no place in any file, and would only cost time to read."""
_BROWSER_MAX_AGE_S = 60
"""How long a browser may keep a public picture unasked: a purge cannot reach it there."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who reads a reply: somebody with a key, or whoever has a link."""

    public: bool
    until: datetime | None = None
    """When the link ends, unless with the entry: that of a signed URL."""

    CALLER: ClassVar[Audience]
    PUBLIC: ClassVar[Audience]


Audience.CALLER, Audience.PUBLIC = Audience(public=False), Audience(public=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """A reply, but for its bytes: those of the picture from start up to stop."""

    status: int
    headers: list[Header]
    start: int = 0
    stop: int = 0
    handed_over: bool = False
    """The bytes are nginx's to send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """How an answer stands with the cache, as its headers tell it."""

    status: bytes
    cache_status: str
    hit: bool = True
    stored: bool = True
    addressed: bool = True
    """Whether the entry's public URL leads to it."""
    render_ms: int | None = None
    queue_ms: int | None = None
    """How long the render waited for its turn before."""
    phases: Phases | None = None
    """Where its time went."""


def hit_story(entry: CacheEntry, now: datetime) -> Story:
    """Return the story of a stored entry that is served."""
    ttl_s = (entry.fresh_until - now) // _SECOND
    return Story(status=b"HIT", cache_status=f"calotype; hit; ttl={ttl_s}")


def shot_story(shot: Shot, now: datetime) -> Story:
    """Return the story of a capture request's answer (RFC 9211)."""
    if shot.served is Served.HIT:
        return hit_story(shot.opened.entry, now)
    if shot.served is Served.STALE:
        return _stale_story(shot, now)
    text = f"calotype; fwd={(shot.forward or Forward.MISS).value}"
    if shot.served is Served.COLLAPSED:
        text += "; collapsed"
    if shot.stored:
        text += "; stored"
    elif shot.forward is not Forward.BYPASS:
        text += "; stored=?0"
    if shot.detail is not None:
        text += f"; detail={shot.detail}"
    return Story(
        status=b"MISS",
        cache_status=text,
        hit=False,
        stored=shot.stored,
        addressed=shot.addressed,
        render_ms=shot.opened.entry.render_ms,
        queue_ms=shot.queue_ms,
        phases=shot.phases,
    )


def _stale_story(shot: Shot, now: datetime) -> Story:
    entry = shot.opened.entry
    # A soft purge has ended its time without writing down when.
    ttl_s = min((entry.fresh_until - now) // _SECOND, 0)
    how = "hit" if shot.forward is None else f"fwd={shot.forward.value}"
    if shot.failed_status is not None:
        how += f"; fwd-status={shot.failed_status}"
    text = f"calotype; {how}; ttl={ttl_s}; detail={shot.detail}"
    return Story(status=b"STALE", cache_status=text, addressed=False)


def plan(
    entry: CacheEntry,
    story: Story,
    method: str,
    conditions: Mapping[bytes, str],
    now: datetime,
    base_url: str,
    audience: Audience = Audience.CALLER,
) -> Plan:
    """Return how to answer with entry.

    conditions are the request's CONDITIONS headers; they count for GET and HEAD. Preconditions
    come in the order of RFC 9110 section 13.2.2, then the range.
    """
    headers = [
        *_of_the_bytes(entry.sha256, entry.birth.at),
        (b"cache-status", story.cache_status.encode()),
        (b"x-cache-status", story.status),
        (b"x-cache-hit", b"true" if story.hit else b"false"),
        *_cache_control(entry, story, now, audience),
    ]
    if not audience.public:
        headers.append((b"x-cache-key", entry.key.encode()))
        headers += _of_the_verdict(entry.verdict)
    if story.stored:
        # A URL that is good for a while must not give away one that is good for longer.
        passing = audience.until is not None
        place = [] if passing else _of_the_place(entry.path, base_url, entry.fresh_until)
        headers += place if story.addressed else [_expires(min(entry.fresh_until, now))]
        if entry.tags:
            headers += _of_the_tags(entry.tags)
        headers.append((b"age", b"%d" % max(0, (now - entry.stored_at) // _SECOND)))
    headers += _times(story)
    size = entry.size_bytes
    if conditions and method in ("GET", "HEAD"):
        tag = etag(entry.sha256)
        if precondition_failed(entry, conditions):
            return Plan(412, [(b"content-length", b"0"), (b"cache-control", b"no-store")])
        if _not_modified(entry, tag, conditions):
            return Plan(304, headers)
        found = _range(entry, tag, conditions) if method == "GET" else None
        if found is not None and found[0] >= found[1]:
            return Plan(416, [(b"content-range", b"bytes */%d" % size), (b"content-length", b"0")])
        if found is not None:
            start, stop = found
            headers += [
                (b"content-type", entry.format.media_type.encode()),
                (b"content-length", b"%d" % (stop - start)),
                (b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, size)),
            ]
            return Plan(206, headers, start, stop)
    headers += [
        (b"content-type", entry.format.media_type.encode()),
        (b"content-length", b"%d" % size),
    ]
    return Plan(200, headers, 0, 0 if method == "HEAD" else size)


def hand_over(
    answer: Plan, entry: CacheEntry, story: Story, conditions: Mapping[bytes, str], to: str
) -> Plan:
    """Return answer with its bytes left to nginx, which has the blobs under the path to, if there are any.

    An empty path, and whatever nginx would send otherwise than we, leave it as it is. nginx would judge
    conditions anew, by the time of the file and after a POST too; a range it cuts as we do, but one that
    we ignore it may refuse.
    """
    ranged = answer.status == 206 and [*conditions] == [b"range"]  # noqa: PLR2004
    if not to or not story.hit or not story.addressed or not answer.stop or (conditions and not ranged):
        return answer
    # Of a whole file nginx itself says that it may be had in ranges, of a range it does not.
    own = (b"content-length", b"content-range", b"" if ranged else b"accept-ranges")
    headers = [header for header in answer.headers if header[0] not in own]
    blob = entry.blob_id
    headers += [
        (b"content-length", b"0"),
        (b"x-accel-redirect", f"{to}{blob[:2]}/{blob[2:4]}/{blob}".encode()),
    ]
    return Plan(200, headers, handed_over=True)


def etag(sha256: bytes) -> str:
    """Return the strong validator: it is made of the bytes and nothing else."""
    return f'"{base64.urlsafe_b64encode(sha256).decode().rstrip("=")}"'


# Dates and digests are spelled once for an entry, not once for a hit: that is half of a hit's own work.
@lru_cache(_SPELLINGS)
def _of_the_bytes(sha256: bytes, born_at: datetime) -> tuple[Header, ...]:
    return (
        (b"etag", etag(sha256).encode()),
        (b"last-modified", format_datetime(born_at.replace(microsecond=0), usegmt=True).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"accept-ranges", b"bytes"),
    )


@lru_cache(_SPELLINGS)
def _of_the_place(path: str, base_url: str, fresh_until: datetime) -> tuple[Header, ...]:
    return (
        (b"x-cache-url", f"{base_url}/{path}".encode()),
        _expires(fresh_until),
    )


def _times(story: Story) -> list[Header]:
    if story.render_ms is None:
        return []
    told = [(b"x-render-time", b"%d" % story.render_ms)]
    if story.queue_ms is not None:
        # Apart, so that who waits long can tell a slow page from a busy server.
        spent = [("queue", story.queue_ms), ("render", story.render_ms), *(story.phases or ())]
        told.append((b"server-timing", ", ".join(f"{name};dur={ms}" for name, ms in spent).encode()))
    return told


def _expires(moment: datetime) -> Header:
    return b"x-cache-expires", iso_seconds(moment).encode()


@lru_cache(_SPELLINGS)
def _of_the_verdict(verdict: Verdict) -> tuple[Header, ...]:
    remarks = verdict.remarks()
    return ((b"calotype-verdict", remarks.encode()),) if remarks else ()


@lru_cache(_SPELLINGS)
def _of_the_tags(tags: Tags) -> tuple[Header, ...]:
    # So that a cache in front can be purged by the same names; none of them needs to be escaped.
    groups = ", ".join(f'"{tag}"' for tag in sorted(tags))
    return ((b"cache-groups", groups.encode()), (b"surrogate-key", spelled(tags).encode()))


@lru_cache(1024)
def rate_headers(limit: int, remaining: int, reset: int) -> tuple[Header, ...]:
    """Return what every reply says of the caller's limit; reset is a Unix time."""
    return (
        (b"x-ratelimit-limit", b"%d" % limit),
        (b"x-ratelimit-remaining", b"%d" % remaining),
        (b"x-ratelimit-reset", b"%d" % reset),
    )


def public_url(entry: CacheEntry, base_url: str) -> str:
    """Return the URL that needs no key."""
    return f"{base_url}/{entry.path}"


def _cache_control(entry: CacheEntry, story: Story, now: datetime, audience: Audience) -> list[Header]:
    if not story.stored:
        return [(b"cache-control", b"no-store")]
    if not audience.public:
        # A copy in the caller's own HTTP cache would outlive a purge; to ask again costs a 304.
        return [(b"cache-control", b"private, no-cache")]
    until = entry.fresh_until if audience.until is None else min(entry.fresh_until, audience.until)
    # What no address leads to any more, a shared cache may not have either.
    left_s = max(0, (until - now) // _SECOND) if story.addressed else 0
    return [
        (b"cache-control", b"public, max-age=%d" % min(left_s, _BROWSER_MAX_AGE_S)),
        # Only a cache that can be purged may hold the long copy (RFC 9213).
        (b"cdn-cache-control", b"max-age=%d" % left_s),
    ]


def precondition_failed(entry: CacheEntry, conditions: Mapping[bytes, str]) -> bool:
    """Say whether If-Match, or without it If-Unmodified-Since, means another picture than entry's."""
    if_match = conditions.get(b"if-match")
    if if_match is not None:
        return if_match.strip() != "*" and etag(entry.sha256) not in _tags(if_match)
    since = _date(conditions.get(b"if-unmodified-since"))
    return since is not None and entry.birth.at.replace(microsecond=0) > since


def _not_modified(entry: CacheEntry, tag: str, conditions: Mapping[bytes, str]) -> bool:
    if_none_match = conditions.get(b"if-none-match")
    if if_none_match is not None:
        weak = {listed.removeprefix("W/") for listed in _tags(if_none_match)}
        return if_none_match.strip() == "*" or tag in weak
    since = _date(conditions.get(b"if-modified-since"))
    return since is not None and entry.birth.at.replace(microsecond=0) <= since


def _range(entry: CacheEntry, tag: str, conditions: Mapping[bytes, str]) -> tuple[int, int] | None:
    """Return the bytes asked for as (start, stop), empty if none can be had; None for all of them."""
    wanted = _RANGE.fullmatch(conditions.get(b"range", "").strip())
    if wanted is None or wanted.groups() == ("", "") or not _range_applies(entry, tag, conditions):
        return None
    first, last = wanted.groups()
    size = entry.size_bytes
    if first == "":
        return max(0, size - int(last)), size
    if last != "" and int(last) < int(first):
        return None  # no range at all, so the header is ignored (RFC 9110 section 14.1.1)
    return int(first), size if last == "" else min(size, int(last) + 1)


def _range_applies(entry: CacheEntry, tag: str, conditions: Mapping[bytes, str]) -> bool:
    if_range = conditions.get(b"if-range")
    if if_range is None:
        return True
    text = if_range.strip()
    if text.startswith(('"', "W/")):
        return text == tag  # strong comparison: a weak tag never matches
    return _date(text) == entry.birth.at.replace(microsecond=0)


def _tags(header: str) -> set[str]:
    return {item.strip() for item in header.split(",")}


def _date(header: str | None) -> datetime | None:
    if header is None:
        return None
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, TypeError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else None
