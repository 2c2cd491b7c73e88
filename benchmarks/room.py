"""Room: how often the two hands miss, beside FIFO and LRU on the same trace and in the same bytes."""

from __future__ import annotations

import asyncio
import hashlib
import random
import tempfile
import time
from bisect import bisect
from collections import OrderedDict
from itertools import accumulate
from pathlib import Path

from benchmarks.faults import BenchmarkFailed
from calotype.cache.entry import CacheKey, EntryId, Identity, Mode, Namespace
from calotype.cache.hot import HotBlobs
from calotype.cache.policy import DEFAULT_TTL_S, Lifetime
from calotype.cache.ports import Lease, Stored
from calotype.cache.room import Room, RoomLimits, TooLarge, held_bytes
from calotype.cache.store import CacheStore, Origin
from calotype.cache.url_key import url_key
from calotype.capture.output import ImageFormat
from calotype.capture.result import Capture
from calotype.capture.verdict import Verdict
from calotype.clock import utc_now
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.entries import SqliteEntryIndex
from calotype.sql.sqlite.leases import SqliteLeases
from calotype.sql.sqlite.purges import SqlitePurgeLog
from calotype.sql.sqlite.room import SqliteRoomLedger

REQUESTS, KEYS, ONCE, ALPHA, SEED = 12_000, 3000, 0.25, 0.9, 1
"""Zipf over the keys; a quarter of the requests is for a key that is never asked for again."""
SHARES = (0.03, 0.1, 0.3)
"""Of the bytes of all that is asked for again."""
_HERE = Namespace(1, Mode.LIVE)
_PNG = b"\x89PNG\r\n\x1a\n"
Trace = list[tuple[str, int]]


def run(_rounds: int, _seconds: int) -> None:
    """Measure and print. One round says it all: the trace is always the same."""
    trace = a_trace()
    again = sum({key: held_bytes(size) for key, size in trace if key.startswith("key")}.values())
    print(
        f"\nRoom: misses of {REQUESTS} requests, Zipf {ALPHA} over {KEYS} keys, {ONCE:.0%} asked for once\n"
    )
    print("| room | FIFO | LRU | two hands | ms a store |\n| --- | --- | --- | --- | --- |")
    for share in SHARES:
        max_bytes = int(again * share)
        fifo, lru = (simple_misses(trace, max_bytes, recent_first=recent) for recent in (False, True))
        began = time.perf_counter()
        misses = asyncio.run(misses_of_ours(trace, max_bytes))
        store_ms = (time.perf_counter() - began) * 1000 / misses
        told = " | ".join(f"{count / REQUESTS:.3f}" for count in (fifo, lru, misses))
        print(f"| {share:.0%} | {told} | {store_ms:.1f} |")


def a_trace() -> Trace:
    """Return (key, bytes) of every request."""
    chance = random.Random(SEED)
    weights = list(accumulate(1 / rank**ALPHA for rank in range(1, KEYS + 1)))
    sizes = [min(4000 + int(chance.lognormvariate(11, 0.8)), 400_000) for _ in range(KEYS)]
    trace = []
    for number in range(REQUESTS):
        if chance.random() < ONCE:
            trace.append((f"once{number}", sizes[number % KEYS]))
        else:
            rank = bisect(weights, chance.random() * weights[-1])
            trace.append((f"key{rank}", sizes[rank]))
    return trace


def simple_misses(trace: Trace, max_bytes: int, *, recent_first: bool) -> int:
    """Return the misses of LRU, or of FIFO."""
    kept: OrderedDict[str, int] = OrderedDict()
    used = misses = 0
    for key, size in trace:
        if key in kept:
            if recent_first:
                kept.move_to_end(key)
            continue
        misses += 1
        kept[key] = held_bytes(size)
        used += kept[key]
        while used > max_bytes:
            used -= kept.popitem(last=False)[1]
    return misses


async def misses_of_ours(trace: Trace, max_bytes: int) -> int:
    """Return the misses of the real store and index, watermarks and all; only the files are left out."""
    with tempfile.TemporaryDirectory(prefix="calotype-bench-") as folder:
        database = Database(SqliteSettings(path=Path(folder) / "index.sqlite"))
        try:
            purges, leases = SqlitePurgeLog(database), SqliteLeases(database)
            limits = RoomLimits(max_bytes=max_bytes, min_free_bytes=0)
            room = Room(SqliteRoomLedger(database), limits, lambda: 2**60, utc_now)
            index, blobs = SqliteEntryIndex(database, utc_now), _Weightless()
            store = CacheStore(index, purges, blobs, HotBlobs(0), utc_now, room)
            misses = 0
            for key, size in trace:
                if await store.open(_HERE, key) is None:
                    misses += 1
                    await _store(store, leases, key, size)
                    while await room.step() is not None:
                        await purges.sweep(utc_now())
            return misses
        finally:
            await database.close()


class _Weightless:
    """A BlobStore that keeps only how long each blob is."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}

    async def put(self, blob_id: str, data: bytes) -> None:
        """See BlobStore."""
        self._sizes[blob_id] = len(data)

    async def get(self, blob_id: str) -> bytes:
        """See BlobStore."""
        return bytes(self._sizes[blob_id])

    async def delete(self, blob_id: str) -> None:
        """See BlobStore."""
        self._sizes.pop(blob_id, None)


async def _store(store: CacheStore, leases: SqliteLeases, key: str, size: int) -> None:
    now, url = utc_now(), f"https://example.com/{key}"
    entry_id = EntryId(hashlib.sha256(key.encode()).hexdigest()[:32])
    origin = Origin(
        namespace=_HERE,
        identity=Identity(CacheKey(key), entry_id),
        content=entry_id,
        url_key=url_key(url),
        format=ImageFormat.PNG,
        negative=bytes(16),
    )
    capture = Capture(
        image=_PNG + bytes(size - len(_PNG)),
        format=ImageFormat.PNG,
        width_px=1,
        height_px=1,
        verdict=Verdict(http_status=200, final_url=url, title=""),
        render_ms=1,
    )
    lease = await leases.acquire(_HERE, origin.subject(now), now)
    if not isinstance(lease, Lease):
        raise BenchmarkFailed(f"somebody else renders {key}")
    outcome = await store.store(lease, store.unstored(lease, origin, capture, Lifetime(ttl_s=DEFAULT_TTL_S)))
    await leases.release(lease)
    if not isinstance(outcome, Stored | TooLarge):
        raise BenchmarkFailed(f"{key} was not stored: {outcome}")
