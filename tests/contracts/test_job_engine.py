"""JobEngine: what was submitted is done, by one process at a time, however often somebody has to try."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from calotype.cache.errors import StoreUnavailable
from calotype.clock import to_ms
from calotype.errors import CalotypeError
from calotype.jobs.engine import Kind, Later
from tests.support.clock import HandClock
from tests.support.waiting import becomes


class Hands:
    """A handler that tells what it is asked to do, and does it when it is let to."""

    def __init__(self):
        self.begun = []
        self.finished = []
        self.cancelled = []
        self.began = asyncio.Semaphore(0)
        self.ended = asyncio.Semaphore(0)
        self.failing = None
        self.gate = asyncio.Event()
        self.gate.set()

    def hold(self):
        self.gate = asyncio.Event()

    async def __call__(self, subject):
        self.begun.append(subject)
        self.began.release()
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.append(subject)
            raise
        if self.failing is not None:
            self.ended.release()
            raise self.failing
        self.finished.append(subject)
        self.ended.release()

    def kind(self, name="frame", at_once=3, pauses=(), limit_s=60.0):
        return Kind(name=name, run=self, at_once=at_once, pauses=pauses, limit_s=limit_s)


@pytest.fixture
def hands():
    return Hands()


@asynccontextmanager
async def working(jobs, *kinds):
    running = asyncio.create_task(jobs.run(kinds))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def settled(jobs, *kinds):
    """Run what is due, until there is nothing more to do."""
    marker = Hands()
    async with working(jobs, *kinds, marker.kind("marker")):
        # What was submitted before it is claimed before it; what ends wakes the engine once more.
        for _ in range(3):
            await jobs.submit("marker", "")
            await marker.ended.acquire()


async def test_what_was_submitted_before_anybody_ran_is_run(adapters, hands):
    await adapters.jobs.submit("frame", "a")
    async with working(adapters.jobs, hands.kind()):
        await hands.ended.acquire()

    assert hands.finished == ["a"]


async def test_who_runs_is_woken_by_what_is_submitted(adapters, hands):
    async with working(adapters.jobs, hands.kind()):
        for subject in "abc":
            await adapters.jobs.submit("frame", subject)
            await hands.ended.acquire()

    assert hands.finished == ["a", "b", "c"]


async def test_another_process_finds_it_by_itself(both, hands):
    here, there = both
    async with working(there.jobs, hands.kind()):
        await here.jobs.submit("frame", "a")
        await hands.ended.acquire()

    assert hands.finished == ["a"]


async def test_two_processes_never_run_the_same(both, hands):
    subjects = [f"{number}" for number in range(40)]
    async with working(both[0].jobs, hands.kind()), working(both[1].jobs, hands.kind()):
        for subject in subjects:
            await both[int(subject) % 2].jobs.submit("frame", subject)
        for _ in subjects:
            await hands.ended.acquire()
        await settled(both[0].jobs)

    assert Counter(hands.begun) == Counter(subjects)


async def test_what_is_done_is_not_done_again(adapters, hands):
    await adapters.jobs.submit("frame", "a")
    for _ in range(2):
        await settled(adapters.jobs, hands.kind())

    assert hands.begun == ["a"]


async def test_only_so_many_of_a_kind_run_at_once_and_no_kind_waits_for_another(adapters, hands):
    hands.hold()
    others = Hands()
    async with working(adapters.jobs, hands.kind(at_once=2), others.kind("other")):
        for subject in "abcd":
            await adapters.jobs.submit("frame", subject)
        for _ in range(2):
            await hands.began.acquire()
        await adapters.jobs.submit("other", "x")
        await others.ended.acquire()
        assert hands.begun == ["a", "b"]
        hands.gate.set()
        for _ in range(4):
            await hands.ended.acquire()

    assert hands.finished == ["a", "b", "c", "d"]


async def test_a_kind_that_nobody_runs_waits_for_who_does(adapters, hands):
    await adapters.jobs.submit("other", "a")
    await settled(adapters.jobs, hands.kind())
    assert hands.begun == []

    await settled(adapters.jobs, hands.kind("other"))

    assert hands.finished == ["a"]


class TestSubmittedTwice:
    async def test_one_that_waits_is_run_once(self, adapters, hands):
        for _ in range(3):
            await adapters.jobs.submit("frame", "a")
        await settled(adapters.jobs, hands.kind())

        assert hands.begun == ["a"]

    async def test_one_that_runs_is_run_once_more(self, adapters, hands):
        hands.hold()
        async with working(adapters.jobs, hands.kind()):
            await adapters.jobs.submit("frame", "a")
            await hands.began.acquire()
            for _ in range(2):
                await adapters.jobs.submit("frame", "a")
            hands.gate.set()
            for _ in range(2):
                await hands.ended.acquire()
        await settled(adapters.jobs, hands.kind())

        assert hands.begun == ["a", "a"]

    async def test_one_that_runs_in_vain_is_tried_again_for_that(self, adapters, hands):
        hands.hold()
        hands.failing = CalotypeError("no")
        async with working(adapters.jobs, hands.kind()):
            await adapters.jobs.submit("frame", "a")
            await hands.began.acquire()
            await adapters.jobs.submit("frame", "a")
            hands.gate.set()
            await hands.ended.acquire()
            hands.failing = None
            await hands.ended.acquire()

        assert hands.finished == ["a"]
        assert await adapters.jobs.dead(9) == []

    async def test_the_same_id_of_another_kind_is_another_job(self, adapters, hands):
        others = Hands()
        await adapters.jobs.submit("frame", "a")
        await adapters.jobs.submit("other", "a")
        await settled(adapters.jobs, hands.kind(), others.kind("other"))

        assert (hands.finished, others.finished) == (["a"], ["a"])


class TestFailure:
    PAUSES = (timedelta(seconds=10), timedelta(minutes=5))

    async def test_it_is_tried_again_after_each_pause_and_no_sooner(self, adapters, hands, clock):
        hands.failing = CalotypeError("no")
        await adapters.jobs.submit("frame", "a")
        tries = []
        for seconds in (0, 9, 1, 299, 1):
            clock.advance(seconds=seconds)
            await settled(adapters.jobs, hands.kind(pauses=self.PAUSES))
            tries.append(len(hands.begun))

        assert tries == [1, 1, 2, 2, 3]

    async def test_after_the_last_it_is_dead_and_can_be_looked_at(self, adapters, hands, clock):
        hands.failing = CalotypeError("no room")
        await adapters.jobs.submit("frame", "a")
        for _ in range(4):
            await settled(adapters.jobs, hands.kind(pauses=self.PAUSES))
            clock.advance(hours=1)

        (dead,) = await adapters.jobs.dead(9)
        assert len(hands.begun) == 3
        assert (dead.kind, dead.subject, dead.failures) == ("frame", "a", 3)
        assert dead.error == "CalotypeError: no room"
        assert dead.died_at == clock() - timedelta(hours=2)

    async def test_of_an_error_that_is_none_of_ours_only_the_kind_is_kept(self, adapters, hands):
        hands.failing = ValueError("session=1")
        await adapters.jobs.submit("frame", "a")
        await settled(adapters.jobs, hands.kind())

        assert [dead.error for dead in await adapters.jobs.dead(9)] == ["ValueError"]

    async def test_a_success_in_between_is_a_new_beginning(self, adapters, hands, clock):
        for failing in (CalotypeError("no"), None, CalotypeError("no")):
            hands.failing = failing
            await adapters.jobs.submit("frame", "a")
            await settled(adapters.jobs, hands.kind(pauses=self.PAUSES[:1]))
            clock.advance(hours=1)

        assert await adapters.jobs.dead(9) == []

    async def test_what_takes_too_long_has_failed(self, adapters, hands):
        hands.hold()
        await adapters.jobs.submit("frame", "a")
        async with working(adapters.jobs, hands.kind(limit_s=0.01)):
            await hands.began.acquire()
            await becomes(lambda: adapters.jobs.dead(9))

        assert hands.cancelled == ["a"]

    async def test_one_failure_holds_up_no_other(self, adapters, hands):
        hands.failing = CalotypeError("no")
        others = Hands()
        async with working(adapters.jobs, hands.kind(at_once=1), others.kind("other")):
            for subject in "ab":
                await adapters.jobs.submit("frame", subject)
                await hands.ended.acquire()
            await adapters.jobs.submit("other", "x")
            await others.ended.acquire()

        assert hands.begun == ["a", "b"]


class TestTheDead:
    @pytest.fixture
    async def dead(self, adapters, hands, clock):
        hands.failing = CalotypeError("no")
        for subject in "abc":
            await adapters.jobs.submit("frame", subject)
            await settled(adapters.jobs, hands.kind())
            clock.advance(minutes=1)
        hands.failing = None
        hands.begun.clear()
        return await adapters.jobs.dead(9)

    async def test_the_latest_come_first_and_no_more_than_are_asked_for(self, adapters, dead):
        assert [job.subject for job in dead] == ["c", "b", "a"]
        assert [job.subject for job in await adapters.jobs.dead(2)] == ["c", "b"]

    async def test_one_is_replayed_with_all_its_tries(self, adapters, hands, clock, dead):
        hands.failing = CalotypeError("no")
        assert await adapters.jobs.replay(dead[0].number)
        patient = hands.kind(pauses=(timedelta(seconds=1),))
        await settled(adapters.jobs, patient)
        hands.failing = None
        clock.advance(seconds=1)
        await settled(adapters.jobs, patient)

        assert hands.finished == ["c"]
        assert [job.subject for job in await adapters.jobs.dead(9)] == ["b", "a"]

    async def test_what_is_not_dead_is_not_replayed(self, adapters, hands, dead):
        assert not await adapters.jobs.replay(10_000)
        assert await adapters.jobs.replay(dead[0].number)
        assert not await adapters.jobs.replay(dead[0].number)

    async def test_to_submit_one_again_brings_it_back_too(self, adapters, hands, dead):
        await adapters.jobs.submit("frame", "b")
        await settled(adapters.jobs, hands.kind())

        assert hands.finished == ["b"]

    async def test_the_old_are_forgotten_a_few_at_a_time(self, adapters, dead):
        before = dead[0].died_at

        assert [await adapters.jobs.forget_dead(before, 1) for _ in range(3)] == [1, 1, 0]
        assert [job.subject for job in await adapters.jobs.dead(9)] == ["c"]


class TestLeaving:
    async def test_what_runs_is_cancelled_and_begun_by_the_next(self, both, hands):
        hands.hold()
        async with working(both[0].jobs, hands.kind()):
            await both[0].jobs.submit("frame", "a")
            await hands.began.acquire()
        assert hands.cancelled == ["a"]
        hands.gate.set()

        await settled(both[1].jobs, hands.kind())

        assert hands.finished == ["a"]
        assert await both[1].jobs.dead(9) == []

    async def test_a_holder_that_says_that_it_lives_keeps_its_job(self, both, hands, clock):
        hands.hold()
        async with working(both[0].jobs, hands.kind()):
            await both[0].jobs.submit("frame", "a")
            await hands.began.acquire()
            for _ in range(4):
                clock.advance(seconds=10)
                both[0].jobs.wake()
                await becomes(lambda: both[0].jobs._beat_ms == to_ms(clock()))
                await settled(both[1].jobs, hands.kind())
            assert hands.begun == ["a"]
            hands.gate.set()
            await hands.ended.acquire()

        assert hands.finished == ["a"]

    async def test_one_that_was_silent_for_too_long_is_replaced_and_stops(self, both, hands, clock):
        silent = Hands()
        silent.hold()
        async with working(both[0].jobs, silent.kind()):
            await both[0].jobs.submit("frame", "a")
            await silent.began.acquire()
            # By the clock of the first no time has passed in which it should have said anything.
            both[1].jobs._clock = HandClock(clock() + timedelta(seconds=20))
            await settled(both[1].jobs, hands.kind())
            clock.advance(seconds=20)
            both[0].jobs.wake()
            await becomes(lambda: silent.cancelled)

        assert hands.finished == ["a"]
        assert silent.finished == []


async def test_an_engine_whose_index_cannot_be_used_says_so_and_goes_on(adapters, hands, monkeypatch, caplog):
    class Broken:
        def __init__(self, real):
            self.real, self.left, self.met = real, 2, asyncio.Semaphore(0)

        def __call__(self, *args):
            if self.left:
                self.left -= 1
                self.met.release()
                raise StoreUnavailable("locked")
            return self.real(*args)

    broken = Broken(adapters.jobs._database.read)
    monkeypatch.setattr(adapters.jobs._database, "read", broken)
    with caplog.at_level(logging.WARNING, "calotype.jobs"):
        async with working(adapters.jobs, hands.kind()):
            for _ in range(2):
                await broken.met.acquire()
                adapters.jobs.wake()
            await adapters.jobs.submit("frame", "a")
            await hands.ended.acquire()

    assert "jobs wait: locked" in caplog.text


async def test_who_says_later_is_run_again_then_and_not_sooner(adapters, hands, clock):
    hands.failing = Later(timedelta(minutes=5))
    await adapters.jobs.submit("frame", "a")
    await settled(adapters.jobs, hands.kind())
    clock.advance(seconds=299)
    await settled(adapters.jobs, hands.kind())
    early = list(hands.begun)
    hands.failing = None
    clock.advance(seconds=1)
    await settled(adapters.jobs, hands.kind())

    assert early == ["a"]
    assert (hands.begun, hands.finished) == (["a", "a"], ["a"])


async def test_saying_later_is_no_failure_however_often(adapters, hands, clock):
    hands.failing = Later(timedelta(minutes=5))
    await adapters.jobs.submit("frame", "a")
    for _ in range(5):
        await settled(adapters.jobs, hands.kind(pauses=(timedelta(minutes=1),)))
        clock.advance(minutes=5)

    assert hands.begun == ["a"] * 5
    assert await adapters.jobs.dead(10) == []


async def test_what_was_submitted_meanwhile_does_not_wait_for_what_said_later(adapters, hands):
    hands.failing = Later(timedelta(days=1))
    hands.hold()
    await adapters.jobs.submit("frame", "a")
    async with working(adapters.jobs, hands.kind()):
        await hands.began.acquire()
        await adapters.jobs.submit("frame", "a")
        hands.gate.set()
        await hands.began.acquire()

    assert hands.begun == ["a", "a"]
