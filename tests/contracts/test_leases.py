"""Leases: one renderer per key among all processes, and each render's place in the order of events."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from calotype.cache.entry import Mode, Namespace
from calotype.cache.failure import REMEMBERED_FOR, Failure
from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.ports import FailedLately, HeldBy, Lease, LeaseLost
from calotype.cache.purge import PurgeFilter
from calotype.sql.sqlite.leases import LEASE_MS
from tests.support.builders import HERE, an_entry, an_origin
from tests.support.clock import NOON

PAGE = an_origin("k", "https://example.com/a", tags=("t",))
LIFE = timedelta(milliseconds=LEASE_MS)
HOLD_AND_DIE = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.leases import SqliteLeases
from tests.support.builders import an_origin

async def hold():
    leases = SqliteLeases(Database(SqliteSettings(path=Path(sys.argv[1]))))
    now = datetime(2024, 1, 15, 12, tzinfo=UTC)
    page = an_origin("k", "https://example.com/a")
    print(await leases.acquire(page.namespace, page.subject(now), now), flush=True)
    sys.stdin.read()

asyncio.run(hold())
"""


FAILURE = Failure("crash", ("The page",))


async def ask(adapters, origin=PAGE, **how):
    now = adapters.clock()
    return await adapters.leases.acquire(origin.namespace, origin.subject(now), now, **how)


async def test_only_one_process_gets_the_lease_and_the_others_learn_until_when(both):
    here, there = both
    assert isinstance(await ask(here), Lease)

    assert await ask(here) == HeldBy(NOON + LIFE)
    assert await ask(there) == HeldBy(NOON + LIFE)


async def test_of_many_who_ask_at_once_one_gets_it(both):
    answers = await asyncio.gather(*(ask(one) for one in both for _ in range(20)))

    assert sum(isinstance(answer, Lease) for answer in answers) == 1


async def test_keys_and_namespaces_do_not_stand_in_each_others_way(adapters):
    origins = [
        PAGE,
        an_origin("l"),
        an_origin("k", namespace=Namespace(2, Mode.LIVE)),
        an_origin("k", namespace=Namespace(1, Mode.TEST)),
    ]

    assert all([isinstance(await ask(adapters, origin), Lease) for origin in origins])


async def test_a_lease_given_back_can_be_taken_by_anybody(both):
    here, there = both
    await here.leases.release(await ask(here))

    assert isinstance(await ask(there), Lease)


async def test_a_silent_holder_is_replaced_at_the_instant_its_lease_ends(both):
    here, there = both
    await ask(here)
    here.clock.advance(milliseconds=LEASE_MS - 1)
    assert isinstance(await ask(there), HeldBy)
    here.clock.advance(milliseconds=1)

    assert isinstance(await ask(there), Lease)


async def test_a_heartbeat_prolongs_the_lease(both):
    here, there = both
    lease = await ask(here)
    here.clock.advance(milliseconds=LEASE_MS - 1)
    assert await here.leases.renew(lease, here.clock())
    here.clock.advance(milliseconds=LEASE_MS - 1)

    assert isinstance(await ask(there), HeldBy)


async def test_a_lease_that_somebody_took_over_cannot_be_prolonged_nor_given_back(both):
    here, there = both
    lost = await ask(here)
    here.clock.advance(milliseconds=LEASE_MS)
    taken = await ask(there)

    assert not await here.leases.renew(lost, here.clock())
    await here.leases.release(lost)
    assert isinstance(await ask(here), HeldBy)
    assert await there.leases.renew(taken, here.clock())


async def test_births_are_numbered_in_order_across_keys_and_processes(both):
    here, there = both
    numbers = [
        (await ask(one, an_origin(f"k{turn}"))).birth.number for turn, one in enumerate([here, there, here])
    ]

    assert numbers == [1, 2, 3]


async def test_a_birth_follows_every_purge_answered_before_it(both):
    here, there = both
    before = await ask(here)
    purge = await there.purge(PurgeFilter(keys=("something else",)))
    await here.leases.release(before)
    after = await ask(here)

    assert (before.birth.seq, after.birth.seq) == (0, purge.seq)
    assert after.birth.at == NOON


@pytest.mark.parametrize(
    "which",
    [
        PurgeFilter(keys=("k",)),
        PurgeFilter(url=UrlGlob("https://example.com/*")),
        PurgeFilter(pattern=PathGlob("screenshots/2024/01/15/*")),
        PurgeFilter(before=NOON + timedelta(seconds=5)),
        PurgeFilter(tags=("other", "t")),
        PurgeFilter(everything=True),
    ],
    ids=["keys", "url", "pattern", "before", "tags", "all"],
)
async def test_a_render_that_a_purge_has_barred_is_not_waited_for(both, which):
    here, there = both
    barred = await ask(here)
    here.clock.advance(seconds=10)
    await there.purge(which)
    taken = await ask(there)

    assert isinstance(taken, Lease)
    assert taken.birth.seq > barred.birth.seq


async def test_a_purge_by_day_frees_a_render_that_began_on_that_day_also_when_asked_on_the_next(both):
    here, there = both
    here.clock.now = NOON.replace(hour=23, minute=59, second=59)
    await ask(here)
    here.clock.advance(seconds=2)
    await there.purge(PurgeFilter(pattern=PathGlob("screenshots/2024/01/15/*")))

    assert isinstance(await ask(there), Lease)


async def test_what_the_holder_shows_decides_also_when_a_caller_means_another_page_by_the_key(both):
    here, there = both
    await ask(here, an_origin("mine", "https://example.com/old"))
    await there.purge(PurgeFilter(url=UrlGlob("https://example.com/new")))
    assert isinstance(await ask(there, an_origin("mine", "https://example.com/new")), HeldBy)
    await there.purge(PurgeFilter(url=UrlGlob("https://example.com/old")))

    assert isinstance(await ask(there, an_origin("mine", "https://example.com/new")), Lease)


async def test_the_holders_tags_decide_whatever_those_of_the_caller_are(both):
    here, there = both
    newcomer = replace(PAGE, tags=frozenset({"u"}))
    await ask(here)
    await there.purge(PurgeFilter(tags=("u",)))
    assert isinstance(await ask(there, newcomer), HeldBy)
    await there.purge(PurgeFilter(tags=("t",)))

    assert isinstance(await ask(there, newcomer), Lease)


async def test_a_render_that_no_purge_matches_is_waited_for(both):
    here, there = both
    await ask(here)
    await there.purge(PurgeFilter(keys=("another",)))
    await there.purge(PurgeFilter(before=NOON))
    await there.purge(PurgeFilter(tags=("T", "another")))

    assert isinstance(await ask(there), HeldBy)


async def test_the_former_holder_stores_no_more(both):
    here, there = both
    lost = await ask(here)
    here.clock.advance(milliseconds=LEASE_MS)
    await ask(there)

    assert await here.index.commit(lost, an_entry(PAGE, birth=lost.birth)) == LeaseLost()


async def test_a_holder_whose_process_died_is_replaced_at_once(both, tmp_path):
    here, _ = both
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_AND_DIE, str(tmp_path / "index.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline().startswith(b"Lease(")
        assert isinstance(await ask(here), HeldBy)
        holder.kill()

    taken = await ask(here)

    assert isinstance(taken, Lease)
    assert taken.namespace == HERE


class TestFailures:
    async def test_what_failed_is_told_to_all_for_three_seconds(self, both):
        here, there = both
        lease = await ask(here, content="a")
        await here.leases.fail(lease, FAILURE, here.clock())
        here.clock.advance(seconds=REMEMBERED_FOR.total_seconds() - 0.001)
        assert await ask(there, content="a") == FailedLately(FAILURE)
        assert await ask(here, content="a") == FailedLately(FAILURE)
        here.clock.advance(seconds=0.001)

        assert isinstance(await ask(there, content="a"), Lease)

    @pytest.mark.parametrize("how", [{"content": "b"}, {"content": "a", "undaunted": True}])
    async def test_it_is_none_to_another_content_nor_to_the_undaunted(self, adapters, how):
        await adapters.leases.fail(await ask(adapters, content="a"), FAILURE, adapters.clock())

        assert isinstance(await ask(adapters, **how), Lease)

    @pytest.mark.parametrize("soft", [False, True])
    async def test_nor_to_who_comes_after_a_purge_of_it(self, adapters, soft):
        await adapters.leases.fail(await ask(adapters), FAILURE, adapters.clock())
        await adapters.purge(PurgeFilter(keys=("other",)), soft=soft)
        assert await ask(adapters) == FailedLately(FAILURE)
        await adapters.purge(PurgeFilter(keys=("k",)), soft=soft)

        assert isinstance(await ask(adapters), Lease)

    async def test_also_to_who_asked_a_moment_before_it_and_had_to_wait_for_the_writer(self, both):
        here, there = both
        lease = await ask(here)
        asked_at = there.clock()
        failed_at = asked_at + timedelta(milliseconds=40)
        await here.leases.fail(lease, FAILURE, failed_at)
        await here.purges.sweep(asked_at)

        told = await there.leases.acquire(HERE, an_origin("k").subject(asked_at), asked_at)
        assert told == FailedLately(FAILURE)

    async def test_a_clock_that_is_set_back_does_not_close_the_key(self, adapters):
        await adapters.leases.fail(await ask(adapters), FAILURE, adapters.clock())
        adapters.clock.advance(hours=-1)

        assert isinstance(await ask(adapters), Lease)

    async def test_who_lost_the_lease_has_nothing_to_tell(self, both):
        here, there = both
        lost = await ask(here)
        here.clock.advance(milliseconds=LEASE_MS)
        taken = await ask(there)
        await here.leases.fail(lost, FAILURE, here.clock())

        assert isinstance(await ask(here), HeldBy)
        assert await there.leases.renew(taken, here.clock())

    async def test_a_sweep_forgets_it(self, adapters):
        await adapters.leases.fail(await ask(adapters), FAILURE, adapters.clock())
        adapters.clock.advance(seconds=1)
        await adapters.purges.sweep(adapters.clock())
        assert await ask(adapters) == FailedLately(FAILURE)
        adapters.clock.advance(seconds=REMEMBERED_FOR.total_seconds())
        await adapters.purges.sweep(adapters.clock())
        adapters.clock.advance(seconds=-REMEMBERED_FOR.total_seconds())

        assert isinstance(await ask(adapters), Lease)
