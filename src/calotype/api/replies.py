"""Values -> the JSON that tells them."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from calotype.api.respond import public_url
from calotype.cache.entry import CacheEntry
from calotype.cache.url_key import url_of_key
from calotype.clock import iso_seconds
from calotype.wire.replies import CacheItem


def json_reply(reply: msgspec.Struct) -> Response:
    """Return reply as a response that nobody keeps."""
    return Response(
        msgspec.json.encode(reply), media_type="application/json", headers={"cache-control": "no-store"}
    )


def cache_item(entry: CacheEntry, base_url: str) -> CacheItem:
    """Return entry as a listing shows it."""
    return CacheItem(
        key=entry.key,
        target_url=url_of_key(entry.url_key),
        url=public_url(entry, base_url),
        created_at=iso_seconds(entry.birth.at),
        expires_at=iso_seconds(entry.fresh_until),
        size=entry.size_bytes,
        format=entry.format.value,
    )
