"""Budgets: no account holds more than its share, and what it lets go for that is its own."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from calotype.cache.entry import Mode, Namespace
from calotype.cache.purge import PurgeFilter
from calotype.cache.room import Budget, NoRoom, Room, RoomLimits
from calotype.sql.sqlite import purges
from calotype.sql.sqlite import room as sqlite_room
from tests.support.builders import HERE, THERE, TRIAL, an_origin
from tests.support.room import Bounded, counted, told
from tests.support.shots import a_studio

BLOCK = 4096
PLENTY = 2**50
OURS, THEIRS = HERE.account, THERE.account


def the_limits(blocks, *, all_blocks=1000):
    return RoomLimits(
        max_bytes=all_blocks * BLOCK, min_free_bytes=0, account=Budget(max_bytes=blocks * BLOCK)
    )


def a_room(adapters, blocks):
    return Room(adapters.ledger, the_limits(blocks), lambda: PLENTY, adapters.clock)


@asynccontextmanager
async def a_shared_studio(folder, clock, blocks, *, all_blocks=1000):
    limits = the_limits(blocks, all_blocks=all_blocks)
    async with a_studio(folder, clock, limits=limits, hot_bytes=0) as studio:
        yield studio


async def keep(adapters, count, namespace=HERE, keys="k", ttl_s=3600):
    """Store count entries of one block, in order."""
    for number in range(count):
        url = f"https://example.com/{keys}{number}"
        await adapters.keep(an_origin(f"{keys}{number}", url, namespace), ttl_s)


async def keys(adapters, namespace=HERE):
    entries, _ = await adapters.index.page(namespace, None, None, 1000)
    return [entry.key for entry in reversed(entries)]


async def settle(adapters, room):
    await Bounded(adapters, room).settle()


def blocks_of(adapters, account=OURS):
    return adapters.ledger.usage(account).used_bytes // BLOCK


def url(number):
    return f"https://example.com/{number}"


class TestStores:
    async def test_a_flood_of_one_account_leaves_the_pictures_of_others_alone(self, tmp_path, clock):
        async with a_shared_studio(tmp_path, clock, 20) as studio:
            theirs = [await studio.take(url(number), namespace=THERE) for number in range(20)]
            for number in range(100):
                assert (await studio.take(url(number))).stored
                assert blocks_of(studio.adapters) <= 20

            assert await studio.adapters.has(*(shot.opened.entry for shot in theirs)) == [True] * 20
            assert blocks_of(studio.adapters) > 10

    async def test_it_leaves_what_the_account_itself_asks_for_too(self, tmp_path, clock):
        async with a_shared_studio(tmp_path, clock, 40) as studio:
            wanted = [url(f"wanted{number}") for number in range(20)]
            for page in wanted * 2:
                await studio.take(page)
            for number in range(100):
                assert (await studio.take(url(number))).stored
                await studio.take(wanted[number % 20])

            assert len(studio.renderer.renders) == 20 + 100

    async def test_live_and_test_mode_count_together(self, tmp_path, clock):
        async with a_shared_studio(tmp_path, clock, 20) as studio:
            for number in range(20):
                await studio.take(url(number), namespace=TRIAL)
            for number in range(15):
                assert (await studio.take(url(number))).stored
                assert blocks_of(studio.adapters) <= 20

            assert len(await keys(studio.adapters)) == 15
            assert len(await keys(studio.adapters, TRIAL)) == 5

    async def test_a_picture_beyond_5_percent_of_the_budget_is_served_and_not_stored(self, tmp_path, clock):
        async with a_shared_studio(tmp_path, clock, 100) as studio:
            studio.renderer.picture_bytes = 5 * BLOCK
            assert (await studio.take(url(1))).stored
            studio.renderer.picture_bytes = 5 * BLOCK + 1
            shot = await studio.take(url(2))

            assert (shot.stored, shot.detail) == (False, "too-large")
            assert len(shot.opened.data) == 5 * BLOCK + 1
            assert (await studio.take(url(1))).stored

    async def test_many_at_once_never_exceed_the_budget_and_hold_nobody_else_up(self, tmp_path, clock):
        async with a_shared_studio(tmp_path, clock, 20) as studio:
            most = 0

            async def watch():
                nonlocal most
                while True:
                    most = max(most, blocks_of(studio.adapters))
                    await asyncio.sleep(0)

            watching = asyncio.create_task(watch())
            ours = [studio.take(url(number), namespace=(HERE, TRIAL)[number % 2]) for number in range(100)]
            theirs = [studio.take(url(number), namespace=THERE) for number in range(20)]
            shots = await asyncio.gather(*ours, *theirs)
            watching.cancel()

            assert most <= 20
            assert {shot.detail for shot in shots} <= {None, "no-room"}
            assert sum(shot.stored for shot in shots[:100]) >= 10
            assert all(shot.stored for shot in shots[100:])
            assert blocks_of(studio.adapters, THEIRS) == 20
            assert (await studio.take(url("after"))).stored

    async def test_where_all_is_being_refreshed_there_is_no_room_but_others_have_some(self, tmp_path, clock):
        async with a_shared_studio(tmp_path, clock, 20) as studio:
            kept = [await studio.take(url(number)) for number in range(20)]
            for shot in kept:
                await studio.adapters.leases.acquire(HERE, shot.opened.entry.subject, clock())
            shot = await studio.take(url("more"))

            assert (shot.stored, shot.detail) == (False, "no-room")
            assert blocks_of(studio.adapters) == 20
            assert (await studio.take(url("more"), namespace=THERE)).stored

    async def test_a_refresh_that_yields_the_same_bytes_takes_no_room(self, tmp_path, clock):
        async with a_shared_studio(tmp_path, clock, 20) as studio:
            studio.renderer.same = 1
            for number in range(20):
                await studio.take(url(number))
            before = await keys(studio.adapters)
            clock.advance(seconds=1)
            assert (await studio.take(url(0), refresh=True)).stored

            assert set(await keys(studio.adapters)) == set(before)
            assert told(studio.adapters.ledger.usage(OURS)) == counted(studio.adapters, OURS)
            assert blocks_of(studio.adapters) == 20

    async def test_a_full_cache_evicts_for_a_store_as_if_there_were_no_accounts(self, tmp_path, clock):
        async with a_shared_studio(tmp_path, clock, 20, all_blocks=30) as studio:
            for number in range(20):
                await studio.take(url(number))
            for number in range(20):
                assert (await studio.take(url(number), namespace=THERE)).stored

            assert studio.adapters.ledger.usage().used_bytes <= 30 * BLOCK
            assert blocks_of(studio.adapters, THEIRS) == 20

    async def test_a_hit_writes_nothing(self, tmp_path, clock):
        async with a_shared_studio(tmp_path, clock, 20) as studio:
            shot = await studio.take()
            version = studio.adapters.index._database.data_version()
            for _ in range(10):
                assert (await studio.take()).opened == shot.opened

            assert studio.adapters.index._database.data_version() == version


class TestWhatIsReserved:
    async def test_it_is_free_again_when_the_cache_of_all_refuses(self, adapters):
        await keep(adapters, 20, THERE)
        for entry in (await adapters.index.page(THERE, None, None, 100))[0]:
            await adapters.leases.acquire(THERE, entry.subject, adapters.clock())
        room = Room(adapters.ledger, the_limits(20, all_blocks=20), lambda: PLENTY, adapters.clock)
        async with room.reserve(OURS, 1) as refused:
            assert refused == NoRoom()

        assert not room._reserved

    async def test_it_counts_until_the_store_is_over(self, adapters):
        await keep(adapters, 19)
        for entry in (await adapters.index.page(HERE, None, None, 100))[0]:
            await adapters.leases.acquire(HERE, entry.subject, adapters.clock())
        room = a_room(adapters, 20)
        async with room.reserve(OURS, 1) as first:
            assert first is None
            async with room.reserve(OURS, 1) as second, room.reserve(THEIRS, 1) as other:
                assert (second, other) == (NoRoom(), None)
        async with room.reserve(OURS, 1) as third:
            assert third is None

        assert not room._reserved

    async def test_a_caller_that_leaves_while_it_waits_has_reserved_nothing(self, adapters):
        await keep(adapters, 20)
        room = a_room(adapters, 20)

        async def store():
            async with room.reserve(OURS, 1):
                raise AssertionError

        await room._hand_moves.acquire()
        waiting = [asyncio.create_task(store()) for _ in range(3)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        room._hand_moves.release()

        assert not room._reserved
        async with room.reserve(OURS, 1) as refused:
            assert refused is None


class TestInTheBackground:
    async def test_up_to_95_percent_nothing_goes_and_above_it_goes_down_to_90(self, adapters):
        room = a_room(adapters, 100)
        await keep(adapters, 95)
        assert await room.step() is None
        await keep(adapters, 1, keys="more")
        await settle(adapters, room)

        assert blocks_of(adapters) == 90
        assert (await keys(adapters))[0] == "k6"

    async def test_a_lower_budget_lets_go_of_what_is_above_it_however_many_chunks_that_takes(
        self, adapters, monkeypatch
    ):
        monkeypatch.setattr(sqlite_room, "CHUNK", 3)
        await keep(adapters, 40)
        await keep(adapters, 40, TRIAL)
        await keep(adapters, 18, THERE)
        room = a_room(adapters, 1000)
        for number in range(40):
            room.touched.add((await adapters.index.find(TRIAL, f"k{number}")).place)
        assert await room.step() is None
        room._limits = the_limits(20)
        await settle(adapters, room)

        assert (blocks_of(adapters), blocks_of(adapters, THEIRS)) == (18, 18)
        assert await keys(adapters) == []

    async def test_accounts_take_turns_so_that_one_whose_entries_all_stay_stops_nobody(self, adapters):
        await keep(adapters, 30)
        await keep(adapters, 25, THERE)
        for entry in (await adapters.index.page(HERE, None, None, 100))[0]:
            await adapters.leases.acquire(HERE, entry.subject, adapters.clock())
        room = a_room(adapters, 20)
        for _ in range(4):
            assert await room.step() is not None

        assert (blocks_of(adapters), blocks_of(adapters, THEIRS)) == (30, 18)

    @pytest.mark.parametrize("how", ["expired", "purged"])
    async def test_what_is_of_no_use_goes_before_anything_that_can_be_had(
        self, adapters, clock, how, monkeypatch
    ):
        monkeypatch.setattr(purges, "DELETED_AT_ONCE", -1)
        await keep(adapters, 70)
        await keep(adapters, 26, TRIAL, ttl_s=60 if how == "expired" else 3600)
        if how == "expired":
            clock.advance(minutes=20)
        else:
            await adapters.purge(PurgeFilter(everything=True), TRIAL)
        await settle(adapters, a_room(adapters, 100))

        assert await keys(adapters) == [f"k{number}" for number in range(70)]
        assert blocks_of(adapters) == 70

    async def test_beyond_the_budget_the_hands_do_not_wait_for_the_sweep(self, adapters):
        await keep(adapters, 110)
        await a_room(adapters, 100).step()

        assert blocks_of(adapters) == 90
        assert adapters.ledger.usage().sweeping

    async def test_what_was_asked_for_or_is_being_refreshed_stays(self, adapters):
        await keep(adapters, 96)
        room = a_room(adapters, 100)
        for number in (0, 2):
            room.touched.add((await adapters.index.find(HERE, f"k{number}")).place)
        await adapters.lease(an_origin("k4", "https://example.com/k4"))
        await settle(adapters, room)

        assert (await keys(adapters))[:4] == ["k0", "k2", "k4", "k9"]

    async def test_two_processes_at_once_stop_at_the_same_mark(self, adapters, elsewhere):
        await keep(adapters, 99)
        rooms = [a_room(adapters, 100), a_room(elsewhere, 100)]
        while set(await asyncio.gather(*(room.step() for room in rooms))) != {None}:
            await adapters.purges.sweep(adapters.clock())

        assert blocks_of(adapters) == 90


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_two_processes_do_budgets_are_exceeded_by_no_more_than_is_on_its_way(
    tmp_path, clock, seed, monkeypatch
):
    chance = random.Random(seed)
    monkeypatch.setattr(purges, "DELETED_AT_ONCE", 2)
    at_once = 6
    namespaces = [Namespace(account, mode) for account in (1, 2) for mode in Mode]
    async with (
        a_shared_studio(tmp_path, clock, 20, all_blocks=50) as here,
        a_shared_studio(tmp_path, clock, 20, all_blocks=50) as there,
    ):
        details: Counter[str | None] = Counter()
        fullest = 0

        async def take(studio):
            shot = await studio.take(
                url(chance.randrange(40)),
                namespace=chance.choice([HERE, *namespaces]),
                ttl_s=chance.choice([60, 3600]),
                refresh=chance.random() < 0.3,
            )
            details[shot.detail] += 1

        for _ in range(25):
            clock.advance(seconds=chance.choice([1, 30, 300]))
            await asyncio.gather(
                *(take(chance.choice([here, there])) for _ in range(at_once)),
                *([here.store.purge(chance.choice(namespaces), PurgeFilter(before=clock.now))]
                  if chance.random() < 0.1 else []),
                here.room.step(), there.room.step(), here.sweeper.step(),
            )  # fmt: skip
            for account in (OURS, THEIRS):
                assert told(here.adapters.ledger.usage(account)) == counted(here.adapters, account)
                assert blocks_of(here.adapters, account) <= 20 + at_once
                fullest = max(fullest, blocks_of(here.adapters, account))
        assert not here.room._reserved
        assert not there.room._reserved
        assert details[None] > 50
        assert fullest > 18
