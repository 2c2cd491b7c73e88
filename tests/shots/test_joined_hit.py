"""Who joins a run that has only found what was stored: what went in between is not shown to them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from calotype.cache.globs import PathGlob
from calotype.cache.ports import HeldBy
from calotype.cache.purge import PurgeFilter
from calotype.shots.shot import Served
from calotype.sql.sqlite.leases import SqliteLeases
from tests.support.builders import HERE
from tests.support.clock import NOON
from tests.support.pictures import a_png
from tests.support.shots import a_studio

URL = "https://example.com/"
NIGHT = NOON.replace(hour=23, minute=59, second=55)
OLD, NEW = frozenset({"old"}), frozenset({"new"})


class SlowToRelease(SqliteLeases):
    """Leases that are given back only when they may be, so that one can come while a run is ending."""

    def __init__(self, database):
        super().__init__(database)
        self.refused, self.releasing, self.may_go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def acquire(self, namespace, subject, now, **how):
        answer = await super().acquire(namespace, subject, now, **how)
        if isinstance(answer, HeldBy):
            self.refused.set()
        return answer

    async def release(self, lease):
        self.releasing.set()
        await self.may_go.wait()
        await super().release(lease)


async def waiting(studio, count):
    """Wait until so many callers wait for the runs of a studio."""
    async with asyncio.timeout(10):
        while sum(one.waiting for flights in studio.fills._flights.values() for one in flights) < count:  # noqa: ASYNC110 - a flight tells nobody
            await asyncio.sleep(0.001)


@pytest.fixture
async def ending(tmp_path, clock, studio):
    """A run that has found what another process stored, with another tag and on another day.

    Two callers wait for it.
    """
    async with a_studio(tmp_path, clock, renderer=studio.renderer) as another:
        leases = another.adapters.leases
        assert isinstance(leases, SqliteLeases)
        slow = another.fills._leases = SlowToRelease(leases._database)
        clock.now = NIGHT
        studio.renderer.hold()
        storing = studio.taking(URL, tags=OLD)
        await studio.renderer.began.acquire()
        finding = [another.taking(URL, tags=NEW), another.taking(URL, tags=NEW)]
        await asyncio.wait_for(slow.refused.wait(), 10)
        await waiting(another, 2)
        clock.advance(seconds=10)
        studio.renderer.release()
        assert (await storing).stored
        await asyncio.wait_for(slow.releasing.wait(), 10)
        yield another, finding, slow.may_go
        slow.may_go.set()


@pytest.mark.parametrize(
    "which",
    [
        PurgeFilter(tags=("old",)),
        PurgeFilter(before=NIGHT + timedelta(seconds=5)),
        PurgeFilter(pattern=PathGlob("screenshots/2024/01/15/*")),
    ],
    ids=["tags", "before", "pattern"],
)
async def test_what_a_purge_has_taken_in_between_is_not_shown_to_who_came_after_it(ending, which):
    another, finding, may_go = ending
    assert (await another.store.purge(HERE, which)).count == 1
    joining = another.taking(URL, tags=NEW)
    await waiting(another, 3)
    may_go.set()

    asked_before = await finding[0]
    assert (asked_before.served, asked_before.opened.data) == (Served.HIT, a_png(0))
    assert (await joining).served is not Served.HIT
    assert (await joining).opened.data == a_png(1)


async def test_what_a_soft_purge_has_made_stale_in_between_is_shown_as_stale_or_not_at_all(ending):
    another, finding, may_go = ending
    assert (await another.store.purge(HERE, PurgeFilter(tags=("old",)), soft=True)).count == 1
    joining = another.taking(URL, tags=NEW, swr_s=0)
    await waiting(another, 3)
    may_go.set()

    assert (await finding[0]).served is Served.HIT
    assert (await joining).opened.data == a_png(1)
    assert (await joining).served is not Served.HIT
    await asyncio.wait(finding)


async def test_what_has_expired_in_between_is_not_shown_to_who_came_after_that(ending, clock):
    another, finding, may_go = ending
    clock.advance(days=2)
    joining = another.taking(URL)
    await waiting(another, 3)
    may_go.set()

    assert (await joining).served is not Served.HIT
    assert (await joining).opened.data == a_png(1)
    await asyncio.wait(finding)


async def test_what_is_still_there_is_shown_to_all(ending):
    another, finding, may_go = ending
    may_go.set()

    assert {(await caller).served for caller in finding} == {Served.HIT}
    assert len(another.renderer.renders) == 1
