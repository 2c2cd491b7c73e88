"""EntryIndex: what is found, and which renders may still be stored."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from calotype.cache.errors import IdempotencyMismatch
from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.ports import Barred, BlobReleased, LeaseLost, Stored, Superseded
from calotype.cache.purge import PurgeFilter
from calotype.capture.output import ImageFormat
from calotype.capture.verdict import Verdict
from calotype.sql.sqlite import purges
from calotype.sql.sqlite.leases import LEASE_MS
from tests.support.adapters import pages
from tests.support.builders import HERE, THERE, TRIAL, an_entry, an_id, an_origin
from tests.support.clock import NOON

BLOG = an_origin("blog", "https://example.com/blog/a", tags=("blog", "a-1"))
MATCHING_BLOG = [
    PurgeFilter(keys=("blog",)),
    PurgeFilter(keys=("other", BLOG.identity.id)),
    PurgeFilter(keys=(f"screenshots/{BLOG.identity.id}.png",)),
    PurgeFilter(url=UrlGlob("https://example.com/blog/a")),
    PurgeFilter(url=UrlGlob("https://example.com/blog/*")),
    PurgeFilter(url=UrlGlob("*/blog/*")),
    PurgeFilter(pattern=PathGlob("screenshots/2024/*")),
    PurgeFilter(pattern=PathGlob("*.png")),
    PurgeFilter(before=NOON + timedelta(seconds=1)),
    PurgeFilter(tags=("shop", "a-1")),
    PurgeFilter(everything=True),
    PurgeFilter(
        keys=("blog",),
        tags=("blog",),
        url=UrlGlob("example.com/blog/*"),
        pattern=PathGlob("*"),
        before=NOON.replace(year=9999),
    ),
]
MISSING_BLOG = [
    PurgeFilter(keys=("Blog", an_id("Blog"))),
    PurgeFilter(url=UrlGlob("https://example.com/blog")),
    PurgeFilter(url=UrlGlob("*/blogs/*")),
    PurgeFilter(pattern=PathGlob("*.jpeg")),
    PurgeFilter(before=NOON),
    PurgeFilter(tags=("shop", "Blog", "a")),
    PurgeFilter(keys=("blog",), tags=("shop",)),
    PurgeFilter(everything=True, url=UrlGlob("https://example.org/*")),
    PurgeFilter(keys=("blog",), url=UrlGlob("https://example.org/*")),
    PurgeFilter(keys=("blog",), before=NOON),
]


def told(which):
    return " ".join(f"{name}={value}" for name, value in which.to_plain().items())


async def test_an_entry_is_found_by_key_and_by_id_exactly_as_it_was_stored(adapters):
    url, tags = "https://bücher.example/straße?q=1#top", ("z", "A", "a", "!'%_*[]")
    origin = an_origin("k", url, image_format=ImageFormat.WEBP, tags=tags)
    lease = await adapters.lease(origin)
    verdict = Verdict(http_status=203, final_url="https://example.com/ü", title='"日本"\n')
    entry = replace(an_entry(origin, birth=lease.birth), verdict=verdict)
    assert await adapters.index.commit(lease, entry) == Stored()

    assert await adapters.index.find(HERE, entry.key) == entry
    assert await adapters.index.find_by_id(entry.id) == entry


async def test_finding_never_suspends(adapters):
    entry = await adapters.keep(an_origin())
    for look_up in (
        adapters.index.find(HERE, entry.key),
        adapters.index.find(HERE, "unknown"),
        adapters.index.find_by_id(entry.id),
        adapters.index.head(HERE),
    ):
        with pytest.raises(StopIteration):
            look_up.send(None)


async def test_an_unknown_key_finds_nothing(adapters):
    await adapters.keep(an_origin("k"))

    assert await adapters.index.find(HERE, "K") is None
    assert await adapters.index.find_by_id(an_id("K")) is None


async def test_an_expired_entry_is_found_and_left_to_its_reader_to_judge(adapters):
    entry = await adapters.keep(an_origin(), ttl_s=1)
    adapters.clock.advance(seconds=1)

    assert await adapters.index.find(HERE, entry.key) == entry


@pytest.mark.parametrize("other", [THERE, TRIAL], ids=["account", "mode"])
async def test_the_same_key_in_another_namespace_is_another_entry(adapters, other):
    ours = await adapters.keep(an_origin("k"))
    theirs = await adapters.keep(an_origin("k", namespace=other))

    assert await adapters.index.find(HERE, "k") == ours
    assert await adapters.index.find(other, "k") == theirs
    assert await adapters.index.head(other) == 0


async def test_a_commit_by_another_process_is_seen_at_the_next_look_up(both):
    here, there = both
    assert await here.index.find(HERE, "k") is None

    entry = await there.keep(an_origin("k"))

    assert await here.index.find(HERE, "k") == entry
    assert await here.index.find_by_id(entry.id) == entry


async def test_more_look_ups_than_the_row_cache_holds_are_answered_all_the_same(both):
    here, there = both
    here.index._capacity = 10
    entries = await there.keep_many(pages(25))
    for _ in range(2):
        assert all(await here.has(*entries))
        assert len(here.index._by_key) <= 10


async def test_storing_again_replaces_the_entry_and_hands_its_blob_to_the_outbox(adapters):
    first = await adapters.keep(an_origin("k", "https://example.com/old"))
    adapters.clock.advance(seconds=1)
    second = await adapters.keep(an_origin("k", "https://example.com/new"))

    assert await adapters.index.find(HERE, "k") == second
    adapters.clock.advance(hours=1)
    assert [blob for _, blob in (await adapters.purges.sweep(adapters.clock())).blobs] == [first.blob_id]


async def test_replacing_an_entry_leaves_no_trace_of_its_old_page(adapters):
    await adapters.keep(an_origin("k", "https://example.com/old"))
    await adapters.keep(an_origin("k", "https://example.com/new"))

    assert (await adapters.purge(PurgeFilter(url=UrlGlob("https://example.com/old")))).count == 0
    assert (await adapters.purge(PurgeFilter(url=UrlGlob("https://example.com/new")))).count == 1


@pytest.mark.parametrize("which", MATCHING_BLOG, ids=told)
async def test_a_render_that_a_later_purge_matches_is_not_stored(adapters, which):
    lease = await adapters.lease(BLOG)
    purge = await adapters.purge(which)

    assert purge.count == 0
    assert await adapters.index.commit(lease, an_entry(BLOG, birth=lease.birth)) == Barred(purge.seq)
    assert await adapters.index.find(HERE, "blog") is None


@pytest.mark.parametrize("which", MISSING_BLOG, ids=told)
async def test_a_purge_of_something_else_does_not_keep_a_render_from_being_stored(adapters, which):
    lease = await adapters.lease(BLOG)
    await adapters.purge(which)

    assert await adapters.index.commit(lease, an_entry(BLOG, birth=lease.birth)) == Stored()


@pytest.mark.parametrize("which", MATCHING_BLOG, ids=told)
async def test_a_render_that_begins_after_the_purge_is_stored(adapters, which):
    await adapters.keep(BLOG)
    adapters.clock.advance(milliseconds=1)
    assert (await adapters.purge(which)).count == 1

    entry = await adapters.keep(BLOG)

    assert await adapters.has(entry) == [True]


async def test_a_purge_of_another_namespace_bars_nothing(adapters):
    lease = await adapters.lease(BLOG)
    await adapters.purge(PurgeFilter(everything=True), THERE)
    await adapters.purge(PurgeFilter(everything=True), TRIAL)

    assert await adapters.index.commit(lease, an_entry(BLOG, birth=lease.birth)) == Stored()


async def test_a_dry_run_bars_nothing(adapters):
    lease = await adapters.lease(BLOG)
    await adapters.purge(PurgeFilter(everything=True), dry_run=True)

    assert await adapters.index.commit(lease, an_entry(BLOG, birth=lease.birth)) == Stored()


async def test_a_purge_by_another_process_bars_a_render_here(both):
    here, there = both
    lease = await here.lease(BLOG)
    await there.purge(PurgeFilter(keys=("blog",)))

    assert isinstance(await here.index.commit(lease, an_entry(BLOG, birth=lease.birth)), Barred)


async def test_order_is_by_number_so_a_clock_set_back_lets_nothing_through(adapters):
    lease = await adapters.lease(BLOG)
    adapters.clock.advance(hours=-1)
    await adapters.purge(PurgeFilter(keys=("blog",)))

    assert isinstance(await adapters.index.commit(lease, an_entry(BLOG, birth=lease.birth)), Barred)
    assert await adapters.has(await adapters.keep(BLOG)) == [True]


async def test_of_two_renders_the_one_that_began_later_stays_whichever_ends_last(adapters):
    early = await adapters.lease(BLOG)
    adapters.clock.advance(milliseconds=LEASE_MS)
    late = await adapters.lease(BLOG)
    stays = an_entry(BLOG, birth=late.birth)
    assert await adapters.index.commit(late, stays) == Stored()
    await adapters.leases.release(late)

    assert await adapters.index.commit(early, an_entry(BLOG, birth=early.birth)) == Superseded()
    assert await adapters.has(stays) == [True]


async def test_whoever_lost_the_lease_to_a_render_still_running_does_not_store(adapters):
    early = await adapters.lease(BLOG)
    adapters.clock.advance(milliseconds=LEASE_MS)
    late = await adapters.lease(BLOG)

    assert await adapters.index.commit(early, an_entry(BLOG, birth=early.birth)) == LeaseLost()
    assert await adapters.index.find(HERE, "blog") is None
    assert await adapters.index.commit(late, an_entry(BLOG, birth=late.birth)) == Stored()


async def test_a_lease_that_was_given_back_stores_no_more(adapters):
    lease = await adapters.lease(BLOG)
    await adapters.leases.release(lease)

    assert await adapters.index.commit(lease, an_entry(BLOG, birth=lease.birth)) == LeaseLost()


async def test_a_lease_that_ran_out_stores_while_nobody_else_has_taken_it(adapters):
    lease = await adapters.lease(BLOG)
    adapters.clock.advance(days=1)

    assert await adapters.index.commit(lease, an_entry(BLOG, birth=lease.birth)) == Stored()


async def test_a_refused_store_leaves_the_stored_entry_alone(adapters):
    stored = await adapters.keep(BLOG)
    lease = await adapters.lease(BLOG)
    await adapters.leases.release(lease)
    await adapters.index.commit(lease, an_entry(BLOG, birth=lease.birth))

    assert await adapters.has(stored) == [True]
    adapters.clock.advance(minutes=5)
    assert (await adapters.purges.sweep(adapters.clock())).blobs == ()


async def test_forgetting_a_broken_entry_drops_it_and_hands_its_blob_to_the_outbox(adapters):
    entry = await adapters.keep(BLOG)
    await adapters.index.forget_broken(entry)

    assert await adapters.has(entry) == [False]
    adapters.clock.advance(minutes=5)
    assert [blob for _, blob in (await adapters.purges.sweep(adapters.clock())).blobs] == [entry.blob_id]


async def test_forgetting_a_broken_entry_spares_the_one_that_took_its_place(adapters):
    broken = await adapters.keep(BLOG)
    sound = await adapters.keep(BLOG)
    await adapters.index.forget_broken(broken)

    assert await adapters.has(sound) == [True]


async def test_pages_list_what_could_be_served_newest_first_each_entry_once(adapters):
    await adapters.keep(an_origin("gone"), ttl_s=1)
    entries = [await adapters.keep(origin) for origin in pages(7)]
    await adapters.keep(an_origin("theirs", namespace=THERE))
    await adapters.purge(PurgeFilter(keys=("k3",)))
    adapters.clock.advance(seconds=1)

    listed, cursor, sizes = [], None, []
    while True:
        page, cursor = await adapters.index.page(HERE, None, cursor, 3)
        listed += page
        sizes.append(len(page))
        if cursor is None:
            break

    assert listed == [entry for entry in reversed(entries) if entry.key != "k3"]
    assert sizes == [3, 3]


async def test_a_page_is_narrowed_as_a_purge_would_be(adapters):
    await adapters.keep_many([*pages(5, "https://example.com/blog/"), *pages(5, "https://example.com/", "x")])
    which = PurgeFilter(url=UrlGlob("https://example.com/blog/*"))
    first, cursor = await adapters.index.page(HERE, which, None, 4)
    rest, end = await adapters.index.page(HERE, which, cursor, 4)

    assert {entry.key for entry in [*first, *rest]} == {"k0", "k1", "k2", "k3", "k4"}
    assert (len(first), len(rest), end) == (4, 1, None)


async def test_stats_count_what_could_be_served(adapters):
    assert (await adapters.index.stats(HERE)).entries == 0
    await adapters.keep(an_origin("gone"), ttl_s=1)
    adapters.clock.advance(seconds=1)
    first = await adapters.keep(an_origin("a"))
    adapters.clock.advance(minutes=1)
    last = await adapters.keep(an_origin("b"))
    await adapters.keep(an_origin("c", namespace=THERE))
    await adapters.keep(an_origin("d"))
    await adapters.purge(PurgeFilter(keys=("d",)))

    stats = await adapters.index.stats(HERE)
    assert (stats.entries, stats.bytes) == (2, first.size_bytes + last.size_bytes)
    assert (stats.oldest, stats.newest) == (first.birth.at, last.birth.at)
    assert (await adapters.index.stats(None)).entries == 3


class TestKeepingTheBlobOfBefore:
    """commit_keeping_blob: no row ever names a blob that the outbox will delete."""

    @staticmethod
    async def again(adapters, before):
        """Take the lease, and return it with a new entry that names the blob of before."""
        adapters.clock.advance(seconds=1)
        lease = await adapters.lease(BLOG)
        entry = an_entry(BLOG, birth=lease.birth, stored_at=adapters.clock(), blob_id=before.blob_id)
        return lease, entry

    @staticmethod
    async def outbox(adapters):
        adapters.clock.advance(hours=1)
        return [blob for _, blob in (await adapters.purges.sweep(adapters.clock())).blobs]

    async def test_the_entry_is_replaced_and_the_blob_does_not_leave(self, adapters):
        before = await adapters.keep(BLOG)
        lease, entry = await self.again(adapters, before)

        assert await adapters.index.commit_keeping_blob(lease, entry) == Stored()
        assert await adapters.has(before, entry) == [False, True]
        assert await self.outbox(adapters) == []

    async def test_a_blob_whose_entry_has_gone_or_has_another_is_not_named_again(self, both):
        here, there = both
        before = await here.keep(BLOG)
        lease, entry = await self.again(here, before)
        await there.index.forget_broken(before)
        assert await here.index.commit_keeping_blob(lease, entry) == BlobReleased()
        assert await here.has(entry) == [False]
        await here.leases.release(lease)
        await there.keep(BLOG)
        lease, entry = await self.again(here, before)

        assert await here.index.commit_keeping_blob(lease, entry) == BlobReleased()
        assert await self.outbox(here) == [before.blob_id]

    async def test_a_blob_whose_entry_waits_for_the_sweep_is_kept_and_then_not_swept(
        self, adapters, monkeypatch
    ):
        monkeypatch.setattr(purges, "DELETED_AT_ONCE", -1)
        before = await adapters.keep(BLOG)
        await adapters.purge(PurgeFilter(keys=("blog",)))
        lease, entry = await self.again(adapters, before)

        assert await adapters.index.commit_keeping_blob(lease, entry) == Stored()
        assert await self.outbox(adapters) == []
        assert await adapters.has(entry) == [True]

    async def test_purges_later_renders_and_lost_leases_forbid_it_as_any_other_store(self, adapters):
        before = await adapters.keep(BLOG)
        lease, entry = await self.again(adapters, before)
        await adapters.purge(PurgeFilter(before=NOON + timedelta(days=1), url=UrlGlob("https://else/*")))
        await adapters.leases.release(lease)
        assert await adapters.index.commit_keeping_blob(lease, entry) == LeaseLost()
        lease, entry = await self.again(adapters, before)
        await adapters.purge(PurgeFilter(before=before.birth.at + timedelta(milliseconds=1)))
        assert await adapters.index.commit_keeping_blob(lease, entry) == BlobReleased()
        await adapters.leases.release(lease)
        stays = await adapters.keep(BLOG)
        late = replace(entry, blob_id=stays.blob_id)

        assert await adapters.index.commit_keeping_blob(lease, late) == Superseded()
        assert await adapters.has(stays) == [True]


class TestARequestUnderANameOfTheClients:
    async def test_it_is_told_when_it_first_came(self, adapters):
        assert await adapters.index.first_asked(HERE, "a", "this", NOON) is None
        for later in (timedelta(0), timedelta(seconds=5), timedelta(hours=24) - timedelta(milliseconds=1)):
            assert await adapters.index.first_asked(HERE, "a", "this", NOON + later) == NOON

    async def test_of_many_at_once_one_is_the_first(self, adapters):
        told = await asyncio.gather(*(adapters.index.first_asked(HERE, "a", "this", NOON) for _ in range(10)))

        assert sorted(told, key=str) == [NOON] * 9 + [None]

    async def test_it_is_forgotten_after_a_day(self, adapters):
        await adapters.index.first_asked(HERE, "a", "this", NOON)

        assert await adapters.index.first_asked(HERE, "a", "that", NOON + timedelta(hours=24)) is None

    async def test_another_under_the_same_name_is_refused(self, adapters):
        await adapters.index.first_asked(HERE, "a", "this", NOON)

        with pytest.raises(IdempotencyMismatch):
            await adapters.index.first_asked(HERE, "a", "that", NOON)

    async def test_accounts_and_modes_have_names_of_their_own(self, adapters):
        await adapters.index.first_asked(HERE, "a", "this", NOON)

        for namespace in (THERE, TRIAL):
            assert await adapters.index.first_asked(namespace, "a", "that", NOON) is None
