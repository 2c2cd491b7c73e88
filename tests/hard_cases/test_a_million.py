"""Hard cases 7 and 27 with the million entries that they speak of, for the night; `make test` has few.

The index, its triggers, leases, room, purge log and sweeper are the real ones; left out are the files of
the pictures. Speed is told, never asserted.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

import pytest

from benchmarks.bulk import HERE, AtOnce, Bulk, Storer, fill, finish
from calotype.cache.errors import BlobNotFound
from calotype.cache.globs import UrlGlob
from calotype.cache.ports import Barred, Stored
from calotype.cache.purge import PurgeFilter
from calotype.cache.room import BLOCK_BYTES, Room, RoomLimits
from calotype.cache.sweeper import Sweeper
from calotype.cache.url_key import url_key
from calotype.clock import to_ms
from tests.support.adapters import sqlite_adapters
from tests.support.builders import an_entry, an_origin
from tests.support.clock import NOON, HandClock
from tests.support.room import counted, simple_hits, told

ENTRIES, FEWEST = 1_000_000, 10_000
PURGE_S, SCAN_S = 480, 2400
"""What a million takes on two busy cores; a shorter share of the night gets as many fewer."""
HOST = "https://site.example/"

T = TypeVar("T")


def sized(night_s: float, full_size_s: float) -> int:
    """Return how many entries a share of the night is enough for, if all take full_size_s."""
    return max(FEWEST, min(ENTRIES, int(ENTRIES * night_s / full_size_s) // 10_000 * 10_000))


class OneHost(Bulk):
    """As a benchmark's index, but all in it is one host's."""

    __slots__ = ()

    def url_keys(self) -> list[str]:
        """See Bulk."""
        return [url_key(f"{HOST}{number % 9}/{number}.html") for number in range(self.entries // 4)]


class Longest:
    """The longest wait of each part of a run, in milliseconds; what spans two waited for the purge."""

    PURGE = "for the purge"

    def __init__(self) -> None:
        self.part = "before it"
        self.ms: Counter[str] = Counter()

    async def of(self, step: Awaitable[T]) -> T:
        """Await step, and note how long it took."""
        began_in, began = self.part, time.perf_counter()
        result = await step
        took = int((time.perf_counter() - began) * 1000)
        part = began_in if began_in == self.part else self.PURGE
        self.ms[part] = max(self.ms[part], took)
        return result

    def __str__(self) -> str:
        return ", ".join(f"{ms:,} ms {part}" for part, ms in self.ms.items())


class BlobNames:
    """A BlobStore that keeps no more of its blobs than their names; it must have whatever it is to delete."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    async def put(self, blob_id: str, data: bytes) -> None:
        """See BlobStore."""
        del data
        self.names.add(blob_id)

    async def get(self, blob_id: str) -> bytes:
        """See BlobStore."""
        raise BlobNotFound(blob_id)

    async def delete(self, blob_id: str) -> None:
        """See BlobStore."""
        self.names.remove(blob_id)


class PurgeOfAHost:
    """Case 7: readers and writers at their work, a purge of all that the index held, and its sweep."""

    READERS, WRITERS = 200, 20
    SITES = (HOST, HOST, "https://other.example/")
    PAUSE_S = 0.05
    """Between two reads of a reader, and while a writer renders: 4,000 reads, 400 stores a second at most."""

    def __init__(self, bulk, here, there, clock, sweep_s):
        self.bulk, self.here, self.there, self.clock, self.sweep_s = bulk, here, there, clock, sweep_s
        self.stale, self.written, self.barred, self.reads = [], [], 0, 0
        self.write_waits, self.read_waits = Longest(), Longest()
        self.answered, self.over = asyncio.Event(), asyncio.Event()

    def of_either(self, number):
        return (self.here, self.there)[number % 2]

    async def live(self):
        """Return for each entry of the host whether it can be had and is of use yet."""
        live = bytearray(self.bulk.entries)
        for number in range(self.bulk.entries):
            entry = await self.of_either(number // 1000).index.find(HERE, self.bulk.key(number))
            live[number] = entry is not None and entry.drop_after > self.clock()
        return live

    async def read(self, number):
        chance, index = random.Random(number), self.of_either(number).index
        while not self.over.is_set():
            key, after = self.bulk.key(chance.randrange(self.bulk.entries)), self.answered.is_set()
            if await self.read_waits.of(index.find(HERE, key)) is not None and after:
                self.stale.append(key)
            self.reads += 1
            await asyncio.sleep(self.PAUSE_S)

    async def write(self, number):
        here, timed = self.here, self.write_waits.of
        for turn in itertools.count():
            origin = an_origin(f"w{number}-{turn}", f"{self.SITES[(turn + number) % 3]}w{number}/{turn}")
            lease = await timed(here.lease(origin))
            await asyncio.sleep(self.PAUSE_S)
            entry = an_entry(origin, birth=lease.birth, stored_at=self.clock(), ttl_s=86_400)
            outcome = await timed(here.index.commit(lease, entry))
            await timed(here.leases.release(lease))
            if outcome == Stored():
                self.written.append(entry)
            else:
                assert isinstance(outcome, Barred)  # its render had begun before the purge
                self.barred += 1
            if self.over.is_set():
                return

    def enter(self, part):
        self.write_waits.part = self.read_waits.part = part

    async def run(self):
        """Purge once every writer has written, sweep for a while, and let all come to their end."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(self.READERS):
                tasks.create_task(self.read(number))
            for number in range(self.WRITERS):
                tasks.create_task(self.write(number))
            while len(self.written) < 5 * self.WRITERS:  # noqa: ASYNC110  they tell nobody
                await asyncio.sleep(0.01)
            self.enter(Longest.PURGE)
            began = time.perf_counter()
            purge = await self.here.purge(PurgeFilter(url=UrlGlob(f"{HOST}*")))
            self.answered.set()
            took_ms = (time.perf_counter() - began) * 1000
            self.enter("beside the sweep")
            sweeper, end = Sweeper(self.here.purges, BlobNames(), self.clock), time.monotonic() + self.sweep_s
            while await sweeper.step() and time.monotonic() < end:  # noqa: ASYNC110  a Sweeper's breath
                await asyncio.sleep(0.02)
            self.over.set()
        return purge, took_ms


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_a_purge_of_a_million_among_readers_and_writers_is_seen_by_all_and_its_count_exact(
    tmp_path, capsys, night_s
):
    bulk, path = OneHost(sized(night_s, PURGE_S), to_ms(NOON)), tmp_path / "index.db"
    fill(path, bulk, step_by_step=1000)

    async def scene():
        clock = HandClock(bulk.now())
        async with sqlite_adapters(path, clock) as here, sqlite_adapters(path, clock) as there:
            case = PurgeOfAHost(bulk, here, there, clock, sweep_s=min(night_s, PURGE_S) / 8)
            before = await case.live()
            assert sum(before) > bulk.entries * 0.98
            purge, took_ms = await case.run()

            rows = here.ledger.usage().entries
            left = [entry for entry in case.written if await here.index.find(HERE, entry.key)]
            gone = len(case.written) - len(left)
            with capsys.disabled():
                print(  # noqa: T201
                    f"\n{bulk.entries:,} entries: {purge.count:,} purged in {took_ms:,.0f} ms; longest write "
                    f"{case.write_waits}; longest read {case.read_waits}; {case.reads:,} reads, "
                    f"{len(case.written):,} stores, {case.barred:,} barred; swept "
                    f"{bulk.entries + len(case.written) - rows:,}; load {os.getloadavg()[0]:.1f}"
                )
            assert case.stale == []
            assert case.reads > 5 * case.READERS
            after = await case.live()
            vanished = sum(had and not has for had, has in zip(before, after, strict=True))
            assert sum(after) == 0
            assert purge.count == vanished + gone
            assert (await here.index.stats(HERE)).entries == len(left)
            assert {entry.url_key for entry in left} >= {
                entry.url_key for entry in case.written if not entry.url_key.startswith(url_key(HOST))
            }
            assert rows < bulk.entries + len(left)

    asyncio.run(scene())


class ScannedCache:
    """Case 27: a cache of a fiftieth of the scan, half of it wanted."""

    ASKS_PER_STORE = 1 / 5
    """So two and a half rooms' worth of pages come and go between two hits on the same hot entry."""

    def __init__(self, adapters, blocks, clock):
        self.adapters, self.clock, self.blobs = adapters, clock, BlobNames()
        self.limits = RoomLimits(max_bytes=blocks * BLOCK_BYTES, min_free_bytes=0)
        self.room = Room(adapters.ledger, self.limits, lambda: 2**50, clock)
        self.sweeper = Sweeper(adapters.purges, self.blobs, clock)
        self.trace = []

    async def store(self, keys):
        """Store under each key with lease, commit and release, all in one transaction; then make room."""
        stored_at = self.clock()
        entries = [
            an_entry(an_origin(key, f"https://example.com/{key}"), stored_at=stored_at, ttl_s=2_592_000)
            for key in keys
        ]

        def commit(connection):
            storer = Storer(AtOnce(connection))
            for entry in entries:
                finish(storer.store(entry))

        await self.adapters.index._database.write(commit)
        for entry in entries:
            await self.blobs.put(entry.blob_id, b"")
        self.trace += [(key, BLOCK_BYTES) for key in keys]
        self.clock.advance(seconds=1)
        while await self.room.step() is not None:
            await self.sweeper.step()

    async def ask(self, key):
        """Say whether key is a hit; a miss is not made good."""
        self.trace.append((key, BLOCK_BYTES))
        entry = await self.adapters.index.find(HERE, key)
        if entry is not None:
            self.room.touched.add(entry.place)
        return entry is not None

    def named_blobs(self):
        """Return the blobs that entries name."""
        rows = self.adapters.index._database.reader.execute("SELECT blob FROM entry")
        return {blob for (blob,) in rows}

    async def tidy(self):
        """Wait out the outbox's minute, and sweep to the end."""
        self.clock.advance(hours=1)
        while await self.sweeper.step():
            pass


@pytest.mark.nightly
@pytest.mark.timeout(3600)
async def test_a_scan_of_a_million_pages_asked_for_once_leaves_all_that_is_wanted(tmp_path, capsys, night_s):
    count, clock = sized(night_s, SCAN_S), HandClock()
    blocks = count // 50
    at_once, hot = max(1, blocks // 40), [f"hot{number}" for number in range(blocks // 2)]
    async with sqlite_adapters(tmp_path / "index.db", clock) as adapters:
        cache = ScannedCache(adapters, blocks, clock)
        for first in range(0, len(hot), at_once):
            await cache.store(hot[first : first + at_once])
        assert all([await cache.ask(key) for key in hot])
        found: Counter[bool] = Counter()
        began, wanted = time.monotonic(), itertools.cycle(hot)
        for first in range(0, count, at_once):
            await cache.store([f"scan{number}" for number in range(first, min(first + at_once, count))])
            while found.total() < (first + at_once) * cache.ASKS_PER_STORE:
                found[await cache.ask(next(wanted))] += 1
        took_s = time.monotonic() - began

        lru = simple_hits(cache.trace, cache.limits.max_bytes, recent_first=True) - len(hot)
        still = sum([await cache.ask(key) for key in hot])
        with capsys.disabled():
            print(  # noqa: T201
                f"\n{count:,} pages scanned in {took_s:,.0f} s through room for {blocks:,}: {still:,} of "
                f"{len(hot):,} hot ones are there, {found[True]:,} of {found.total():,} asked for were hits "
                f"(LRU: {lru:,})"
            )
        assert found == {True: count * cache.ASKS_PER_STORE}
        assert still == len(hot)
        assert lru < found.total() / 10  # or the scan would push nothing out
        usage = adapters.ledger.usage()
        assert told(usage) == counted(adapters)
        assert usage.used_bytes <= cache.limits.start_bytes
        await cache.tidy()
        assert cache.blobs.names == cache.named_blobs()
