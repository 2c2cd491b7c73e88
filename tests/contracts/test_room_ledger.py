"""RoomLedger: counts what entries hold, and moves two hands along them."""

from __future__ import annotations

import pytest

from calotype.cache.hands import Hand, Turn
from calotype.cache.ports import HeldBy
from calotype.cache.purge import PurgeFilter
from calotype.cache.room import CHUNK
from calotype.sql.sqlite.leases import LEASE_MS
from tests.support.adapters import pages
from tests.support.builders import HERE, THERE, TRIAL, an_origin


@pytest.fixture
def ledger(adapters):
    return adapters.ledger


async def seen(adapters, hand=Hand.PROBATION, account=None):
    return await adapters.ledger.candidates(hand, adapters.ledger.usage(account), adapters.clock())


async def move(adapters, hand, reached, *takes, account=None):
    usage = adapters.ledger.usage(account)
    return await adapters.ledger.evict(hand, usage, Turn(reached, takes), adapters.clock())


async def places(adapters, hand=Hand.PROBATION, account=None):
    return [candidate.place for candidate in await seen(adapters, hand, account)]


async def test_an_empty_index_holds_nothing(ledger):
    usage = ledger.usage()

    assert (usage.entries, usage.used_bytes, usage.probation_bytes, usage.let_go_bytes) == (0, 0, 0, 0)
    assert not usage.sweeping


@pytest.mark.parametrize(("size", "held"), [(1, 4096), (4096, 4096), (4097, 8192), (200_000, 200_704)])
async def test_an_entry_holds_whole_blocks(adapters, ledger, size, held):
    await adapters.keep(an_origin(), size_bytes=size)
    assert (ledger.usage().entries, ledger.usage().used_bytes) == (1, held)
    await adapters.purge(PurgeFilter(everything=True))

    assert (ledger.usage().entries, ledger.usage().used_bytes, ledger.usage().let_go_bytes) == (0, 0, held)


async def test_a_successor_holds_the_room_instead_of_what_it_replaces(adapters, ledger):
    await adapters.keep(an_origin(), size_bytes=100_000)
    await adapters.keep(an_origin(), size_bytes=5000)

    assert (ledger.usage().entries, ledger.usage().used_bytes) == (1, 8192)


async def test_what_was_purged_holds_its_room_until_it_is_swept(purging):
    await purging.keep_many(pages(3))
    await purging.purge(PurgeFilter(everything=True))
    while (await purging.purges.sweep(purging.clock())).more:
        pass

    assert (purging.ledger.usage().entries, purging.ledger.usage().used_bytes) == (0, 0)


async def test_both_processes_see_the_same_counters(both):
    here, there = both
    await here.keep(an_origin("a"))
    await there.keep(an_origin("b"))

    assert here.ledger.usage() == there.ledger.usage()
    assert here.ledger.usage().entries == 2


async def test_candidates_come_in_the_order_in_which_they_were_stored(adapters):
    for origin in pages(3):
        await adapters.keep(origin)
    entries = [await adapters.index.find(origin.namespace, origin.identity.key) for origin in pages(3)]

    candidates = await seen(adapters)
    assert [candidate.key for candidate in candidates] == ["k0", "k1", "k2"]
    assert [candidate.place for candidate in candidates] == [entry.place for entry in entries]
    assert [candidate.held_bytes for candidate in candidates] == [4096] * 3


async def test_no_more_than_a_chunk_is_seen_at_once(adapters):
    await adapters.keep_many(pages(CHUNK + 1))

    assert len(await seen(adapters)) == CHUNK


async def test_what_the_first_hand_passes_is_main_from_then_on(adapters, ledger):
    for origin in pages(4):
        await adapters.keep(origin)
    first, second, third, fourth = await places(adapters)
    assert await move(adapters, Hand.PROBATION, third, second) == 4096

    assert await places(adapters, Hand.MAIN) == [first, third]
    assert await places(adapters, Hand.PROBATION) == [fourth]
    assert (ledger.usage().probation_bytes, ledger.usage().used_bytes) == (4096, 3 * 4096)


async def test_the_second_hand_sees_what_comes_after_it_and_can_begin_again(adapters):
    for origin in pages(3):
        await adapters.keep(origin)
    first, second, third = await places(adapters)
    await move(adapters, Hand.PROBATION, third)
    await move(adapters, Hand.MAIN, first)
    assert await places(adapters, Hand.MAIN) == [second, third]
    await move(adapters, Hand.MAIN, 0)

    assert await places(adapters, Hand.MAIN) == [first, second, third]


async def test_the_hands_are_where_they_were_after_a_restart(both):
    here, there = both
    await here.keep_many(pages(3))
    first, second, _ = await places(here)
    await move(here, Hand.PROBATION, second)
    await move(here, Hand.MAIN, first)

    assert (there.ledger.usage().boundary, there.ledger.usage().hand) == (second, first)


async def test_what_is_taken_cannot_be_had_and_its_blob_goes_once(adapters):
    entry = await adapters.keep(an_origin())
    (place,) = await places(adapters)
    await move(adapters, Hand.PROBATION, place, place)
    assert await adapters.has(entry) == [False]
    adapters.clock.advance(minutes=2)

    swept = await adapters.purges.sweep(adapters.clock())
    assert [blob_id for _, blob_id in swept.blobs] == [entry.blob_id]
    assert (await adapters.index.stats(None)).blobs_to_delete == 1


async def test_a_hand_that_another_process_has_moved_takes_nothing(both):
    here, there = both
    entries = [await here.keep(origin) for origin in pages(2)]
    before = here.ledger.usage()
    first, second = await places(here)
    await move(there, Hand.PROBATION, first, first)

    assert await here.ledger.evict(Hand.PROBATION, before, Turn(second, (first, second)), here.clock()) == 0
    assert await here.has(*entries) == [False, True]
    assert here.ledger.usage() == there.ledger.usage()


async def test_what_is_being_refreshed_is_told_so_and_stays(adapters):
    entry = await adapters.keep(an_origin())
    lease = await adapters.lease(an_origin())
    (candidate,) = await seen(adapters)
    assert candidate.refreshing
    assert await move(adapters, Hand.PROBATION, candidate.place, candidate.place) == 0
    assert await adapters.has(entry) == [True]

    await adapters.leases.release(lease)
    (candidate,) = await seen(adapters, Hand.MAIN)
    assert not candidate.refreshing


async def test_a_refresh_that_begins_after_the_choice_still_saves_the_entry(both):
    here, there = both
    entry = await here.keep(an_origin())
    (candidate,) = await seen(here)
    assert not candidate.refreshing
    now = there.clock()
    held = await there.leases.acquire(an_origin().namespace, an_origin().subject(now), now)
    assert not isinstance(held, HeldBy)

    assert await move(here, Hand.PROBATION, candidate.place, candidate.place) == 0
    assert await here.has(entry) == [True]


async def test_a_lease_that_ran_out_saves_nothing(adapters):
    await adapters.keep(an_origin())
    await adapters.lease(an_origin())
    adapters.clock.advance(milliseconds=LEASE_MS)
    (candidate,) = await seen(adapters)

    assert not candidate.refreshing
    assert await move(adapters, Hand.PROBATION, candidate.place, candidate.place) == 4096


async def test_what_expired_or_was_purged_is_told_as_gone(purging):
    for key, ttl_s in (("expired", 60), ("fresh", 3600), ("purged", 3600)):
        await purging.keep(an_origin(key, f"https://{key}.example/"), ttl_s)
    await purging.purge(PurgeFilter(keys=("purged",)))
    purging.clock.advance(seconds=60)

    gone = {candidate.key: candidate.gone for candidate in await seen(purging)}
    gone.setdefault("purged", True)
    assert gone == {"expired": True, "fresh": False, "purged": True}


async def test_what_is_gone_is_taken_although_it_is_being_rendered(adapters):
    await adapters.keep(an_origin(), 60)
    adapters.clock.advance(seconds=60)
    await adapters.lease(an_origin())
    (place,) = await places(adapters)

    assert await move(adapters, Hand.PROBATION, place, place) == 4096


async def test_what_was_replaced_after_the_choice_is_left_alone(adapters):
    await adapters.keep(an_origin())
    (old,) = await places(adapters)
    newer = await adapters.keep(an_origin())

    assert await move(adapters, Hand.PROBATION, old, old) == 0
    assert await adapters.has(newer) == [True]


async def test_the_sweep_can_be_asked_for_a_pass_but_not_all_the_time(adapters, ledger):
    await adapters.keep_many(pages(3))
    await ledger.begin_pass(adapters.clock())
    assert ledger.usage().sweeping
    await adapters.purges.sweep(adapters.clock())
    assert not ledger.usage().sweeping

    await ledger.begin_pass(adapters.clock())
    assert not ledger.usage().sweeping
    adapters.clock.advance(minutes=10)
    await ledger.begin_pass(adapters.clock())
    assert ledger.usage().sweeping


async def keep_in(adapters, *namespaces):
    return [await adapters.keep(an_origin(f"k{at}", namespace=ns)) for at, ns in enumerate(namespaces)]


async def test_an_account_that_stored_nothing_holds_nothing(adapters, ledger):
    await keep_in(adapters, HERE)
    usage = ledger.usage(THERE.account)

    assert (usage.entries, usage.used_bytes, usage.probation_bytes) == (0, 0, 0)
    assert await seen(adapters, account=THERE.account) == []


async def test_an_account_holds_its_live_and_its_test_entries_and_no_others(adapters, ledger):
    await keep_in(adapters, HERE, TRIAL, THERE)
    await adapters.keep(an_origin("large", namespace=THERE), size_bytes=4097)

    assert (ledger.usage(1).entries, ledger.usage(1).used_bytes) == (2, 2 * 4096)
    assert (ledger.usage(2).entries, ledger.usage(2).used_bytes) == (2, 3 * 4096)
    assert (ledger.usage().entries, ledger.usage().used_bytes) == (4, 5 * 4096)


async def test_accounts_above_a_mark_come_fullest_first(adapters, ledger):
    await keep_in(adapters, HERE, THERE, THERE, TRIAL, TRIAL)

    assert ledger.accounts_above(3 * 4096) == []
    assert ledger.accounts_above(3 * 4096 - 1) == [1]
    assert ledger.accounts_above(4096) == [1, 2]


async def test_candidates_of_an_account_come_in_order_from_both_its_modes(adapters):
    await keep_in(adapters, HERE, THERE, TRIAL, THERE, TRIAL, HERE)
    candidates = await seen(adapters, account=1)

    assert [candidate.key for candidate in candidates] == ["k0", "k2", "k4", "k5"]
    assert [candidate.namespace for candidate in candidates] == [HERE, TRIAL, TRIAL, HERE]
    order = [candidate.place for candidate in candidates]
    assert order == sorted(order)


async def test_no_more_than_a_chunk_of_an_account_is_seen_at_once(adapters):
    modes = (HERE, TRIAL)
    await adapters.keep_many([an_origin(f"k{at}", namespace=modes[at % 2]) for at in range(CHUNK + 1)])

    assert await places(adapters, account=1) == (await places(adapters))[:CHUNK]


async def test_the_hands_of_an_account_are_its_own(adapters, ledger):
    await keep_in(adapters, HERE, THERE, TRIAL, THERE, HERE)
    first, theirs, second, _, third = await places(adapters)
    assert await move(adapters, Hand.PROBATION, second, second, account=1) == 4096

    assert await places(adapters, Hand.MAIN, account=1) == [first]
    assert await places(adapters, account=1) == [third]
    assert (ledger.usage(1).probation_bytes, ledger.usage(1).used_bytes) == (4096, 2 * 4096)
    assert len(await places(adapters, account=2)) == 2
    assert (ledger.usage().boundary, ledger.usage().probation_bytes) == (0, 4 * 4096)

    await move(adapters, Hand.PROBATION, theirs, first)
    assert (ledger.usage(1).boundary, ledger.usage(1).probation_bytes) == (second, 4096)
    assert await places(adapters, Hand.MAIN, account=1) == []


async def test_the_second_hand_of_an_account_goes_round(both):
    here, there = both
    await keep_in(here, HERE, THERE, TRIAL)
    first, _, second = await places(here)
    await move(here, Hand.PROBATION, second, account=1)
    await move(here, Hand.MAIN, first, account=1)
    assert await places(there, Hand.MAIN, account=1) == [second]
    await move(there, Hand.MAIN, 0, account=1)

    assert await places(here, Hand.MAIN, account=1) == [first, second]


async def test_a_hand_of_an_account_that_another_process_has_moved_takes_nothing(both):
    here, there = both
    entries = await keep_in(here, HERE, TRIAL)
    before = here.ledger.usage(1)
    first, second = await places(here)
    await move(there, Hand.PROBATION, first, first, account=1)

    assert await here.ledger.evict(Hand.PROBATION, before, Turn(second, (first, second)), here.clock()) == 0
    assert await here.has(*entries) == [False, True]
    assert here.ledger.usage(1) == there.ledger.usage(1)
