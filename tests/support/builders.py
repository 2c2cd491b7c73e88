"""Requests and entries with nothing said but what a test cares about."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from calotype.cache.entry import (
    Birth,
    CacheEntry,
    CacheKey,
    EntryId,
    Identity,
    Mode,
    Namespace,
    Seq,
    storage_path,
)
from calotype.cache.store import Origin
from calotype.cache.url_key import url_key
from calotype.capture.negative import Negative, PageUrl
from calotype.capture.output import ImageFormat
from calotype.capture.request import CaptureRequest
from calotype.capture.verdict import Verdict
from tests.support.clock import NOON

HERE = Namespace(1, Mode.LIVE)
TRIAL = Namespace(1, Mode.TEST)
THERE = Namespace(2, Mode.LIVE)


def a_request(url: str = "https://example.com/") -> CaptureRequest:
    """Return a request for url with every option at its default."""
    return CaptureRequest(negative=Negative(target=PageUrl(url)))


def an_id(name: str) -> EntryId:
    """Return the id that belongs to name in these tests."""
    return EntryId(hashlib.sha256(name.encode()).hexdigest()[:32])


def an_origin(
    key: str = "k",
    url: str = "https://example.com/",
    namespace: Namespace = HERE,
    image_format: ImageFormat = ImageFormat.PNG,
    tags: Iterable[str] = (),
) -> Origin:
    """Return where a capture of url under key would be kept."""
    return Origin(
        namespace=namespace,
        identity=Identity(CacheKey(key), an_id(f"{namespace}{key}")),
        content=an_id(f"{namespace}{url}{image_format}"),
        url_key=url_key(url),
        format=image_format,
        negative=b"n" * 16,
        tags=frozenset(tags),
    )


def an_entry(
    origin: Origin | None = None,
    *,
    birth: Birth | None = None,
    stored_at: datetime = NOON,
    ttl_s: int = 3600,
    blob_id: str | None = None,
    data: bytes = b"picture",
) -> CacheEntry:
    """Return an entry of origin; its birth should come from a lease when it is to be committed."""
    origin = origin or an_origin()
    birth = birth or Birth(Seq(0), 1, stored_at)
    return CacheEntry(
        namespace=origin.namespace,
        key=origin.identity.key,
        id=origin.identity.id,
        url_key=origin.url_key,
        path=storage_path(origin.identity.id, origin.format, birth.at),
        blob_id=blob_id or hashlib.sha256(f"{origin.identity.key}{birth.number}".encode()).hexdigest()[:32],
        size_bytes=len(data),
        sha256=hashlib.sha256(data).digest(),
        format=origin.format,
        width_px=1,
        height_px=1,
        birth=birth,
        stored_at=stored_at,
        fresh_until=stored_at + timedelta(seconds=ttl_s),
        render_ms=5,
        verdict=Verdict(http_status=200),
        negative=origin.negative,
        tags=origin.tags,
    )
