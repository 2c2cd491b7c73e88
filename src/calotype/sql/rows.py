"""Rows <-> values: the one place that knows the order of the columns."""

from __future__ import annotations

from typing import Any

import msgspec

from calotype.cache.entry import Birth, CacheEntry, CacheKey, EntryId, Mode, Namespace, Seq
from calotype.cache.purge import PurgeFilter, PurgeRecord
from calotype.cache.tags import spelled, tags_in
from calotype.capture.output import ImageFormat
from calotype.capture.verdict import Verdict
from calotype.clock import from_ms, to_ms

_TAG_OF_ENTRY = (
    "SELECT 1 FROM entry_tag et CROSS JOIN tag g ON g.tag_id = et.tag_id "
    "WHERE et.id = e.id AND e.born_seq < g."
)
"""Whether some tag of an entry has a mark. Ask only where e.tags is not empty."""
_BEFORE = (
    "EXISTS (SELECT 1 FROM before_mark b "
    "WHERE b.ns = e.ns AND b.soft = {} AND b.seq > e.born_seq AND b.before_ms > e.born_ms)"
)
SOFTENED_BEFORE = f"(e.born_seq < n.softened_before_seq AND {_BEFORE.format(1)})"
"""True of an entry that a soft purge of all that was born before a moment has made stale."""
SOFTENED = (
    "(e.softened OR e.born_seq < n.softened_seq "
    f"OR e.born_seq < u.softened_seq OR e.born_seq < d.softened_seq OR {SOFTENED_BEFORE} "
    f"OR (e.tags <> '' AND EXISTS ({_TAG_OF_ENTRY}softened_seq)))"
)
"""True of an entry that a soft purge has made stale."""
ENTRY_COLUMNS = (
    "e.ns, e.ckey, e.name, u.ukey, d.dkey, e.blob, e.size, e.sha256, e.format, e.width_px, e.height_px, "
    "e.born_seq, e.born_number, e.born_ms, e.stored_ms, e.fresh_until, e.render_ms, e.verdict, e.negative, "
    f"e.swr, e.sie, {SOFTENED}, e.tags, e.id"
)
ENTRY_FROM = (
    "entry e JOIN ns n ON n.ns = e.ns JOIN url u ON u.url_id = e.url_id JOIN dir d ON d.dir_id = e.dir_id"
)
VISIBLE = (
    "e.dead = 0 AND e.born_seq >= n.purged_seq AND e.born_seq >= u.purged_seq AND e.born_seq >= d.purged_seq "
    f"AND (e.born_seq >= n.before_seq OR NOT {_BEFORE.format(0)}) "
    f"AND (e.tags = '' OR NOT EXISTS ({_TAG_OF_ENTRY}purged_seq))"
)
"""True of an entry that no purge has taken: what was born before a mark is gone."""

_verdict_decoder = msgspec.json.Decoder(Verdict)


def ns_number(namespace: Namespace) -> int:
    """Return the number that stands for a namespace in every table."""
    return namespace.account * 2 + (namespace.mode is Mode.TEST)


def namespace_of(number: int) -> Namespace:
    """Return the namespace that ns_number numbered."""
    return Namespace(number // 2, Mode.TEST if number % 2 else Mode.LIVE)


def entry_of(row: tuple[Any, ...]) -> CacheEntry:
    """Return the entry in a row of ENTRY_COLUMNS."""
    (
        ns, key, name, url_key, directory, blob, size, sha256, image_format, width, height,
        born_seq, born_number, born_ms, stored_ms, fresh_until, render_ms, verdict, negative,
        swr_s, sie_s, softened, tags, place,
    ) = row  # fmt: skip
    image_format = ImageFormat(image_format)
    return CacheEntry(
        namespace=namespace_of(ns),
        key=CacheKey(key),
        id=EntryId(name),
        url_key=url_key,
        path=f"{directory}/{name}.{image_format.extension}",
        blob_id=blob,
        size_bytes=size,
        sha256=sha256,
        format=image_format,
        width_px=width,
        height_px=height,
        birth=Birth(Seq(born_seq), born_number, from_ms(born_ms)),
        stored_at=from_ms(stored_ms),
        fresh_until=from_ms(fresh_until),
        render_ms=render_ms,
        verdict=_verdict_decoder.decode(verdict),
        negative=negative,
        swr_s=swr_s,
        sie_s=sie_s,
        softened=bool(softened),
        tags=tags_in(tags),
        place=place,
    )


def verdict_text(verdict: Verdict) -> str:
    """Return the JSON that a verdict is kept as."""
    return msgspec.json.encode(verdict.to_plain()).decode()


def directory_of(path: str) -> str:
    """Return the directory part of a storage path, without the last slash."""
    return path.rpartition("/")[0]


def filter_text(which: PurgeFilter) -> str:
    """Return the JSON that a purge filter is kept as."""
    return msgspec.json.encode(which.to_plain()).decode()


def record_of(row: tuple[Any, ...]) -> PurgeRecord:
    """Return the purge in a row of (seq, filter, soft)."""
    seq, text, soft = row
    return PurgeRecord(Seq(seq), PurgeFilter.from_plain(msgspec.json.decode(text)), bool(soft))


def entry_values(entry: CacheEntry, url_id: int, dir_id: int) -> tuple[object, ...]:
    """Return the values of an entry in the order of INSERT_ENTRY."""
    return (
        ns_number(entry.namespace), entry.key, entry.id, url_id, dir_id, entry.blob_id, entry.size_bytes,
        entry.sha256, entry.format.value, entry.width_px, entry.height_px, entry.birth.seq,
        entry.birth.number, to_ms(entry.birth.at), to_ms(entry.stored_at), to_ms(entry.fresh_until),
        to_ms(entry.drop_after), entry.render_ms, verdict_text(entry.verdict), entry.negative,
        entry.swr_s, entry.sie_s, entry.softened, spelled(entry.tags),
    )  # fmt: skip


INSERT_ENTRY = (
    "INSERT INTO entry(ns, ckey, name, url_id, dir_id, blob, size, sha256, format, width_px, height_px, "
    "born_seq, born_number, born_ms, stored_ms, fresh_until, drop_after, render_ms, verdict, negative, "
    "swr, sie, softened, tags) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
