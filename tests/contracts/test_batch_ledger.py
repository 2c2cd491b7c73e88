"""BatchLedger: what was accepted is there with its job, and each item ends once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from calotype.batches.batch import BatchState, ItemFailure, ItemPicture, ItemState
from calotype.batches.errors import GivenUp
from calotype.batches.ports import MAX_WAITING, RUN, TELL, NewBatch, NewItem
from calotype.cache.entry import Mode, Namespace
from calotype.cache.errors import StoreUnavailable
from calotype.capture.errors import QueueFull
from calotype.jobs.engine import Kind
from calotype.sql.sqlite import batches as sqlite_batches
from tests.support.builders import HERE, THERE, TRIAL
from tests.support.clock import NOON
from tests.support.waiting import becomes

FAULT = ItemFailure(code="invalid_url", message="no", retryable=False, field="url", problem="is", remedy="do")
PICTURE = ItemPicture(
    key="cache_1", path="screenshots/2024/01/15/1.png", width_px=2, height_px=3, size_bytes=4, format="png",
    ttl_s=5, expires_at=NOON, hit=True, title="t", description="d", final_url=None, http_status=200,
)  # fmt: skip


def an_item(number=0, **more):
    return NewItem(url=f"https://example.com/{number}", sealed=b"sealed %d" % number, **more)


def a_batch(name="batch_1", items=3, **more):
    given: dict[str, Any] = {
        "namespace": HERE,
        "key_id": "key_1",
        "weight": 2,
        "concurrency": 4,
        "items": [an_item(number) for number in range(items)] if isinstance(items, int) else items,
        "webhook": b"hook",
    }
    return NewBatch(id=name, **(given | more))


async def jobs_of(adapters, kind):
    """Return the subjects that have a job of that kind, in order; they are done by that."""
    found = []

    async def note(subject):
        found.append(subject)

    marker = asyncio.Event()

    async def mark(_subject):
        marker.set()

    await adapters.jobs.submit("marker", "")
    kinds = [
        Kind(name=name, run=run, at_once=99, limit_s=9, pauses=())
        for name, run in ((kind, note), ("marker", mark))
    ]
    running = asyncio.create_task(adapters.jobs.run(kinds))
    await marker.wait()
    running.cancel()
    await asyncio.wait([running])
    return found


@pytest.fixture
def ledger(adapters):
    return adapters.batches


async def test_what_was_accepted_is_found_as_it_is(both, clock):
    accepted = await both[0].batches.accept(a_batch(), clock())
    found = await both[1].batches.find("batch_1")

    assert found == accepted
    assert (found.namespace, found.weight, found.concurrency) == (HERE, 2, 4)
    assert (found.state, found.created_at, found.ended_at) == (BatchState.QUEUED, NOON, None)
    assert [(item.position, item.url) for item in found.items] == [
        (n, f"https://example.com/{n}") for n in range(3)
    ]
    assert {item.state for item in found.items} == {ItemState.PENDING}


async def test_what_was_not_is_not_found(ledger):
    assert await ledger.find("batch_1") is None
    assert await ledger.begin("batch_1") is None


async def test_finding_never_suspends(ledger, clock):
    await ledger.accept(a_batch(), clock())
    for name in ("batch_1", "batch_2"):
        with pytest.raises(StopIteration):
            ledger.find(name).send(None)


async def test_it_comes_with_its_job(adapters, clock):
    await adapters.batches.accept(a_batch(), clock())

    assert await jobs_of(adapters, RUN) == ["batch_1"]


async def test_an_id_that_is_taken_changes_nothing_of_what_is_there(adapters, clock):
    before = await adapters.batches.accept(a_batch(), clock())
    with pytest.raises(Exception, match=r"(?i)unique"):
        await adapters.batches.accept(a_batch(items=1), clock())

    assert await adapters.batches.find("batch_1") == before


class TestBegin:
    async def test_somebody_is_at_it(self, ledger, clock):
        await ledger.accept(a_batch(), clock())
        begun = await ledger.begin("batch_1")

        assert begun.state is BatchState.PROCESSING
        assert await ledger.begin("batch_1") == begun

    async def test_an_item_is_read_by_who_begins_it_and_each_try_counts(self, ledger, clock):
        await ledger.accept(a_batch(), clock())
        tries = [await ledger.begin_item("batch_1", 1) for _ in range(2)]

        assert [(begun.sealed, begun.tries) for begun in tries] == [(b"sealed 1", 1), (b"sealed 1", 2)]
        assert await ledger.begin_item("batch_1", 7) is None
        assert "sealed 1" not in repr(tries)

    async def test_a_try_that_is_given_back_does_not_count(self, ledger, clock):
        await ledger.accept(a_batch(), clock())
        await ledger.give_back("batch_1", 1)
        await ledger.begin_item("batch_1", 1)
        await ledger.begin_item("batch_1", 1)
        await ledger.give_back("batch_1", 1)
        await ledger.give_back("batch_1", 7)

        assert (await ledger.begin_item("batch_1", 1)).tries == 2
        assert (await ledger.begin_item("batch_1", 0)).tries == 1

    async def test_one_that_has_ended_stays_as_it_is_when_a_try_is_given_back(self, ledger, clock):
        await ledger.accept(a_batch(), clock())
        await ledger.begin_item("batch_1", 0)
        await ledger.end_item("batch_1", 0, PICTURE, clock())
        before = await ledger.find("batch_1")
        await ledger.give_back("batch_1", 0)

        assert await ledger.find("batch_1") == before


class TestEnd:
    async def test_an_item_ends_once(self, ledger, clock):
        await ledger.accept(a_batch(), clock())
        ended = [await ledger.end_item("batch_1", 0, each, clock()) for each in (PICTURE, FAULT)]
        found = await ledger.find("batch_1")

        assert ended == [True, False]
        assert (found.items[0].state, found.items[0].outcome) == (ItemState.COMPLETED, PICTURE)
        assert await ledger.begin_item("batch_1", 0) is None
        assert not await ledger.end_item("batch_1", 9, PICTURE, clock())

    async def test_of_many_who_end_it_at_once_one_does(self, both, clock):
        await both[0].batches.accept(a_batch(items=1), clock())
        ended = await asyncio.gather(
            *(both[n % 2].batches.end_item("batch_1", 0, PICTURE, clock()) for n in range(10))
        )

        assert sum(ended) == 1
        assert await jobs_of(both[0], TELL) == ["batch_1"]

    async def test_items_are_numbered_in_the_order_in_which_they_end(self, ledger, clock):
        await ledger.accept(a_batch(), clock())
        for position in (2, 0):
            await ledger.end_item("batch_1", position, PICTURE, clock())

        assert [item.ended_no for item in (await ledger.find("batch_1")).items] == [2, 0, 1]

    async def test_those_that_are_the_same_end_together(self, ledger, clock):
        same = NewItem(url="https://example.com/0", sealed=None, same_as=0)
        await ledger.accept(a_batch(items=[an_item(0), an_item(1), same]), clock())
        await ledger.end_item("batch_1", 0, PICTURE, clock())
        found = await ledger.find("batch_1")

        assert [item.outcome for item in found.items] == [PICTURE, None, PICTURE]
        assert [item.ended_no for item in found.items] == [1, 0, 2]
        assert (found.completed, found.ended, found.state) == (2, 2, BatchState.QUEUED)

    @pytest.mark.parametrize(
        ("outcomes", "state"),
        [
            ([PICTURE, PICTURE], BatchState.COMPLETED),
            ([FAULT, PICTURE], BatchState.COMPLETED),
            ([FAULT, FAULT], BatchState.FAILED),
        ],
    )
    async def test_with_the_last_the_batch_is_over_and_has_its_job_to_tell_it(
        self, adapters, clock, outcomes, state
    ):
        ledger = adapters.batches
        await ledger.accept(a_batch(items=2), clock())
        await ledger.end_item("batch_1", 0, outcomes[0], clock())
        assert (await ledger.find("batch_1")).ended_at is None
        assert await jobs_of(adapters, TELL) == []

        clock.advance(seconds=5)
        await ledger.end_item("batch_1", 1, outcomes[1], clock())
        found = await ledger.find("batch_1")

        assert (found.state, found.ended_at) == (state, NOON + timedelta(seconds=5))
        assert found.failed == outcomes.count(FAULT)
        assert await jobs_of(adapters, TELL) == ["batch_1"]

    async def test_a_faulty_item_has_ended_when_it_is_accepted(self, adapters, clock):
        bad = NewItem(url="x", sealed=None, fault=FAULT)
        accepted = await adapters.batches.accept(a_batch(items=[bad, an_item(1)]), clock())

        assert (accepted.items[0].state, accepted.items[0].outcome) == (ItemState.FAILED, FAULT)
        assert accepted.state is BatchState.QUEUED
        assert await jobs_of(adapters, RUN) == ["batch_1"]

    async def test_a_batch_of_faulty_items_is_over_at_once_and_nobody_need_run_it(self, adapters, clock):
        bad = NewItem(url="x", sealed=None, fault=FAULT)
        accepted = await adapters.batches.accept(a_batch(items=[bad, bad]), clock())

        assert accepted.state is BatchState.FAILED
        assert await jobs_of(adapters, RUN) == []
        assert await jobs_of(adapters, TELL) == ["batch_1"]


class TestCancel:
    async def test_all_that_is_pending_ends_and_the_batch_with_it(self, adapters, clock):
        ledger = adapters.batches
        await ledger.accept(a_batch(), clock())
        await ledger.end_item("batch_1", 1, PICTURE, clock())
        await ledger.cancel("batch_1", clock())
        found = await ledger.find("batch_1")

        assert found.state is BatchState.CANCELLED
        assert [item.state.value for item in found.items] == ["cancelled", "completed", "cancelled"]
        assert not await ledger.end_item("batch_1", 0, PICTURE, clock())
        assert await ledger.begin_item("batch_1", 0) is None
        assert await jobs_of(adapters, TELL) == ["batch_1"]

    async def test_what_is_over_stays_as_it_is(self, adapters, clock):
        ledger = adapters.batches
        await ledger.accept(a_batch(items=1), clock())
        await ledger.end_item("batch_1", 0, PICTURE, clock())
        over = await ledger.find("batch_1")
        await ledger.cancel("batch_1", clock())
        await ledger.cancel("batch_2", clock())

        assert await ledger.find("batch_1") == over
        assert await jobs_of(adapters, TELL) == ["batch_1"]


class TestGivenUp:
    async def died(self, adapters, kind):
        """Have the job of that kind fail for the last time."""

        async def fail(_subject):
            raise StoreUnavailable("locked")

        dies = Kind(name=kind, run=fail, at_once=9, limit_s=9, pauses=())
        running = asyncio.create_task(adapters.jobs.run([dies]))
        await becomes(lambda: adapters.jobs.dead(9))
        running.cancel()
        await asyncio.wait([running])

    async def test_what_is_pending_when_the_job_dies_fails_and_what_is_done_stays(self, adapters, clock):
        ledger = adapters.batches
        await ledger.accept(a_batch(), clock())
        await ledger.end_item("batch_1", 1, PICTURE, clock())
        clock.advance(hours=1)
        await self.died(adapters, RUN)
        found = await ledger.find("batch_1")

        assert (found.state, found.ended_at) == (BatchState.COMPLETED, clock())
        assert [item.state.value for item in found.items] == ["failed", "completed", "failed"]
        assert found.items[0].outcome == ItemFailure.of(GivenUp(1))
        assert found.items[0].outcome.retryable
        assert ledger._database.read_one("SELECT count(sealed) FROM batch_item") == (0,)
        assert await jobs_of(adapters, TELL) == ["batch_1"]

    async def test_it_does_not_count_among_those_that_wait(self, adapters, clock):
        await adapters.batches.accept(a_batch(items=MAX_WAITING), clock())
        await self.died(adapters, RUN)

        await adapters.batches.accept(a_batch("batch_2", MAX_WAITING), clock())

    async def test_a_job_that_is_to_be_tried_again_ends_nothing(self, adapters, clock):
        await adapters.batches.accept(a_batch(), clock())
        failed = asyncio.Event()

        async def fail(_subject):
            failed.set()
            raise StoreUnavailable("locked")

        patient = Kind(name=RUN, run=fail, at_once=9, limit_s=9, pauses=(timedelta(hours=1),))
        running = asyncio.create_task(adapters.jobs.run([patient]))
        await failed.wait()
        await becomes(lambda: adapters.batches._database.read_one("SELECT failures FROM job") == (1,))
        running.cancel()
        await asyncio.wait([running])

        assert (await adapters.batches.find("batch_1")).ended == 0

    async def test_where_to_tell_an_end_is_kept_for_who_begins_that_anew(self, adapters, clock):
        await adapters.batches.accept(a_batch(items=1), clock())
        await adapters.batches.end_item("batch_1", 0, PICTURE, clock())
        await self.died(adapters, TELL)

        assert (await adapters.batches.find("batch_1")).webhook == b"hook"


class TestSecrets:
    def left(self, adapters):
        """Return all that is kept of what was sealed."""
        rows = adapters.batches._database.reader.execute("SELECT sealed FROM batch_item").fetchall()
        return [row[0] for row in rows if row[0] is not None]

    async def test_what_an_item_asked_for_is_erased_when_it_ends(self, adapters, clock):
        await adapters.batches.accept(a_batch(items=2), clock())
        await adapters.batches.end_item("batch_1", 0, PICTURE, clock())
        assert self.left(adapters) == [b"sealed 1"]

        await adapters.batches.cancel("batch_1", clock())
        assert self.left(adapters) == []

    async def test_the_webhook_is_erased_when_it_has_been_told(self, ledger, clock):
        await ledger.accept(a_batch(items=1), clock())
        await ledger.end_item("batch_1", 0, PICTURE, clock())
        assert (await ledger.find("batch_1")).webhook == b"hook"

        await ledger.told("batch_1")
        assert (await ledger.find("batch_1")).webhook is None


class TestBound:
    async def test_an_account_may_have_only_so_many_waiting_in_both_modes_together(self, ledger, clock):
        size = MAX_WAITING // 4
        for number, namespace in enumerate([HERE, TRIAL, HERE, TRIAL]):
            await ledger.accept(a_batch(f"batch_{number}", size, namespace=namespace), clock())
        with pytest.raises(QueueFull):
            await ledger.accept(a_batch("batch_9", 1), clock())
        assert await ledger.find("batch_9") is None

        await ledger.accept(a_batch("batch_8", 1, namespace=THERE), clock())
        await ledger.end_item("batch_0", 0, PICTURE, clock())
        await ledger.accept(a_batch("batch_9", 1), clock())

    async def test_so_is_what_they_take_in_the_index(self, ledger, clock, monkeypatch):
        monkeypatch.setattr(sqlite_batches, "MAX_WAITING_BYTES", 64_000)
        large = NewItem(url="https://example.com/", sealed=bytes(1000))
        for number in range(2):
            await ledger.accept(a_batch(f"batch_{number}", [large] * 32), clock())
        with pytest.raises(QueueFull):
            await ledger.accept(a_batch("batch_2", 1), clock())

        await ledger.cancel("batch_0", clock())
        await ledger.accept(a_batch("batch_2", 1), clock())

    async def test_what_is_over_does_not_count(self, ledger, clock):
        for number in range(2):
            await ledger.accept(a_batch(f"batch_{number}", MAX_WAITING), clock())
            await ledger.cancel(f"batch_{number}", clock())


async def test_the_old_are_forgotten_a_few_at_a_time_and_none_that_is_not_over(adapters, clock):
    ledger = adapters.batches
    for number in range(4):
        await ledger.accept(replace(a_batch(items=1), id=f"batch_{number}"), clock())
        if number:
            await ledger.end_item(f"batch_{number}", 0, PICTURE, clock())
        clock.advance(minutes=1)
    before = NOON + timedelta(minutes=3)

    assert [await ledger.forget(before, 1) for _ in range(3)] == [1, 1, 0]
    assert [(await ledger.find(f"batch_{number}")) is not None for number in range(4)] == [
        True,
        False,
        False,
        True,
    ]
    rows = ledger._database.reader.execute("SELECT DISTINCT batch FROM batch_item ORDER BY batch").fetchall()
    assert rows == [("batch_0",), ("batch_3",)]


async def test_namespaces_come_back_as_they_were(ledger, clock):
    for number, namespace in enumerate([HERE, TRIAL, THERE, Namespace(7, Mode.TEST)]):
        await ledger.accept(a_batch(f"batch_{number}", namespace=namespace), clock())
        assert (await ledger.find(f"batch_{number}")).namespace == namespace
