"""One process's adapters behind the cache's ports, and short ways to fill them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from calotype.access.ports import KeyStore, Meter
from calotype.batches.ports import BatchLedger
from calotype.cache.entry import CacheEntry, Namespace
from calotype.cache.ports import BlobRegister, EntryIndex, Lease, Leases, PurgeLog, Stored
from calotype.cache.purge import Purge, PurgeFilter
from calotype.cache.room import RoomLedger
from calotype.cache.store import Origin
from calotype.jobs.engine import JobEngine
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite.batches import SqliteBatchLedger
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.entries import SqliteEntryIndex
from calotype.sql.sqlite.jobs import SqliteJobs
from calotype.sql.sqlite.keys import SqliteKeyStore
from calotype.sql.sqlite.leases import SqliteLeases
from calotype.sql.sqlite.meter import SqliteMeter
from calotype.sql.sqlite.purges import SqlitePurgeLog
from calotype.sql.sqlite.register import SqliteBlobRegister
from calotype.sql.sqlite.room import SqliteRoomLedger
from calotype.sql.sqlite.storage import SqliteBucketStore, SqliteCopies
from calotype.sql.sqlite.webhooks import SqliteDeliveries, SqliteEndpointStore
from calotype.storage.ports import BucketStore, Copies
from calotype.webhooks.ports import Deliveries, EndpointStore
from tests.support.builders import HERE, an_entry, an_origin
from tests.support.clock import HandClock


@dataclass
class Adapters:
    """What one process sees of an index that others may share."""

    index: EntryIndex
    leases: Leases
    purges: PurgeLog
    keys: KeyStore
    meter: Meter
    ledger: RoomLedger
    register: BlobRegister
    jobs: JobEngine
    batches: BatchLedger
    endpoints: EndpointStore
    deliveries: Deliveries
    buckets: BucketStore
    copies: Copies
    clock: HandClock

    async def lease(self, origin: Origin) -> Lease:
        """Take the lease on origin's key; nobody may hold it."""
        now = self.clock()
        lease = await self.leases.acquire(origin.namespace, origin.subject(now), now)
        assert isinstance(lease, Lease)
        return lease

    async def keep(
        self, origin: Origin, ttl_s: int = 3600, size_bytes: int = 7, *, swr_s: int = 0, sie_s: int = 0
    ) -> CacheEntry:
        """Store an entry of origin, as a render that begins and ends now would."""
        lease = await self.lease(origin)
        entry = an_entry(origin, birth=lease.birth, stored_at=self.clock(), ttl_s=ttl_s)
        entry = replace(entry, size_bytes=size_bytes, swr_s=swr_s, sie_s=sie_s)
        assert await self.index.commit(lease, entry) == Stored()
        await self.leases.release(lease)
        return entry

    async def keep_many(self, origins: list[Origin]) -> list[CacheEntry]:
        """Store an entry of each origin."""
        return await asyncio.gather(*(self.keep(origin) for origin in origins))

    async def has(self, *entries: CacheEntry) -> list[bool]:
        """Say of each entry whether it can be had, by its key and by its id alike."""
        there = []
        for entry in entries:
            by_key = await self.index.find(entry.namespace, entry.key)
            by_id = await self.index.find_by_id(entry.id)
            assert by_key == by_id
            there.append(by_key == entry)
        return there

    async def purge(
        self,
        which: PurgeFilter,
        namespace: Namespace = HERE,
        *,
        by: str = "test",
        dry_run: bool = False,
        soft: bool = False,
    ) -> Purge:
        """Purge now."""
        return await self.purges.purge(namespace, which, self.clock(), by=by, dry_run=dry_run, soft=soft)


@asynccontextmanager
async def sqlite_adapters(
    path: Path, clock: HandClock, busy_timeout_s: float = 5.0, row_cache_entries: int = 50_000
) -> AsyncIterator[Adapters]:
    """Open a SQLite index; a second one on the same path is as good as another process."""
    database = Database(SqliteSettings(path=path, busy_timeout_s=busy_timeout_s))
    jobs = SqliteJobs(database, clock)
    try:
        yield Adapters(
            index=SqliteEntryIndex(database, clock, row_cache_entries),
            leases=SqliteLeases(database),
            purges=SqlitePurgeLog(database),
            keys=SqliteKeyStore(database, clock),
            meter=SqliteMeter(database),
            ledger=SqliteRoomLedger(database),
            register=SqliteBlobRegister(database, clock),
            jobs=jobs,
            batches=SqliteBatchLedger(database, jobs),
            endpoints=SqliteEndpointStore(database),
            deliveries=SqliteDeliveries(database, jobs),
            buckets=SqliteBucketStore(database),
            copies=SqliteCopies(database, jobs),
            clock=clock,
        )
    finally:
        await database.close()


def pages(count: int, under: str = "https://example.com/", keys: str = "k") -> list[Origin]:
    """Return count origins, each with a key and a page of its own."""
    return [an_origin(f"{keys}{number}", f"{under}{number}") for number in range(count)]
