"""Meter: what keys use, counted for every process at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from calotype.access.ports import Leased, Use

KEY, MINUTE = "key_one", 1_705_320_000


async def lease(adapters, wanted, limit=10, key=KEY, what=Use.REQUESTS, window=MINUTE):
    return await adapters.meter.lease(key, what, window, wanted, limit)


async def test_as_much_is_granted_as_there_is(adapters):
    assert await lease(adapters, 6) == Leased(6, 6)
    assert await lease(adapters, 6) == Leased(4, 10)
    assert await lease(adapters, 6) == Leased(0, 10)
    assert adapters.meter.taken(KEY, Use.REQUESTS, MINUTE) == 10


async def test_all_processes_take_from_the_same_limit(both):
    leases = await asyncio.gather(*(lease(both[number % 2], 3, 40) for number in range(20)))

    assert sum(leased.granted for leased in leases) == 40
    assert max(leased.taken for leased in leases) == 40
    assert [process.meter.taken(KEY, Use.REQUESTS, MINUTE) for process in both] == [40, 40]


async def test_keys_windows_and_what_is_counted_are_apart(adapters):
    await lease(adapters, 10)

    assert await lease(adapters, 1, key="key_two") == Leased(1, 1)
    assert await lease(adapters, 1, what=Use.CREDITS) == Leased(1, 1)
    assert await lease(adapters, 1, window=MINUTE + 60) == Leased(1, 1)


async def test_of_requests_only_the_newest_minute_is_remembered_of_credits_every_month(adapters):
    for what in Use:
        for window in (MINUTE, MINUTE + 60):
            await lease(adapters, 2, what=what, window=window)

    assert [adapters.meter.taken(KEY, Use.REQUESTS, window) for window in (MINUTE, MINUTE + 60)] == [0, 2]
    assert [adapters.meter.taken(KEY, Use.CREDITS, window) for window in (MINUTE, MINUTE + 60)] == [2, 2]


async def test_what_is_given_back_can_be_taken_again_by_anybody(both):
    here, there = both
    await lease(here, 10)
    await here.meter.give_back(KEY, Use.REQUESTS, MINUTE, 3)

    assert await lease(there, 5) == Leased(3, 10)


async def test_a_limit_that_was_lowered_grants_nothing_and_takes_nothing_away(adapters):
    await lease(adapters, 10)

    assert await lease(adapters, 1, limit=5) == Leased(0, 10)


async def enter(adapters, limit=2, key=KEY, seconds=30):
    now = adapters.clock()
    return await adapters.meter.enter(key, limit, now, now + timedelta(seconds=seconds))


async def test_there_are_so_many_places_for_all_processes_and_one_is_free_when_it_is_left(both):
    here, there = both
    first, second = await enter(here), await enter(there)
    assert first is not None
    assert second is not None
    assert first != second
    assert await enter(here) is None
    assert await enter(here, key="key_two") is not None

    await there.meter.leave(first)
    assert await enter(there) is not None
    assert await enter(there) is None


async def test_a_place_that_nobody_left_is_free_at_its_end(adapters):
    await enter(adapters, 1, seconds=30)
    adapters.clock.advance(seconds=29)
    assert await enter(adapters, 1) is None
    adapters.clock.advance(seconds=1)

    assert await enter(adapters, 1) is not None


async def test_leaving_late_takes_nobody_elses_place(adapters):
    stale = await enter(adapters, 1, seconds=1)
    adapters.clock.advance(seconds=2)
    assert await enter(adapters, 1) is not None
    await adapters.meter.leave(stale)

    assert await enter(adapters, 1) is None
