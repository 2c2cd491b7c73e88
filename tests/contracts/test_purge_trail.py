"""PurgeLog as an audit trail: what it tells of purges afterwards, and how it forgets them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from calotype.cache.errors import EntryNotFound, PreconditionFailed
from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.ports import Barred, Stored
from calotype.cache.purge import KEPT_FOR, LoggedPurge, PurgeFilter
from calotype.sql.sqlite import purges as sqlite_purges
from calotype.sql.sqlite import trail as sqlite_trail
from tests.support.adapters import pages
from tests.support.builders import HERE, THERE, TRIAL, an_entry, an_origin
from tests.support.clock import NOON

EVERYTHING = PurgeFilter(everything=True)
NOBODY = PurgeFilter(keys=("nobody",))


async def sweep(adapters):
    while (await adapters.purges.sweep(adapters.clock())).more:
        pass


async def told(adapters, namespace=HERE):
    """Return the numbers of the purges that the log still tells of, newest first."""
    page, cursor = await adapters.purges.page(namespace, None, 100)
    assert cursor is None
    return [purge.seq for purge in page]


@pytest.mark.parametrize(
    "which",
    [
        PurgeFilter(keys=("a", "ü/b")),
        PurgeFilter(url=UrlGlob("https://bücher.example/*?x=[1]")),
        PurgeFilter(url=UrlGlob("*")),
        PurgeFilter(pattern=PathGlob(r"a\*/*"), before=NOON + timedelta(microseconds=7)),
        EVERYTHING,
    ],
    ids=lambda which: " ".join(map(str, which.to_plain().values())),
)
async def test_a_purge_is_described_as_it_was_asked(both, which):
    here, there = both
    await here.keep_many(pages(3))
    done = await here.purge(which, by="key_1")

    assert await there.purges.describe(HERE, done.id) == LoggedPurge(
        id=done.id, seq=done.seq, at=NOON, by="key_1", which=which, count=done.count, soft=False, swept=1.0
    )


async def test_a_purge_is_described_to_its_own_namespace_alone(adapters):
    done = await adapters.purge(EVERYTHING)

    assert await adapters.purges.describe(HERE, done.id) is not None
    for namespace in (THERE, TRIAL):
        assert await adapters.purges.describe(namespace, done.id) is None
    assert await adapters.purges.describe(HERE, "purge_00000000000000000000") is None


async def test_a_dry_run_leaves_no_trace(adapters):
    done = await adapters.purge(EVERYTHING, dry_run=True)

    assert await adapters.purges.describe(HERE, done.id) is None
    assert await told(adapters) == []


async def test_pages_list_purges_newest_first_each_once_while_others_come(adapters):
    for number in range(5):
        await adapters.purge(PurgeFilter(keys=(f"k{number}",)), by=f"key_{number}")
        await adapters.purge(EVERYTHING, THERE)
    first, cursor = await adapters.purges.page(HERE, None, 2)
    await adapters.purge(EVERYTHING)
    second, cursor = await adapters.purges.page(HERE, cursor, 2)
    third, end = await adapters.purges.page(HERE, cursor, 2)

    assert [purge.by for purge in (*first, *second, *third)] == ["key_4", "key_3", "key_2", "key_1", "key_0"]
    assert end is None
    assert await adapters.purges.page(HERE, None, 6) == (
        [*(await adapters.purges.page(HERE, None, 1))[0], *first, *second, *third],
        None,
    )


async def test_what_is_only_marked_is_swept_when_a_pass_has_met_all_of_it(adapters, monkeypatch):
    monkeypatch.setattr(sqlite_purges, "DELETED_AT_ONCE", -1)
    monkeypatch.setattr(sqlite_purges, "_SWEEP_CHUNK", 10)
    await adapters.keep_many(pages(25))
    done = await adapters.purge(EVERYTHING)
    shares = [(await adapters.purges.describe(HERE, done.id)).swept]
    while (await adapters.purges.sweep(adapters.clock())).more:
        shares.append((await adapters.purges.describe(HERE, done.id)).swept)
    (page, _) = await adapters.purges.page(HERE, None, 1)

    assert shares == [0, 0.4, 0.8]
    assert page[0].swept == (await adapters.purges.describe(HERE, done.id)).swept == 1


async def test_a_purge_during_the_sweep_of_another_makes_both_wait_for_a_whole_pass(adapters, monkeypatch):
    monkeypatch.setattr(sqlite_purges, "DELETED_AT_ONCE", -1)
    monkeypatch.setattr(sqlite_purges, "_SWEEP_CHUNK", 10)
    await adapters.keep_many(pages(15, "https://example.com/", "a"))
    await adapters.keep_many(pages(5, "https://other.example/", "b"))
    ids = [(await adapters.purge(PurgeFilter(url=UrlGlob("https://other.example/*")))).id]
    await adapters.purges.sweep(adapters.clock())
    ids.append((await adapters.purge(EVERYTHING)).id)
    for more in (True, False):
        # The pass went on from the middle; what came before that has yet to be met by the second purge.
        for purge_id in ids:
            assert (await adapters.purges.describe(HERE, purge_id)).swept < 1
        assert (await adapters.purges.sweep(adapters.clock())).more is more

    await sweep(adapters)
    assert [(await adapters.purges.describe(HERE, purge_id)).swept for purge_id in ids] == [1, 1]


async def test_a_later_pass_does_not_make_a_swept_purge_unswept(adapters, monkeypatch):
    monkeypatch.setattr(sqlite_purges, "_SWEEP_CHUNK", 10)
    done = await adapters.purge(EVERYTHING)
    await adapters.keep_many(pages(15))
    adapters.clock.advance(hours=2)
    assert (await adapters.purges.sweep(adapters.clock())).more

    assert (await adapters.purges.describe(HERE, done.id)).swept == 1


class TestForgetting:
    async def test_a_purge_is_told_of_for_its_time_and_no_longer(self, adapters):
        done = await adapters.purge(NOBODY)
        adapters.clock.advance(days=KEPT_FOR.days)
        await sweep(adapters)
        assert await adapters.purges.describe(HERE, done.id) is not None

        adapters.clock.advance(milliseconds=1)
        await sweep(adapters)
        assert await adapters.purges.describe(HERE, done.id) is None
        assert await told(adapters) == []

    async def test_numbers_go_on_and_the_log_says_how_far_back_it_reaches(self, adapters):
        await adapters.purge(NOBODY)
        await adapters.purge(NOBODY)
        adapters.clock.advance(days=31)
        third = await adapters.purge(NOBODY)
        await sweep(adapters)

        assert third.seq == 3
        assert await told(adapters) == [3]
        assert await adapters.purges.since(HERE, 1) is None
        assert [record.seq for record in await adapters.purges.since(HERE, 2)] == [3]
        assert list(await adapters.purges.since(THERE, 0)) == []

    async def test_a_render_as_old_as_what_is_forgotten_is_refused(self, adapters):
        # Of another page than the purge: a log that was whole would let it pass.
        origin = an_origin("very old")
        lease = await adapters.lease(origin)
        await adapters.purge(NOBODY)
        adapters.clock.advance(days=31)
        await sweep(adapters)
        entry = an_entry(origin, birth=lease.birth, stored_at=adapters.clock())

        assert isinstance(await adapters.index.commit(lease, entry), Barred)
        assert await adapters.has(entry) == [False]

    async def test_nobody_waits_for_such_a_render(self, adapters):
        origin = an_origin("very old")
        old = await adapters.lease(origin)
        await adapters.purge(NOBODY)
        adapters.clock.advance(days=31)
        await adapters.leases.renew(old, adapters.clock())
        await sweep(adapters)

        assert (await adapters.lease(origin)).birth.number > old.birth.number

    async def test_a_render_that_began_after_what_is_forgotten_is_stored(self, adapters):
        await adapters.purge(NOBODY)
        lease = await adapters.lease(an_origin())
        adapters.clock.advance(days=31)
        await sweep(adapters)
        entry = an_entry(an_origin(), birth=lease.birth, stored_at=adapters.clock())

        assert await adapters.index.commit(lease, entry) == Stored()

    async def test_what_was_purged_stays_purged(self, adapters, monkeypatch):
        monkeypatch.setattr(sqlite_purges, "DELETED_AT_ONCE", -1)
        entries = await adapters.keep_many(pages(3))
        await adapters.purge(EVERYTHING)
        adapters.clock.advance(days=31)
        # One step: the record is forgotten, the pass over the entries may not be done.
        await adapters.purges.sweep(adapters.clock())

        assert not any(await adapters.has(*entries))

    async def test_other_namespaces_keep_theirs(self, adapters):
        await adapters.purge(NOBODY)
        adapters.clock.advance(days=31)
        await adapters.purge(NOBODY, THERE)
        await sweep(adapters)

        assert (await told(adapters), await told(adapters, THERE)) == ([], [1])
        assert [record.seq for record in await adapters.purges.since(THERE, 0)] == [1]

    async def test_much_is_forgotten_in_steps_that_leave_the_log_whole(self, adapters, monkeypatch):
        monkeypatch.setattr(sqlite_trail, "_TRIM_CHUNK", 4)
        for _ in range(10):
            await adapters.purge(NOBODY)
        adapters.clock.advance(days=31)
        kept = []
        while True:
            more = (await adapters.purges.sweep(adapters.clock())).more
            seqs = await told(adapters)
            kept.append(len(seqs))
            assert seqs == list(range(10, 10 - len(seqs), -1))
            assert await adapters.purges.since(HERE, 10 - len(seqs)) is not None
            if not more:
                break

        assert kept[:3] == [6, 2, 0]

    async def test_a_clock_that_was_wrong_for_a_while_takes_no_record_that_is_young(self, adapters):
        await adapters.purge(NOBODY)
        adapters.clock.now = NOON.replace(year=1970)
        await adapters.purge(NOBODY)
        adapters.clock.now = NOON
        await sweep(adapters)
        assert await told(adapters) == [2, 1]

        adapters.clock.advance(days=31)
        await sweep(adapters)
        assert await told(adapters) == []

    async def test_nothing_is_written_when_nothing_is_old(self, both):
        here, there = both
        await here.purge(NOBODY)
        await sweep(here)
        before = there.index._database.data_version()
        await here.purges.sweep(here.clock())

        assert there.index._database.data_version() == before


class TestDeletingOnACondition:
    async def test_what_it_holds_of_goes_by_any_name_and_is_logged_as_a_purge_by_key(self, purging):
        entry = await purging.keep(an_origin("k"))
        for address in (entry.path, entry.id, "k"):
            entry = await purging.keep(an_origin("k"))
            await purging.purges.delete_if(HERE, address, purging.clock(), entry.__eq__, by="key_1")
            (logged,), _ = await purging.purges.page(HERE, None, 1)

            assert await purging.has(entry) == [False]
            assert (logged.which, logged.by, logged.count) == (PurgeFilter(keys=(address,)), "key_1", 1)

    async def test_otherwise_nothing_happens_and_a_running_render_may_store(self, adapters):
        await adapters.keep(an_origin("k"))
        lease = await adapters.lease(an_origin("k"))
        with pytest.raises(PreconditionFailed):
            await adapters.purges.delete_if(HERE, "k", adapters.clock(), lambda _: False, by="key_1")

        assert (await told(adapters), await adapters.index.head(HERE)) == ([], 0)
        entry = an_entry(an_origin("k"), birth=lease.birth, stored_at=adapters.clock())
        assert await adapters.index.commit(lease, entry) == Stored()

    async def test_what_cannot_be_had_is_not_asked_about(self, adapters):
        await adapters.keep(an_origin("expired"), ttl_s=60)
        await adapters.keep(an_origin("purged"))
        theirs = await adapters.keep(an_origin("theirs", namespace=THERE))
        await adapters.purge(PurgeFilter(keys=("purged",)))
        adapters.clock.advance(seconds=60)
        for address in ("expired", "purged", "nobody", theirs.id):
            with pytest.raises(EntryNotFound):
                await adapters.purges.delete_if(HERE, address, adapters.clock(), lambda _: True, by="key_1")

        assert await told(adapters) == [1]
        assert await adapters.has(theirs) == [True]

    async def test_of_a_delete_and_a_store_at_once_the_second_sees_what_the_first_did(self, both):
        here, there = both
        for number in range(20):
            origin = an_origin(f"k{number}")
            seen = await here.keep(origin)
            lease = await there.lease(origin)
            fresh = an_entry(origin, birth=lease.birth, stored_at=here.clock())
            deleting = here.purges.delete_if(HERE, origin.identity.key, here.clock(), seen.__eq__, by="key_1")
            deeds: list[Any] = [there.index.commit(lease, fresh), deleting]
            ended = await asyncio.gather(*deeds, return_exceptions=True)

            # Either the store came first, and is spared, or the delete, and bars what began before it.
            outcome = (*map(type, ended), (await here.has(fresh))[0])
            assert outcome in ((Stored, PreconditionFailed, True), (Barred, type(None), False))
