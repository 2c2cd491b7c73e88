"""Repeats: hits that are asked for again in the very same bytes, answered without reading those again.

Whoever answers a request with a plain hit may say that it may repeat. From then on the same
bytes, request line, key, headers, body and all, are answered with the same entry, until anything
at all is committed to the index by any process (a purge, a revoked key, a newer picture), or
the entry nears its end. Nothing is decided here: the first answer was the gate's or the router's, and
whatever differs in one byte goes there too.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from calotype.access.keys import Caller
from calotype.access.quotas import Quotas
from calotype.api.request import limited_caller_of, new_request_id, rate_of
from calotype.api.respond import Audience, Header, hand_over, hit_story, plan, rate_headers
from calotype.cache.early import early_from
from calotype.cache.entry import CacheEntry
from calotype.cache.hands import Touched
from calotype.cache.hot import HotBlobs
from calotype.clock import Clock

MAX_REQUEST_BYTES = 8192
"""Longer ones carry a document, whose reading costs little beside its sending."""
_MOST_BYTES = 16 * 1024 * 1024
"""Requests and heads remembered, bodies not: those are HotBlobs' to bound."""
_OVERHEAD_BYTES = 1024
"""Of one answer: its head, and what Python makes of both."""
_SECOND = timedelta(seconds=1)
_MAY_REPEAT = "calotype.may_repeat"


@dataclass(slots=True, eq=False)
class _Answer:
    entry: CacheEntry
    base_url: str
    audience: Audience
    extra: tuple[Header, ...]
    """Headers beyond those that are planned for every hit."""
    until: datetime
    accel: str
    """Where nginx has the blobs, if it sends this one; else empty."""
    counted: Caller | None
    """Whose request it is, if it has a limit: then each is counted."""
    second: int | None = None
    """Of the entry's life, in which head was spelled: headers know no finer time."""
    head: bytes = b""


class Repeats:
    """The plain hits of late, by the bytes that asked for them."""

    def __init__(
        self, version: Callable[[], int], hot: HotBlobs, touched: Touched, quotas: Quotas, clock: Clock
    ) -> None:
        self._read_version, self._hot, self._touched, self._clock = version, hot, touched, clock
        self._quotas = quotas
        self._version = -1
        self._answers: dict[bytes, _Answer] = {}
        self._bytes = 0
        self._server_headers: Sequence[Header] = ()
        self._start = b""

    def answer(self, request: bytes, server_headers: Sequence[Header]) -> tuple[bytes, bytes] | None:
        """Return head and body of the reply to a request that was answered before. Never suspends.

        server_headers are those of every reply; a list that is another has other headers.
        Raises StoreUnavailable.
        """
        version = self._read_version()
        if version != self._version:
            self._forget(version)
            return None
        known = self._answers.get(request)
        if known is None:
            return None
        now = self._clock()
        data = b"" if known.accel else self._hot.get(known.entry.blob_id)
        # Near its end it may have to be captured anew, and then it expires: neither is decided here.
        if data is None or now >= known.until:
            return None
        left = b""
        if known.counted is not None:
            rate = self._quotas.admit_now(known.counted)
            if rate is None:
                return None  # the next block has to be waited for, or there is none
            left = _spelled(rate_headers(rate.limit, rate.remaining, rate.reset))
        self._touched.add(known.entry.place)
        second = (known.entry.fresh_until - now) // _SECOND
        if second != known.second:
            known.second, known.head = second, _head(known, now)
        if server_headers is not self._server_headers:
            self._server_headers = server_headers
            self._start = b"HTTP/1.1 200 OK\r\n" + _spelled(server_headers)
        request_id = b"x-request-id: %b\r\n\r\n" % new_request_id().encode()
        return b"".join((self._start, known.head, left, request_id)), data

    def allow(self, scope: MutableMapping[str, Any], request: bytes) -> None:
        """Let whoever will answer scope, which request is read as, say that the answer may repeat.

        To be called before that begins, and after answer() had nothing to give.
        """
        # The version of before the answer: what is committed meanwhile makes it forgotten.
        version = self._version

        def remember(
            entry: CacheEntry, base_url: str, audience: Audience, extra: tuple[Header, ...], accel: str
        ) -> None:
            if version != self._version:
                return
            size = len(request) + _OVERHEAD_BYTES
            if self._bytes + size > _MOST_BYTES:
                self._forget(version)
            self._bytes += size
            until = early_from(entry) if audience.until is None else min(early_from(entry), audience.until)
            counted = limited_caller_of(scope)
            self._answers[request] = _Answer(entry, base_url, audience, extra, until, accel, counted)

        scope[_MAY_REPEAT] = remember

    def _forget(self, version: int) -> None:
        self._answers.clear()
        self._bytes, self._version = 0, version


def may_repeat(
    scope: MutableMapping[str, Any],
    entry: CacheEntry,
    base_url: str,
    audience: Audience,
    extra: tuple[Header, ...] = (),
    accel: str = "",
) -> None:
    """Say that whoever asks in the same bytes as scope did may have the same whole entry.

    extra are the headers of the reply beyond those that plan gives a hit; accel is where nginx has the
    blobs, if it sends this one.
    """
    remember = scope.get(_MAY_REPEAT)
    if remember is not None:
        remember(entry, base_url, audience, extra, accel)


def _head(known: _Answer, now: datetime) -> bytes:
    story = hit_story(known.entry, now)
    answer = plan(known.entry, story, "GET", {}, now, known.base_url, known.audience)
    answer = hand_over(answer, known.entry, story, {}, known.accel)
    limit = () if known.counted is not None else rate_of({}, now)
    return _spelled([*answer.headers, *known.extra, *limit])


def _spelled(headers: Sequence[Header]) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)
