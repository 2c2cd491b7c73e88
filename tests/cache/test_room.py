"""Room: the cache stays within its bytes and the disk keeps its free space, and what is wanted most stays."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from calotype.cache.errors import StoreUnavailable
from calotype.cache.hands import Hand
from calotype.cache.purge import PurgeFilter
from calotype.cache.room import CHUNK, Room, RoomLimits
from calotype.cache.sweeper import Sweeper
from calotype.sql.sqlite import purges
from calotype.sql.sqlite import room as sqlite_room
from tests.support.adapters import pages
from tests.support.builders import HERE, an_origin
from tests.support.clock import HandClock
from tests.support.room import Bounded, a_trace, counted, simple_hits, told
from tests.support.service import a_bench
from tests.support.shots import a_studio

BLOCK = 4096
PLENTY = 2**50


@pytest.fixture
def clock():
    return HandClock()


def a_room(adapters, blocks, *, min_free=0, free=lambda: PLENTY):
    limits = RoomLimits(max_bytes=blocks * BLOCK, min_free_bytes=min_free)
    return Room(adapters.ledger, limits, free, adapters.clock)


async def keep(adapters, count, keys="k"):
    """Store count entries of one block, in order."""
    for origin in pages(count, keys=keys):
        await adapters.keep(origin)


async def settle(adapters, room):
    await Bounded(adapters, room).settle()


async def keys(adapters):
    entries, _ = await adapters.index.page(HERE, None, None, 1000)
    return [entry.key for entry in reversed(entries)]


def used_blocks(adapters):
    return adapters.ledger.usage().used_bytes // BLOCK


class TestMarks:
    async def test_up_to_95_percent_nothing_goes(self, adapters):
        await keep(adapters, 95)

        assert await a_room(adapters, 100).step() is None
        assert used_blocks(adapters) == 95

    async def test_above_it_goes_down_to_90_percent(self, adapters):
        await keep(adapters, 96)
        await settle(adapters, a_room(adapters, 100))

        assert used_blocks(adapters) == 90

    async def test_it_does_so_however_many_chunks_that_takes(self, adapters, monkeypatch):
        monkeypatch.setattr(sqlite_room, "CHUNK", 1)
        await keep(adapters, 96)
        await settle(adapters, a_room(adapters, 100))

        assert used_blocks(adapters) == 90

    async def test_without_a_hit_the_oldest_go(self, adapters):
        await keep(adapters, 96)
        await settle(adapters, a_room(adapters, 100))

        assert await keys(adapters) == [f"k{number}" for number in range(6, 96)]

    async def test_the_breath_between_chunks_is_shorter_the_fuller_it_is(self, adapters):
        pauses = []
        for blocks in (100, 98, 97, 50):
            await keep(adapters, 96)
            pauses.append(await a_room(adapters, blocks).step())

        assert pauses == sorted(pauses, reverse=True)
        assert pauses[0] > pauses[1] > pauses[2] > 0

    async def test_one_chunk_takes_a_bounded_number_however_much_there_is(self, adapters):
        await adapters.keep_many(pages(250))
        room = a_room(adapters, 10)
        await room.step()

        assert used_blocks(adapters) == 250 - CHUNK
        await settle(adapters, room)
        assert used_blocks(adapters) == 9

    async def test_an_empty_cache_on_a_full_disk_has_nothing_to_do(self, adapters):
        assert await a_room(adapters, 10, min_free=100, free=lambda: 0).step() is None


class TestWhatGoesFirst:
    async def test_what_has_expired_goes_before_anything_that_can_be_had(self, adapters, clock):
        await keep(adapters, 70)
        for origin in pages(26, keys="brief"):
            await adapters.keep(origin, 60)
        clock.advance(minutes=20)
        await settle(adapters, a_room(adapters, 100))

        assert await keys(adapters) == [f"k{number}" for number in range(70)]

    async def test_what_was_purged_goes_before_anything_that_can_be_had(self, adapters, monkeypatch):
        monkeypatch.setattr(purges, "DELETED_AT_ONCE", -1)
        await keep(adapters, 70)
        await adapters.keep_many(pages(26, "https://purged.example/", "purged"))
        await adapters.purge(PurgeFilter(keys=tuple(f"purged{number}" for number in range(26))))
        await settle(adapters, a_room(adapters, 100))

        assert await keys(adapters) == [f"k{number}" for number in range(70)]
        assert used_blocks(adapters) == 70

    async def test_beyond_the_budget_the_hands_do_not_wait_for_the_sweep(self, adapters, clock):
        await keep(adapters, 110)
        room = a_room(adapters, 100)
        await room.step()

        assert used_blocks(adapters) == 90
        assert adapters.ledger.usage().sweeping

    async def test_what_was_asked_for_stays(self, adapters):
        await keep(adapters, 96)
        room = a_room(adapters, 100)
        for number in (0, 2, 4):
            entry = await adapters.index.find(HERE, f"k{number}")
            room.touched.add(entry.place)
        await settle(adapters, room)

        assert (await keys(adapters))[:4] == ["k0", "k2", "k4", "k9"]

    async def test_what_is_being_refreshed_stays(self, adapters):
        await keep(adapters, 96)
        await adapters.lease(an_origin("k0"))
        await settle(adapters, a_room(adapters, 100))

        assert (await keys(adapters))[:2] == ["k0", "k7"]

    async def test_a_hand_that_only_passes_is_seen_to_have_moved(self, adapters):
        # Hits that repeat are not noted one by one: they are forgotten whenever anything is committed.
        await keep(adapters, 96)
        room = a_room(adapters, 95)
        for place in range(1, 97):
            room.touched.add(place)
        version = adapters.index._database.data_version()
        await room.step()

        assert used_blocks(adapters) == 96
        assert adapters.index._database.data_version() != version

    async def test_when_all_was_asked_for_something_goes_all_the_same(self, adapters):
        await keep(adapters, 96)
        room = a_room(adapters, 100)
        for place in range(1, 97):
            room.touched.add(place)
        await settle(adapters, room)

        assert used_blocks(adapters) == 90


class TestScans:
    async def test_a_scan_of_pages_asked_for_once_leaves_what_is_wanted(self, adapters):
        cache = Bounded(adapters, a_room(adapters, 60))
        hot = [f"hot{number}" for number in range(30)]
        for key in hot * 2:
            await cache.ask(key, BLOCK)
        found: Counter[bool] = Counter()
        for number in range(240):
            assert not await cache.ask(f"scan{number}", BLOCK)
            found[await cache.ask(hot[number % 30], BLOCK)] += 1

        assert found == {True: 240}

    async def test_a_scan_with_no_hit_in_between_leaves_it_too(self, adapters):
        cache = Bounded(adapters, a_room(adapters, 60))
        hot = [f"hot{number}" for number in range(30)]
        for key in hot * 2:
            await cache.ask(key, BLOCK)
        for number in range(60):  # these push the first hand past the hot ones
            await cache.ask(f"before{number}", BLOCK)
        for number in range(200):
            await cache.ask(f"scan{number}", BLOCK)

        assert sum([await cache.ask(key, BLOCK) for key in hot]) == 30

    async def test_it_hits_more_often_than_fifo_and_lru(self, adapters):
        trace = a_trace(1600, 400, seed=3)
        footprint = sum(dict(item for item in trace if item[0].startswith("key")).values())
        max_bytes = footprint // 10
        room = Room(
            adapters.ledger, RoomLimits(max_bytes=max_bytes, min_free_bytes=0), lambda: PLENTY, adapters.clock
        )
        cache = Bounded(adapters, room)
        hits = sum([await cache.ask(key, size) for key, size in trace])

        fifo, lru = (simple_hits(trace, max_bytes, recent_first=recent) for recent in (False, True))
        assert hits > 1.1 * lru > 1.1 * fifo


class TestALowerBudget:
    async def test_all_above_it_goes_and_what_is_wanted_stays(self, adapters):
        await keep(adapters, 90)
        lower = a_room(adapters, 20)
        for number in range(80, 90):
            lower.touched.add((await adapters.index.find(HERE, f"k{number}")).place)
        await settle(adapters, lower)

        assert used_blocks(adapters) == 18
        assert set(await keys(adapters)) >= {f"k{number}" for number in range(80, 90)}

    async def test_a_restart_with_it_evicts_in_the_background(self, tmp_path):
        async with a_bench(tmp_path, CALOTYPE_CACHE_MIN_FREE="0") as bench:
            bench.renderer.picture_bytes = 50_000
            asked = [
                bench.client.post("/v1/screenshot", json={"url": f"https://example.com/{number}"})
                for number in range(40)
            ]
            assert {reply.status_code for reply in await asyncio.gather(*asked)} == {200}
        async with a_bench(tmp_path, CALOTYPE_CACHE_MIN_FREE="0", CALOTYPE_CACHE_MAX_BYTES="1MiB") as bench:
            usage = bench.service.remembering.room._ledger.usage
            async with asyncio.timeout(20):
                while usage().used_bytes > 2**20 * 0.9:  # noqa: ASYNC110 - the background tells nobody
                    await asyncio.sleep(0.02)
            stats = await bench.service.remembering.store.stats()
            assert stats.entries == usage().entries == 2**20 * 9 // 10 // (13 * BLOCK)


@asynccontextmanager
async def bounded_studio(folder, clock, blocks, **how):
    limits = RoomLimits(max_bytes=blocks * BLOCK, min_free_bytes=how.pop("min_free", 0))
    async with a_studio(folder, clock, limits=limits, hot_bytes=0, **how) as studio:
        yield studio


def url(number):
    return f"https://example.com/{number}"


class TestStores:
    async def test_a_picture_beyond_5_percent_is_served_and_not_stored(self, tmp_path, clock):
        async with bounded_studio(tmp_path, clock, 100) as studio:
            studio.renderer.picture_bytes = 5 * BLOCK
            assert (await studio.take(url(1))).stored
            studio.renderer.picture_bytes = 5 * BLOCK + 1
            shot = await studio.take(url(2))

            assert (shot.stored, shot.detail) == (False, "too-large")
            assert len(shot.opened.data) == 5 * BLOCK + 1
            assert len(studio.blob_files()) == 1
            assert (await studio.take(url(1))).stored

    async def test_a_large_one_in_a_small_budget_pushes_nothing_out(self, tmp_path, clock):
        async with bounded_studio(tmp_path, clock, 2560) as studio:  # 10 MiB
            small = [await studio.take(url(number)) for number in range(20)]
            studio.renderer.picture_bytes = 5 * 1024 * 1024
            assert (await studio.take(url("large"))).detail == "too-large"
            while await studio.room.step() is not None:
                pass

            assert [(await studio.take(url(number))).opened for number in range(20)] == [
                shot.opened for shot in small
            ]

    async def test_a_store_that_finds_the_budget_used_up_makes_room_for_itself(self, tmp_path, clock):
        async with bounded_studio(tmp_path, clock, 20) as studio:
            for number in range(50):
                assert (await studio.take(url(number))).stored
                assert used_blocks(studio.adapters) <= 20

            assert told(studio.adapters.ledger.usage()) == counted(studio.adapters)

    async def test_many_at_once_never_exceed_the_budget_either(self, tmp_path, clock):
        async with bounded_studio(tmp_path, clock, 20) as studio:
            most = 0

            async def watch():
                nonlocal most
                while True:
                    most = max(most, used_blocks(studio.adapters))
                    await asyncio.sleep(0)

            watching = asyncio.create_task(watch())
            shots = await asyncio.gather(*(studio.take(url(number)) for number in range(100)))
            watching.cancel()

            assert most <= 20
            assert {shot.detail for shot in shots} <= {None, "no-room"}
            assert sum(shot.stored for shot in shots) >= 10
            assert (await studio.take(url("after"))).stored

    async def test_where_no_room_can_be_made_the_picture_is_served_and_not_stored(self, tmp_path, clock):
        async with bounded_studio(tmp_path, clock, 20) as studio:
            kept = [await studio.take(url(number)) for number in range(20)]
            for shot in kept:  # all of them are being refreshed elsewhere
                entry = shot.opened.entry
                await studio.adapters.leases.acquire(HERE, entry.subject, clock())
            shot = await studio.take(url("more"))

            assert (shot.stored, shot.detail) == (False, "no-room")
            assert len(shot.opened.data) > 0
            assert len(studio.blob_files()) == 20

    async def test_what_a_failed_store_had_reserved_is_free_again(self, tmp_path, clock):
        async with bounded_studio(tmp_path, clock, 20) as studio:
            studio.renderer.spoil = b"no picture"
            for number in range(30):
                assert (await studio.take(url(number))).detail == "store-unavailable"
            room = studio.store._room

            class NoDisk:
                async def put(self, blob_id, data):
                    raise StoreUnavailable("the disk is not there")

            studio.renderer.spoil, studio.store._blobs = None, NoDisk()
            for number in range(30):
                assert (await studio.take(url(number))).detail == "store-unavailable"
            assert not room._reserved

    async def test_a_hit_writes_nothing(self, tmp_path, clock):
        async with bounded_studio(tmp_path, clock, 20) as studio:
            shot = await studio.take()
            version = studio.adapters.index._database.data_version()
            for _ in range(10):
                assert (await studio.take()).opened == shot.opened

            assert studio.adapters.index._database.data_version() == version
            usage = studio.adapters.ledger.usage()
            (candidate,) = await studio.adapters.ledger.candidates(Hand.PROBATION, usage, clock())
            assert studio.room.touched.take(candidate.place)

    async def test_every_way_of_opening_an_entry_counts_as_asking_for_it(self, tmp_path, clock):
        async with bounded_studio(tmp_path, clock, 20) as studio:
            entry = (await studio.take()).opened.entry
            ways = [
                studio.take,
                lambda: studio.store.open(HERE, entry.key),
                lambda: studio.store.open(HERE, entry.id),
                lambda: studio.store.open_public(entry.path),
            ]
            place = (await studio.adapters.index.find(HERE, entry.key)).place
            for way in ways:
                assert not studio.room.touched.take(place)
                await way()
                assert studio.room.touched.take(place)


class TestEvictionBesideOthers:
    async def test_an_entry_that_was_looked_up_can_still_be_read_when_it_is_evicted(self, tmp_path, clock):
        async with bounded_studio(tmp_path, clock, 100) as studio:
            studio.renderer.picture_bytes = 5 * BLOCK
            shots = [await studio.take(url(number)) for number in range(20)]
            lookups = [await studio.adapters.index.find(HERE, shot.opened.entry.key) for shot in shots]
            studio.room._limits = RoomLimits(max_bytes=20, min_free_bytes=0)
            while await studio.room.step() is not None:
                await studio.sweeper.step()
            assert used_blocks(studio.adapters) == 0

            opened = [await studio.store.read(entry) for entry in lookups]
            assert [entry.data for entry in opened] == [shot.opened.data for shot in shots]
            clock.advance(minutes=2)
            await studio.sweeper.step()
            assert studio.blob_files() == set()

    @pytest.mark.parametrize("seed", range(3))
    async def test_eviction_purge_sweep_and_expiry_of_the_same_entries_delete_each_blob_once(
        self, tmp_path, clock, seed, monkeypatch
    ):
        chance = random.Random(seed)
        monkeypatch.setattr(purges, "DELETED_AT_ONCE", 2)
        async with (
            bounded_studio(tmp_path, clock, 30) as here,
            bounded_studio(tmp_path, clock, 30) as there,
        ):
            deleted: Counter[str] = Counter()
            blobs = CountedBlobs(here.blobs, deleted)
            sweeper = Sweeper(here.adapters.purges, blobs, clock)
            stored = []

            async def take(studio):
                shot = await studio.take(
                    url(chance.randrange(40)), ttl_s=chance.choice([60, 3600]), refresh=chance.random() < 0.3
                )
                if shot.stored:
                    stored.append(shot.opened.entry.blob_id)

            async def purge(studio):
                await studio.store.purge(HERE, PurgeFilter(before=clock.now))

            for _ in range(25):
                clock.advance(seconds=chance.choice([1, 30, 300]))
                await asyncio.gather(
                    *(take(chance.choice([here, there])) for _ in range(6)),
                    *([purge(there)] if chance.random() < 0.2 else []),
                    here.room.step(), there.room.step(), sweeper.step(),
                )  # fmt: skip
                assert told(here.adapters.ledger.usage()) == counted(here.adapters)
                assert used_blocks(here.adapters) <= 36
            await here.store.purge(HERE, PurgeFilter(everything=True))
            for _ in range(3):
                clock.advance(hours=2)
                while await sweeper.step():
                    pass

            assert set(deleted) == set(stored)
            assert set(deleted.values()) == {1}
            assert here.blob_files() == set()
            assert told(here.adapters.ledger.usage()) == (0, 0, 0)

    async def test_two_processes_that_evict_at_once_stop_at_the_same_mark(self, adapters, elsewhere):
        await keep(adapters, 99)
        rooms = [a_room(adapters, 100), a_room(elsewhere, 100)]
        while set(await asyncio.gather(*(room.step() for room in rooms))) != {None}:
            await adapters.purges.sweep(adapters.clock())

        assert used_blocks(adapters) == 90

    async def test_an_index_that_cannot_be_used_puts_eviction_off(self, adapters, caplog):
        room = a_room(adapters, 1)
        await keep(adapters, 3)
        await adapters.index._database.close()
        running = asyncio.create_task(room.run())
        await asyncio.sleep(0)
        await asyncio.sleep(0)

        assert "eviction put off" in caplog.text
        assert not running.done()
        running.cancel()
        await asyncio.wait([running])


class CountedBlobs:
    """Blobs whose deletions are counted."""

    def __init__(self, blobs, deleted):
        self._blobs, self._deleted = blobs, deleted
        self.put, self.get = blobs.put, blobs.get

    async def delete(self, blob_id):
        self._deleted[blob_id] += 1
        await self._blobs.delete(blob_id)


class Disk:
    """Free space as the test says, with what was let go coming free when the test says."""

    def __init__(self, free):
        self.free = free

    def __call__(self):
        return self.free


class TestAFullDisk:
    async def test_what_is_to_stay_free_stays_free(self, tmp_path, clock):
        disk = Disk(100 * BLOCK)
        async with bounded_studio(tmp_path, clock, 1000, min_free=100 * BLOCK, free_bytes=disk) as studio:
            shot = await studio.take()
            assert (shot.stored, shot.detail) == (False, "no-room")
            assert studio.blob_files() == set()
            disk.free += BLOCK

            assert (await studio.take()).stored

    async def test_entries_go_until_enough_will_be_free_and_no_further(self, adapters, clock):
        await keep(adapters, 80)
        disk = Disk(105 * BLOCK)
        room = a_room(adapters, 1000, min_free=100 * BLOCK, free=disk)
        await settle(adapters, room)
        assert used_blocks(adapters) == 65

        # The blobs are still on the disk, and that is known.
        clock.advance(seconds=30)
        assert await room.step() is None
        disk.free += 15 * BLOCK
        clock.advance(seconds=40)
        assert await room.step() is None
        assert used_blocks(adapters) == 65

    async def test_if_it_does_not_get_better_more_entries_go_a_while_later(self, adapters, clock):
        await keep(adapters, 80)
        room = a_room(adapters, 1000, min_free=100 * BLOCK, free=Disk(105 * BLOCK))
        await settle(adapters, room)
        clock.advance(seconds=70)
        await settle(adapters, room)

        assert used_blocks(adapters) == 50

    async def test_a_disk_that_cannot_be_asked_is_left_to_whoever_writes(self, tmp_path, clock):
        def unknown():
            raise StoreUnavailable("the disk is not there")

        async with bounded_studio(tmp_path, clock, 100, min_free=100, free_bytes=unknown) as studio:
            assert (await studio.take()).stored
            assert await studio.room.step() is None
