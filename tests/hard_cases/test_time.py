"""Hard cases 16 and 17: clocks that jump, clocks that differ, and moments at the edge."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.ports import Barred, Stored
from calotype.cache.purge import PurgeFilter
from tests.support.adapters import sqlite_adapters
from tests.support.builders import HERE, an_entry, an_origin
from tests.support.clock import NOON, HandClock
from tests.support.server import CannedServer

JUMPS = [timedelta(0), timedelta(hours=-1), timedelta(days=1)]
DAYS_S = 30 * 86_400
PURGES = {
    "keys": PurgeFilter(keys=("k",)),
    "url": PurgeFilter(url=UrlGlob("https://example.com/*")),
    "pattern": PurgeFilter(pattern=PathGlob("screenshots/*")),
    "all": PurgeFilter(everything=True),
    "before": PurgeFilter(before=NOON + timedelta(days=20)),
}
SKEW = timedelta(seconds=90)


class TestAClockThatJumps:
    """Case 16."""

    @pytest.mark.parametrize("which", PURGES.values(), ids=PURGES.keys())
    @pytest.mark.parametrize("jumps", [*itertools.product(JUMPS, repeat=2)], ids=str)
    async def test_between_store_purge_and_look_up_brings_nothing_back(self, tmp_path, jumps, which):
        clock, origin = HandClock(), an_origin("k", "https://example.com/")
        async with sqlite_adapters(tmp_path / "index.db", clock) as adapters:
            entry = await adapters.keep(origin, DAYS_S)
            late = await adapters.lease(origin)
            clock.now += jumps[0]
            assert (await adapters.purge(which)).count == 1
            clock.now += jumps[1]
            assert await adapters.has(entry) == [False]
            unsure = an_entry(origin, birth=late.birth, stored_at=clock(), ttl_s=DAYS_S)
            assert isinstance(await adapters.index.commit(late, unsure), Barred)
            await adapters.leases.release(late)
            new = await adapters.keep(origin, DAYS_S)
            clock.now += jumps[0]
            # What came after the purge, whatever the clock says, is not touched by it.
            assert await adapters.has(new) == [True]
            assert (await adapters.index.stats(HERE)).entries == 1


class TestTwoNodesNinetySecondsApart:
    """Case 16, too."""

    @pytest.mark.parametrize("ahead", ["one", "other"])
    async def test_no_purged_entry_returns_and_later_ones_stay(self, tmp_path, ahead):
        clocks = [HandClock(NOON + SKEW * (ahead == "one")), HandClock(NOON + SKEW * (ahead == "other"))]
        origin = an_origin("k", "https://example.com/")
        async with (
            sqlite_adapters(tmp_path / "index.db", clocks[0]) as one,
            sqlite_adapters(tmp_path / "index.db", clocks[1]) as other,
        ):
            entry = await one.keep(origin)
            late = await one.lease(origin)
            assert (await other.purge(PurgeFilter(everything=True))).count == 1
            assert await one.has(entry) == await other.has(entry) == [False]
            unsure = an_entry(origin, birth=late.birth, stored_at=clocks[0](), ttl_s=3600)
            assert isinstance(await one.index.commit(late, unsure), Barred)
            await one.leases.release(late)
            new = await one.keep(origin)
            assert await one.has(new) == await other.has(new) == [True]

    @pytest.mark.parametrize("ahead", [SKEW, -SKEW], ids=["ahead", "behind"])
    async def test_the_error_of_a_ttl_is_the_skew_and_no_more(self, tmp_path, ahead):
        here, there = HandClock(), HandClock(NOON + ahead)
        async with (
            sqlite_adapters(tmp_path / "index.db", here) as one,
            sqlite_adapters(tmp_path / "index.db", there) as other,
        ):
            entry = await one.keep(an_origin(), ttl_s=600)

            async def fresh_at(after: timedelta) -> list[int]:
                here.now, there.now = NOON + after, NOON + ahead + after
                return [(await adapters.index.stats(HERE)).entries for adapters in (one, other)]

            tick, end = timedelta(milliseconds=1), entry.fresh_until - NOON
            assert await fresh_at(end - tick) == [1, int(ahead < timedelta(0))]
            assert await fresh_at(end - ahead - tick) == [int(ahead > timedelta(0)), 1]
            assert await fresh_at(end - ahead) == [int(ahead > timedelta(0)), 0]

    def test_nor_does_one_over_http_whichever_process_is_ahead(self, tmp_path):
        behind = CannedServer(tmp_path / "data")
        ahead = CannedServer(tmp_path / "data", key=behind.key, CANNED_CLOCK_S="90")
        try:
            for one, other in ((behind, ahead), (ahead, behind)):
                taken = one.shot("https://example.com/", cache={"ttl": 3600})
                path = f"/v1/cache/{taken.headers['X-Cache-Key']}"
                assert other.client.get(path).content == taken.content
                assert other.client.post("/v1/cache/purge", json={"url": "*"}).json()["purged"] == 1
                assert [server.client.get(path).status_code for server in (one, other)] == [404, 404]
                again = one.shot("https://example.com/", cache={"ttl": 3600})
                assert again.headers["Cache-Status"] == "calotype; fwd=uri-miss; stored"
                assert other.client.get(path).content == again.content != taken.content
                assert other.client.delete(path).status_code == 200
        finally:
            ahead.stop()
            behind.stop()


class TestBeforeInTheFuture:
    """Case 17; its other edges have tests of their own."""

    @pytest.mark.parametrize("before", ["9999-12-31T23:59:59Z", "2024-01-15T13:00:00Z"])
    async def test_takes_what_is_there_and_nothing_that_comes_later(self, bench, before):
        async def take():
            return await bench.client.post("/v1/screenshot", json={"url": "https://example.com/"})

        await take()
        done = await bench.client.post("/v1/cache/purge", json={"before": before})
        later = await take()

        assert done.json()["purged"] == 1
        assert later.headers["cache-status"] == "calotype; fwd=uri-miss; stored"
        assert (await take()).headers["x-cache-status"] == "HIT"

    async def test_takes_nothing_of_this_very_instant(self, adapters_at_noon):
        entry = await adapters_at_noon.keep(an_origin())
        at_birth = PurgeFilter(before=entry.birth.at)
        just_after = PurgeFilter(before=entry.birth.at + timedelta(microseconds=1))

        assert (await adapters_at_noon.purge(at_birth)).count == 0
        assert (await adapters_at_noon.purge(just_after)).count == 1


@pytest.fixture
async def adapters_at_noon(tmp_path, clock):
    async with sqlite_adapters(tmp_path / "index.db", clock) as adapters:
        yield adapters


async def test_a_lease_taken_before_a_jump_back_is_replaced_once_its_time_is_over(adapters_at_noon, clock):
    late = await adapters_at_noon.lease(origin := an_origin())
    clock.advance(hours=-1)
    clock.advance(hours=2)
    new = await adapters_at_noon.lease(origin)

    entry = an_entry(origin, birth=new.birth, stored_at=clock())
    assert await adapters_at_noon.index.commit(new, entry) == Stored()
    assert await adapters_at_noon.index.commit(late, an_entry(origin, birth=late.birth)) != Stored()
