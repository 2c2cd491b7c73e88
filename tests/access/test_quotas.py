"""Quotas: keys kept within their limits, by one process and by several, whatever the meter does."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import threading
from datetime import timedelta

import pytest

from calotype.access.keys import Caller
from calotype.access.limits import MOST_CREDITS, NO_LIMIT, Limits, QuotaExceeded, RateLimited, block_of
from calotype.access.ports import Use
from calotype.access.quotas import Quotas
from calotype.cache.errors import StoreUnavailable
from calotype.clock import Deadline
from tests.support.adapters import sqlite_adapters
from tests.support.clock import HandClock

MONTH = 1_704_067_200
"""January 2024, in which the hand clock stands."""


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def adapters(tmp_path, clock):
    async with sqlite_adapters(tmp_path / "index.db", clock) as opened:
        yield opened


def a_caller(mode="live", **limits):
    return Caller(1, mode, "key_one", limits=Limits(**limits))


async def admitted(quotas, caller, times):
    """Return how many of so many requests were admitted."""
    count = 0
    for _ in range(times):
        try:
            await quotas.admit(caller)
        except RateLimited:
            continue
        count += 1
    return count


async def made(quotas, caller, spend=True):
    async with quotas.capture(caller, Deadline.after(25_000)) as capturing:
        if spend:
            capturing.spend()


class Counting:
    """A meter that counts how often it is asked, or cannot be."""

    def __init__(self, meter):
        self.meter, self.leases, self.dead = meter, 0, False

    def __getattr__(self, name):
        return getattr(self.meter, name)

    async def lease(self, *which):
        self.leases += 1
        if self.dead:
            raise StoreUnavailable("it is dead")
        return await self.meter.lease(*which)

    async def enter(self, *which):
        if self.dead:
            raise StoreUnavailable("it is dead")
        return await self.meter.enter(*which)


class TestRequests:
    async def test_a_key_has_its_limit_each_minute_and_is_told_how_long_to_wait(self, adapters, clock):
        quotas, caller = Quotas(adapters.meter, clock), a_caller(requests_per_minute=30)
        clock.advance(seconds=18.5)
        for _ in range(2):
            assert await admitted(quotas, caller, 40) == 30
            with pytest.raises(RateLimited) as refused:
                await quotas.admit(caller)
            assert refused.value.retry_after_s == 42
            assert refused.value.rate is not None
            assert refused.value.rate.remaining == 0
            clock.advance(seconds=41)
            assert await admitted(quotas, caller, 1) == 0
            clock.advance(seconds=19)

    async def test_what_is_left_is_told_to_the_request(self, adapters, clock):
        quotas, caller = Quotas(adapters.meter, clock), a_caller(requests_per_minute=60)
        rates = [await quotas.admit(caller) for _ in range(60)]

        assert [rate.remaining for rate in rates] == list(range(59, -1, -1))
        assert {(rate.limit, rate.reset) for rate in rates} == {(60, int(clock().timestamp()) + 60)}

    async def test_the_meter_is_asked_once_a_block_and_not_at_all_when_nothing_is_left(self, adapters, clock):
        meter = Counting(adapters.meter)
        quotas, caller = Quotas(meter, clock), a_caller(requests_per_minute=300)
        assert await admitted(quotas, caller, 300) == 300
        assert meter.leases == 300 / block_of(300)

        assert await admitted(quotas, caller, 100) == 0
        assert meter.leases == 300 / block_of(300)

    async def test_a_burst_leases_no_more_than_it_uses(self, adapters, clock):
        meter = Counting(adapters.meter)
        quotas, caller = Quotas(meter, clock), a_caller(requests_per_minute=300)
        await asyncio.gather(*(quotas.admit(caller) for _ in range(20)))

        assert adapters.meter.taken("key_one", Use.REQUESTS, int(clock().timestamp())) == 30

    async def test_without_the_meter_each_process_admits_one_block_and_no_more(self, adapters, clock):
        meter = Counting(adapters.meter)
        meter.dead = True
        quotas, caller = Quotas(meter, clock), a_caller(requests_per_minute=60)

        assert await admitted(quotas, caller, 60) == block_of(60)
        meter.dead = False
        assert await admitted(quotas, caller, 100) == 60


class TestSeveralProcesses:
    SCRIPT = """
import asyncio, json, os, signal, sys
from pathlib import Path
from calotype.access.keys import Caller
from calotype.access.limits import Limits, RateLimited
from calotype.access.quotas import Quotas
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.meter import SqliteMeter
from tests.support.clock import HandClock

async def main(path, limit, asks, die):
    database = Database(SqliteSettings(path=Path(path), busy_timeout_s=60))
    quotas = Quotas(SqliteMeter(database), HandClock())
    caller = Caller(1, "live", "key_one", limits=Limits(requests_per_minute=limit))
    admitted = 0
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(asks):
        try:
            await quotas.admit(caller)
        except RateLimited:
            continue
        admitted += 1
    print(json.dumps(admitted), flush=True)
    if die:
        os.kill(os.getpid(), signal.SIGKILL)
    await quotas.close()
    await database.close()

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "die"))
"""

    async def together(self, path, limit, asks, processes, die="live"):
        """Have so many processes ask at once; return what each was granted."""
        started = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", self.SCRIPT, path, str(limit), str(asks), die,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )
            for _ in range(processes)
        ]  # fmt: skip
        for process in started:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        replies = await asyncio.gather(*(process.communicate(b"go\n") for process in started))
        assert {process.returncode for process in started} == {-signal.SIGKILL if die == "die" else 0}
        return [json.loads(out) for out, _ in replies]

    async def test_together_they_keep_to_the_limit_but_for_what_each_still_holds(self, tmp_path):
        limit, processes = 200, 4
        granted = await self.together(str(tmp_path / "index.db"), limit, limit, processes)

        assert limit - processes * block_of(limit) < sum(granted) <= limit

    async def test_what_a_killed_one_held_counts_as_used_and_is_no_more_than_a_block(self, tmp_path):
        path, limit = str(tmp_path / "index.db"), 200
        asked = block_of(limit) + 1
        assert await self.together(path, limit, asked, 1, "die") == [asked]
        (rest,) = await self.together(path, limit, limit, 1)

        assert limit - asked - block_of(limit) < rest <= limit - asked


class TestCaptures:
    async def test_only_so_many_are_under_way(self, adapters, clock):
        quotas, caller = Quotas(adapters.meter, clock), a_caller(concurrent=1)
        async with quotas.capture(caller, Deadline.after(25_000)):
            with pytest.raises(RateLimited, match="may have 1 captures under way") as refused:
                await made(quotas, caller)
            assert refused.value.retry_after_s == 1

        await made(quotas, caller)

    async def test_the_place_of_one_that_fails_is_free_again(self, adapters, clock):
        quotas, caller = Quotas(adapters.meter, clock), a_caller(concurrent=1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                async with quotas.capture(caller, Deadline.after(25_000)):
                    raise ZeroDivisionError

    async def test_one_whose_process_died_holds_its_place_until_its_deadline(self, adapters, clock):
        quotas, caller = Quotas(adapters.meter, clock), a_caller(concurrent=1)
        await adapters.meter.enter("key_one", 1, clock(), clock() + timedelta(seconds=30))
        with pytest.raises(RateLimited):
            await made(quotas, caller)
        clock.advance(seconds=30)

        await made(quotas, caller)

    async def test_without_the_meter_captures_go_on(self, adapters, clock):
        meter = Counting(adapters.meter)
        meter.dead = True
        quotas = Quotas(meter, clock)

        await made(quotas, a_caller(concurrent=1, credits=100))


class TestCredits:
    async def test_a_month_has_so_many_and_what_fails_is_free(self, adapters, clock):
        quotas, caller = Quotas(adapters.meter, clock), a_caller(credits=3)
        for spend in (True, False, True, False, True):
            await made(quotas, caller, spend)
        with pytest.raises(QuotaExceeded):
            await made(quotas, caller)
        assert (quotas.usage(caller).used, quotas.usage(caller).remaining) == (3, 0)

        clock.advance(days=17)
        assert quotas.usage(caller).used == 0
        await made(quotas, caller)

    async def test_a_test_key_pays_nothing(self, adapters, clock):
        quotas, caller = Quotas(adapters.meter, clock), a_caller("test", credits=1)
        for _ in range(3):
            await made(quotas, caller)

        assert quotas.usage(caller).used == 0

    async def test_usage_is_counted_without_a_limit_too(self, adapters, clock):
        quotas, caller = Quotas(adapters.meter, clock), a_caller()
        for _ in range(7):
            await made(quotas, caller)
        usage = quotas.usage(caller)

        assert (usage.used, usage.remaining) == (7, NO_LIMIT - 7)
        assert (usage.window.start.isoformat(), usage.window.end.isoformat()) == (
            "2024-01-01T00:00:00+00:00",
            "2024-02-01T00:00:00+00:00",
        )

    async def test_what_is_held_is_given_back_at_the_end(self, adapters, clock):
        quotas, caller = Quotas(adapters.meter, clock), a_caller(credits=100)
        await made(quotas, caller)
        assert adapters.meter.taken("key_one", Use.CREDITS, MONTH) == block_of(100, MOST_CREDITS)
        await quotas.close()

        assert adapters.meter.taken("key_one", Use.CREDITS, MONTH) == 1

    async def test_another_process_sees_at_most_a_block_too_much(self, adapters, clock):
        here, there = Quotas(adapters.meter, clock), Quotas(adapters.meter, clock)
        caller = a_caller(credits=100)
        await made(here, caller)

        assert here.usage(caller).used == 1
        assert there.usage(caller).used == block_of(100, MOST_CREDITS)


@contextlib.asynccontextmanager
async def nobody_writes(adapters):
    """Hold the index's writer for as long as the block takes."""
    go, busy = threading.Event(), threading.Event()

    def hold(_connection):
        busy.set()
        go.wait(10)

    holding = asyncio.create_task(adapters.meter._database.write(hold))
    await asyncio.to_thread(busy.wait)
    try:
        yield
    finally:
        go.set()
        await holding


class TestWhoLeavesWhileTheIndexIsBusy:
    async def leave(self, quotas, caller, adapters):
        async with nobody_writes(adapters):
            capturing = asyncio.create_task(made(quotas, caller, spend=False))
            await asyncio.sleep(0)
            capturing.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([capturing])

    async def test_has_used_no_credits(self, adapters, clock):
        quotas, caller = Quotas(adapters.meter, clock), a_caller(credits=100)
        for _ in range(20):
            await self.leave(quotas, caller, adapters)
        assert quotas.usage(caller).used == 0
        await made(quotas, caller)
        await quotas.close()

        assert adapters.meter.taken("key_one", Use.CREDITS, MONTH) == 1

    async def test_has_taken_no_place(self, adapters, clock):
        quotas, caller = Quotas(adapters.meter, clock), a_caller(concurrent=1)
        await self.leave(quotas, caller, adapters)

        await made(quotas, caller)
