"""Values -> the JSON that tells them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from http import HTTPStatus

import msgspec
from starlette.responses import Response

from calotype.api.respond import etag, public_url
from calotype.cache.entry import CacheEntry
from calotype.cache.freshness import Hit, classify
from calotype.cache.purge import LoggedPurge, PurgeFilter
from calotype.cache.url_key import url_of_key
from calotype.capture.devices import Device
from calotype.capture.presets import Preset
from calotype.capture.verdict import Verdict
from calotype.clock import iso_seconds
from calotype.wire.replies import (
    CacheItem,
    DeviceReply,
    EntryReply,
    LoggedFilter,
    LoggedPurgeReply,
    PresetReply,
    VerdictInfo,
)

_SECOND = timedelta(seconds=1)
_UNFIT_FOR_HEADERS = re.compile(r"[^\x20-\x7e]")
_MAX_IGNORED = 1024
"""Characters of Calotype-Ignored: it tells of a slip, and proxies bound what headers may hold."""
_PRESET_FIELDS = {"width", "height", "scale", "mobile", "format"}


def json_reply(reply: msgspec.Struct, status: int = HTTPStatus.OK) -> Response:
    """Return reply as a response that nobody keeps."""
    return Response(
        msgspec.json.encode(reply),
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )


def ignored_header(names: list[str]) -> tuple[tuple[bytes, bytes], ...]:
    """Return the header that tells of fields that mean nothing to us, if there are any.

    Kind to newer and older clients alike, but never silently.
    """
    if not names:
        return ()
    # A client may call its fields anything, line breaks too.
    text = _UNFIT_FOR_HEADERS.sub("?", ", ".join(names))[:_MAX_IGNORED]
    return ((b"calotype-ignored", text.encode()),)


def json_value(value: object) -> Response:
    """Return what is the same for every caller, as a response."""
    return Response(
        msgspec.json.encode(value), media_type="application/json", headers={"cache-control": "no-store"}
    )


def preset_reply(preset: Preset) -> PresetReply:
    """Return preset as clients know it: the options that they have fields for, flat."""
    told: dict[str, object] = {"id": preset.id, "name": preset.name, "description": preset.description}
    options = {name: value for group in preset.options.values() for name, value in group.items()}
    told |= {name: value for name, value in options.items() if name in _PRESET_FIELDS}
    if options.get("mode") == "full_page":
        told["full_page"] = True
    return msgspec.convert(told, PresetReply)


def device_reply(device: Device) -> DeviceReply:
    """Return device as clients know it."""
    return DeviceReply(
        id=device.id,
        name=device.name,
        width=device.width,
        height=device.height,
        scale=device.scale,
        mobile=device.mobile,
        user_agent=device.user_agent,
    )


def cache_item(entry: CacheEntry, now: datetime, base_url: str) -> CacheItem:
    """Return entry as a listing shows it, as of now."""
    return CacheItem(
        key=entry.key,
        target_url=url_of_key(entry.url_key),
        url=public_url(entry, base_url),
        created_at=iso_seconds(entry.birth.at),
        expires_at=iso_seconds(entry.fresh_until),
        stale=not isinstance(classify(entry, now), Hit),
        size=entry.size_bytes,
        format=entry.format.value,
        tags=sorted(entry.tags),
    )


def entry_reply(entry: CacheEntry, now: datetime, base_url: str) -> EntryReply:
    """Return all that is known of entry, as of now."""
    return EntryReply(
        **msgspec.structs.asdict(cache_item(entry, now, base_url)),
        width=entry.width_px,
        height=entry.height_px,
        etag=etag(entry.sha256),
        sha256=entry.sha256.hex(),
        render_ms=entry.render_ms,
        http_status=entry.verdict.http_status,
        final_url=entry.verdict.final_url,
        title=entry.verdict.title,
        description=entry.verdict.description,
        verdict=verdict_info(entry.verdict),
        storage_path=entry.path,
        age=max(0, (now - entry.stored_at) // _SECOND),
        ttl_left=max(0, (entry.fresh_until - now) // _SECOND),
    )


def verdict_info(verdict: Verdict) -> VerdictInfo:
    """Return all of verdict."""
    return VerdictInfo(
        title=verdict.title,
        description=verdict.description,
        final_url=verdict.final_url,
        http_status=verdict.http_status,
        settled_by=verdict.settled_by,
        blank=verdict.blank,
        bot_wall=verdict.bot_wall,
        error_page=verdict.error_page,
        cut=verdict.cut,
        unfinished_images=verdict.unfinished_images,
        missing_glyphs=verdict.missing_glyphs,
        console_errors=verdict.console_errors,
        consent_banner=verdict.consent_banner,
        consent_product=verdict.consent_product,
    )


def logged_purge(purge: LoggedPurge, most: int | None = None) -> LoggedPurgeReply:
    """Return purge as the audit trail tells it, with at most so many of its keys, and of its tags."""
    return LoggedPurgeReply(
        purge_id=purge.id,
        created_at=iso_seconds(purge.at),
        by=purge.by or None,
        filter=_filter(purge.which, most),
        purged=purge.count,
        soft=purge.soft,
        swept=purge.swept >= 1,
        sweep_progress=round(purge.swept, 3),
    )


def _filter(which: PurgeFilter, most: int | None) -> LoggedFilter:
    absent = msgspec.UNSET
    return LoggedFilter(
        keys=absent if which.keys is None else list(which.keys[:most]),
        key_count=absent if which.keys is None else len(which.keys),
        tags=absent if which.tags is None else list(which.tags[:most]),
        tag_count=absent if which.tags is None else len(which.tags),
        pattern=absent if which.pattern is None else which.pattern.pattern,
        url=absent if which.url is None else which.url.pattern,
        before=absent if which.before is None else which.before.isoformat().replace("+00:00", "Z"),
        # url: "*" means everything too, and is what was asked for.
        all=True if which.everything and which.url is None else absent,
    )
