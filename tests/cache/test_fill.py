"""Fills: one run per key for everyone who asks, here and in other processes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import pytest

from calotype.cache.errors import StoreUnavailable
from calotype.cache.fill import HEARTBEAT_S, Fills
from calotype.cache.ports import HeldBy, Lease
from calotype.cache.purge import PurgeFilter
from calotype.capture.errors import NavigationFailed, RenderTimeout
from calotype.clock import Deadline
from calotype.sql.sqlite.leases import LEASE_MS
from tests.support.builders import an_origin

PAGE = an_origin("k")
FAILED = NavigationFailed("https://example.com/", "net::ERR_FAILED")


class Work:
    """Runs that wait until they are told to finish; each gives its own number."""

    def __init__(self):
        self.runs = 0
        self.running = 0
        self.cancelled = 0
        self.leases = []
        self.began = asyncio.Semaphore(0)
        self._ends = []

    async def __call__(self, lease):
        number, end = self.runs, asyncio.get_running_loop().create_future()
        self._ends.append(end)
        self.leases.append(lease)
        self.runs += 1
        self.running += 1
        self.began.release()
        try:
            await end
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return f"picture {number}"

    def finish(self, number=0):
        self._ends[number].set_result(None)

    def fail(self, error, number=0):
        self._ends[number].set_exception(error)


class Pauses:
    """Sleeps that end when the test says so."""

    def __init__(self):
        self.sleepers = []
        self.began = asyncio.Semaphore(0)

    async def __call__(self, seconds):
        end = asyncio.get_running_loop().create_future()
        self.sleepers.append((seconds, end))
        self.began.release()
        await end

    def wake(self, number):
        self.sleepers[number][1].set_result(None)


@pytest.fixture
def work():
    return Work()


@pytest.fixture
async def fills(adapters, clock):
    fills: Fills[str] = Fills(adapters.leases, adapters.purges, clock)
    yield fills
    await fills.close()


@pytest.fixture
async def fills_elsewhere(elsewhere, clock):
    fills: Fills[str] = Fills(elsewhere.leases, elsewhere.purges, clock)
    yield fills
    await fills.close()


def ask(fills, work, arrived=0, budget_ms=20_000, origin=PAGE, **how):
    return asyncio.create_task(fills.run(origin, arrived, Deadline.after(budget_ms), work, **how))


async def leases_held(adapters, *origins):
    """Say for each origin whether somebody holds its lease. Nobody holds it afterwards."""
    held = []
    for origin in origins:
        now = adapters.clock()
        answer = await adapters.leases.acquire(origin.namespace, origin.subject(now), now)
        held.append(isinstance(answer, HeldBy))
        if isinstance(answer, Lease):
            await adapters.leases.release(answer)
    return held


async def test_a_burst_of_callers_shares_one_run(fills, work):
    burst = [ask(fills, work) for _ in range(500)]
    await work.began.acquire()
    work.finish()
    results = await asyncio.gather(*burst)

    assert work.runs == 1
    assert Counter(results) == {("picture 0", False): 1, ("picture 0", True): 499}


async def test_other_keys_run_at_the_same_time(fills, work):
    both = [ask(fills, work), ask(fills, work, origin=an_origin("l"))]
    await work.began.acquire()
    await work.began.acquire()
    work.finish(0)
    work.finish(1)

    assert {result for result, _ in await asyncio.gather(*both)} == {"picture 0", "picture 1"}


async def test_who_comes_after_the_end_starts_anew(fills, work):
    first = ask(fills, work)
    await work.began.acquire()
    work.finish()
    await first
    second = ask(fills, work)
    await work.began.acquire()
    work.finish(1)

    assert await second == ("picture 1", False)


async def test_the_first_caller_hanging_up_does_not_fail_the_others(fills, work):
    first, *others = [ask(fills, work) for _ in range(20)]
    await work.began.acquire()
    first.cancel()
    await asyncio.wait([first])
    work.finish()

    assert {result for result, _ in await asyncio.gather(*others)} == {"picture 0"}
    assert (first.cancelled(), work.cancelled) == (True, 0)


async def test_the_run_of_one_who_left_is_inherited_by_one_of_those_who_stayed(fills, work):
    heirs = []
    first, *others = [ask(fills, work, inherit=lambda n=n: heirs.append(n)) for n in range(5)]
    await work.began.acquire()
    first.cancel()
    await asyncio.wait([first])
    work.finish()
    await asyncio.gather(*others)

    assert len(heirs) == 1


async def test_nobody_inherits_a_run_whose_caller_stayed(fills, work):
    heirs = []
    callers = [ask(fills, work, inherit=lambda n=n: heirs.append(n)) for n in range(5)]
    await work.began.acquire()
    callers[1].cancel()
    work.finish()
    await asyncio.gather(*callers, return_exceptions=True)

    assert heirs == []


async def test_the_last_caller_to_leave_stops_the_run_and_gives_the_lease_back(fills, work, elsewhere):
    callers = [ask(fills, work) for _ in range(3)]
    await work.began.acquire()
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    await fills.close()

    assert (work.cancelled, work.running) == (1, 0)
    assert await leases_held(elsewhere, PAGE) == [False]


async def test_who_comes_while_a_run_that_everybody_left_is_stopping_gets_a_run_of_their_own(fills, work):
    left = ask(fills, work)
    await work.began.acquire()
    left.cancel()
    await asyncio.wait([left])
    # The run is being cancelled, and its lease is still to be given back.
    next_one = ask(fills, work)
    await work.began.acquire()
    work.finish(1)

    assert await next_one == ("picture 1", False)


@pytest.mark.parametrize("turns", range(8))
async def test_a_caller_may_leave_at_any_moment_and_no_lease_stays_behind(fills, work, elsewhere, turns):
    caller = ask(fills, work)
    for _ in range(turns):
        await asyncio.sleep(0)
    caller.cancel()
    await asyncio.wait([caller])
    await fills.close()

    assert await leases_held(elsewhere, PAGE) == [False]
    assert work.running == 0


async def test_a_failure_is_raised_to_everybody_who_waited_and_to_those_who_come_right_after(
    fills, work, clock
):
    burst = [ask(fills, work) for _ in range(5)]
    await work.began.acquire()
    work.fail(FAILED)
    outcomes = await asyncio.gather(*burst, return_exceptions=True)
    assert outcomes == [FAILED] * 5

    clock.advance(seconds=2.999)
    with pytest.raises(NavigationFailed, match=str(FAILED)):
        await ask(fills, work)
    clock.advance(seconds=0.001)
    later = ask(fills, work)
    await work.began.acquire()
    work.finish(1)
    assert await later == ("picture 1", False)


async def test_a_caller_with_more_patience_than_the_run_had_starts_another(fills, work):
    hasty, patient = ask(fills, work, budget_ms=5_000), ask(fills, work, budget_ms=20_000)
    await work.began.acquire()
    timeout = RenderTimeout("loading", 5_000)
    work.fail(timeout)
    await work.began.acquire()
    work.finish(1)

    assert await patient == ("picture 1", False)
    with pytest.raises(RenderTimeout):
        await hasty


async def test_a_run_that_began_late_and_timed_out_says_nothing_to_who_has_all_of_their_time(fills, work):
    came_long_ago = Deadline(at=time.monotonic() + 1, budget_ms=20_000)
    late = asyncio.create_task(fills.run(PAGE, 0, came_long_ago, work))
    joined = ask(fills, work)
    await work.began.acquire()
    work.fail(RenderTimeout("loading", 20_000))
    with pytest.raises(RenderTimeout):
        await late
    async with asyncio.timeout(10):
        await work.began.acquire()
    after = ask(fills, work)
    work.finish(1)

    assert [await joined, await after] == [("picture 1", False), ("picture 1", True)]


async def test_a_caller_with_hardly_more_patience_does_not(fills, work):
    hasty, patient = ask(fills, work, budget_ms=20_000), ask(fills, work, budget_ms=20_300)
    await work.began.acquire()
    work.fail(RenderTimeout("loading", 20_000))

    outcomes = await asyncio.gather(hasty, patient, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [RenderTimeout, RenderTimeout]
    assert work.runs == 1


async def test_an_impatient_caller_leaves_and_the_others_stay(fills, work):
    patient, hasty = ask(fills, work), ask(fills, work, budget_ms=10)
    await work.began.acquire()
    with pytest.raises(RenderTimeout) as left:
        await hasty
    work.finish()

    assert left.value.budget_ms == 10
    assert await patient == ("picture 0", False)


# ---- purges


async def purge(adapters, key="k"):
    return (await adapters.purge(PurgeFilter(keys=(key,)))).seq


async def test_who_comes_after_a_purge_does_not_join_a_run_that_began_before_it(fills, work, adapters):
    before = ask(fills, work)
    await work.began.acquire()
    arrived = await purge(adapters)
    after, too = ask(fills, work, arrived), ask(fills, work, arrived)
    await work.began.acquire()
    work.finish(0)
    work.finish(1)

    assert await before == ("picture 0", False)
    assert [await after, await too] == [("picture 1", False), ("picture 1", True)]
    assert work.leases[1].birth.seq == arrived


async def test_who_came_before_the_purge_stays_with_the_run_that_began_before_it(fills, work, adapters):
    first = ask(fills, work)
    await work.began.acquire()
    await purge(adapters)
    late = ask(fills, work, arrived=0)
    await asyncio.sleep(0)
    work.finish()

    assert [await first, await late] == [("picture 0", False), ("picture 0", True)]


async def test_a_purge_of_something_else_keeps_nobody_from_joining(fills, work, adapters):
    first = ask(fills, work)
    await work.began.acquire()
    second = ask(fills, work, await purge(adapters, "other"))
    await asyncio.sleep(0)
    work.finish()

    assert [await first, await second] == [("picture 0", False), ("picture 0", True)]


async def test_a_run_in_another_process_that_a_purge_barred_is_not_waited_for(
    fills, fills_elsewhere, work, adapters
):
    before = ask(fills_elsewhere, work)
    await work.began.acquire()
    after = ask(fills, work, await purge(adapters))
    await work.began.acquire()
    work.finish(1)
    assert await after == ("picture 1", False)
    work.finish(0)
    assert await before == ("picture 0", False)


async def test_a_log_that_no_longer_reaches_back_to_a_run_keeps_newcomers_from_joining_it(
    fills, work, adapters
):
    first = ask(fills, work)
    await work.began.acquire()
    arrived = await purge(adapters, "other")
    await adapters.index._database.write(lambda connection: connection.execute("UPDATE ns SET floor_seq = 1"))
    second = ask(fills, work, arrived)
    await work.began.acquire()
    work.finish(0)
    work.finish(1)

    assert [await first, await second] == [("picture 0", False), ("picture 1", False)]


# ---- refreshes


async def test_all_who_ask_for_a_fresh_run_while_one_runs_share_the_next(fills, work):
    running = ask(fills, work)
    await work.began.acquire()
    fresh = [ask(fills, work, fresh=True) for _ in range(10)]
    await asyncio.sleep(0)
    assert work.runs == 1
    work.finish(0)
    await work.began.acquire()
    work.finish(1)

    assert await running == ("picture 0", False)
    assert Counter(await asyncio.gather(*fresh)) == {("picture 1", False): 1, ("picture 1", True): 9}
    assert work.runs == 2


async def test_others_go_on_joining_the_run_that_runs_while_a_fresh_one_waits(fills, work):
    running = ask(fills, work)
    await work.began.acquire()
    fresh = ask(fills, work, fresh=True)
    await asyncio.sleep(0)
    other = ask(fills, work)
    await asyncio.sleep(0)
    work.finish(0)
    assert [await running, await other] == [("picture 0", False), ("picture 0", True)]
    await work.began.acquire()
    work.finish(1)

    assert await fresh == ("picture 1", False)


async def test_a_fresh_run_waits_for_its_turn_even_if_the_one_before_it_fails(fills, work):
    running = ask(fills, work)
    await work.began.acquire()
    fresh = ask(fills, work, fresh=True)
    await asyncio.sleep(0)
    work.fail(FAILED)
    await work.began.acquire()
    work.finish(1)

    assert await fresh == ("picture 1", False)
    with pytest.raises(NavigationFailed):
        await running


async def test_a_fresh_caller_who_leaves_while_waiting_takes_the_pending_run_along(fills, work):
    running = ask(fills, work)
    await work.began.acquire()
    fresh = ask(fills, work, fresh=True)
    await asyncio.sleep(0)
    fresh.cancel()
    await asyncio.wait([fresh])
    work.finish()
    await running
    again = ask(fills, work, fresh=True)
    await work.began.acquire()
    work.finish(1)

    assert await again == ("picture 1", False)
    assert work.runs == 2


async def test_a_fresh_caller_does_not_join_a_look_up_that_may_find_what_was_stored_before(fills, work):
    look_up = ask(fills, work)
    await asyncio.sleep(0)
    fresh = ask(fills, work, fresh=True)
    await work.began.acquire()
    work.finish(0)
    await work.began.acquire()
    work.finish(1)

    assert [await look_up, await fresh] == [("picture 0", False), ("picture 1", False)]


# ---- the lease


async def test_two_processes_do_not_run_at_once(fills, fills_elsewhere, work):
    here = ask(fills, work)
    await work.began.acquire()
    there = ask(fills_elsewhere, work)
    await asyncio.sleep(0.1)
    assert work.running == 1
    work.finish(0)
    await work.began.acquire()
    work.finish(1)

    assert [await here, await there] == [("picture 0", False), ("picture 1", False)]


async def test_the_heart_beats_and_keeps_the_lease(work, adapters, elsewhere, clock):
    pauses = Pauses()
    fills: Fills[str] = Fills(adapters.leases, adapters.purges, clock, pauses)
    run = ask(fills, work)
    await work.began.acquire()
    for beat in range(4):
        await pauses.began.acquire()
        assert pauses.sleepers[beat][0] == HEARTBEAT_S < LEASE_MS / 1000 / 2
        clock.advance(milliseconds=LEASE_MS - 1)
        pauses.wake(beat)
    await pauses.began.acquire()

    assert await leases_held(elsewhere, PAGE) == [True]
    work.finish()
    assert await run == ("picture 0", False)
    await fills.close()


class Unreachable:
    """Leases whose renewals fail for a while."""

    def __init__(self, leases, failures):
        self._leases, self._failures = leases, failures

    async def renew(self, lease, now):
        if self._failures:
            self._failures -= 1
            raise StoreUnavailable("not now")
        return await self._leases.renew(lease, now)

    def __getattr__(self, name):
        return getattr(self._leases, name)


async def test_a_heartbeat_that_fails_is_tried_again(work, adapters, elsewhere, clock):
    pauses = Pauses()
    fills: Fills[str] = Fills(Unreachable(adapters.leases, failures=2), adapters.purges, clock, pauses)
    run = ask(fills, work)
    await work.began.acquire()
    for beat in range(3):
        await pauses.began.acquire()
        clock.advance(milliseconds=LEASE_MS - 1 if beat == 2 else 0)
        pauses.wake(beat)
    await pauses.began.acquire()
    clock.advance(milliseconds=2)

    assert await leases_held(elsewhere, PAGE) == [True]
    work.finish()
    assert await run == ("picture 0", False)
    await fills.close()


async def test_a_lease_lost_to_somebody_else_does_not_stop_the_run(work, adapters, elsewhere, clock):
    pauses = Pauses()
    fills: Fills[str] = Fills(adapters.leases, adapters.purges, clock, pauses)
    run = ask(fills, work)
    await work.began.acquire()
    clock.advance(milliseconds=LEASE_MS)
    taken = await elsewhere.lease(PAGE)
    await pauses.began.acquire()
    pauses.wake(0)
    work.finish()

    assert await run == ("picture 0", False)
    assert await elsewhere.leases.renew(taken, clock())
    await fills.close()


async def test_waiting_for_another_process_ends_at_the_deadline(fills, work, elsewhere):
    await elsewhere.lease(PAGE)
    with pytest.raises(RenderTimeout) as waited:
        await ask(fills, work, budget_ms=120)

    assert "another process" in str(waited.value)
    assert work.runs == 0


async def test_an_index_that_cannot_be_used_is_told_to_everybody_who_waited(fills, work, adapters):
    await adapters.index._database.close()
    outcomes = await asyncio.gather(*(ask(fills, work) for _ in range(3)), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3


async def test_a_lease_that_cannot_be_given_back_spoils_nothing(fills, work, adapters):
    run = ask(fills, work)
    await work.began.acquire()
    await adapters.index._database.close()
    work.finish()

    assert await run == ("picture 0", False)


async def test_closing_leaves_no_task_and_no_lease(fills, work, elsewhere):
    before = asyncio.all_tasks()
    callers = [ask(fills, work), ask(fills, work, origin=an_origin("l")), ask(fills, work, fresh=True)]
    await work.began.acquire()
    await work.began.acquire()
    await fills.close()
    await asyncio.wait(callers)

    assert asyncio.all_tasks() == before
    assert work.running == 0
    assert await leases_held(elsewhere, PAGE, an_origin("l")) == [False, False]


# ---- one key of the client's choice, several requests


OTHER = an_origin(PAGE.identity.key, "https://example.com/other")


async def test_a_caller_with_another_request_under_the_same_key_waits_for_its_turn(fills, work):
    first = ask(fills, work)
    await work.began.acquire()
    other = ask(fills, work, origin=OTHER)
    await asyncio.sleep(0)
    assert work.runs == 1
    work.finish(0)
    await work.began.acquire()
    work.finish(1)

    assert [await first, await other] == [("picture 0", False), ("picture 1", False)]


async def test_the_failure_of_another_request_under_the_same_key_is_not_ours(fills, work):
    first = ask(fills, work)
    await work.began.acquire()
    other = ask(fills, work, origin=OTHER)
    await asyncio.sleep(0)
    work.fail(FAILED, 0)
    await work.began.acquire()
    work.finish(1)

    assert await other == ("picture 1", False)
    with pytest.raises(NavigationFailed):
        await first


async def test_fresh_runs_of_different_requests_under_one_key_end_in_the_order_in_which_they_were_asked_for(
    fills, work
):
    asked = [ask(fills, work, origin=origin, fresh=True) for origin in (PAGE, OTHER, PAGE, OTHER)]
    for number in range(4):
        await work.began.acquire()
        assert work.running == 1
        work.finish(number)

    assert await asyncio.gather(*asked) == [(f"picture {number}", False) for number in range(4)]
    births = [lease.birth.number for lease in work.leases]
    assert births == sorted(births)


async def test_who_comes_after_a_purge_waits_neither_for_the_barred_run_nor_behind_it(fills, work, adapters):
    running = ask(fills, work)
    await work.began.acquire()
    refresh = ask(fills, work, fresh=True)
    await asyncio.sleep(0)
    purge = await adapters.purge(PurgeFilter(everything=True))
    later = ask(fills, work, arrived=purge.seq)
    await work.began.acquire()
    assert work.running == 2
    work.finish(1)

    assert {(await refresh)[0], (await later)[0]} == {"picture 1"}
    work.finish(0)
    assert await running == ("picture 0", False)
