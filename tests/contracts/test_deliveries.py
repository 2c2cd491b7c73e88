"""Deliveries: each has one job, ends once, keeps no secret longer than it must, and can be replayed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from calotype.cache.entry import Mode, Namespace
from calotype.errors import CalotypeError
from calotype.jobs.engine import Kind
from calotype.webhooks.errors import TooManyWaiting
from calotype.webhooks.event import EventKind, Form
from calotype.webhooks.ports import DELIVER, DeliveryState, NewDelivery
from tests.support.builders import HERE
from tests.support.clock import NOON
from tests.support.waiting import becomes

OTHER = Namespace(HERE.account + 1, HERE.mode)


def new(delivery_id="whk_1", **more):
    facts = {
        "namespace": HERE, "kind": EventKind.SCREENSHOT_COMPLETED, "subject": "req_1", "form": Form.ACCOUNT,
        "body": b"{}",
    }  # fmt: skip
    return NewDelivery(id=delivery_id, **{**facts, **more})


class Jobs:
    """Runs jobs, and keeps what they were about."""

    def __init__(self):
        self.begun = []

    async def __call__(self, subject):
        self.begun.append(subject)


async def jobs_of(adapters):
    """Return the subjects of the jobs that are due."""
    done, marker = Jobs(), Jobs()
    kinds = (
        Kind(name=DELIVER, run=done, at_once=9, limit_s=60, pauses=()),
        Kind(name="marker", run=marker, at_once=1, limit_s=60, pauses=()),
    )
    running = asyncio.create_task(adapters.jobs.run(kinds))
    await adapters.jobs.submit("marker", "")
    await becomes(lambda: marker.begun)
    running.cancel()
    await asyncio.wait([running])
    return sorted(done.begun)


async def failed(adapters, *ids, **more):
    """Accept deliveries, and give them up in their jobs, as their handler does."""
    for delivery_id in ids:
        await adapters.deliveries.accept([new(delivery_id, **more)], adapters.clock(), durable=True)
    ended = []

    async def give_up(subject):
        await adapters.deliveries.end(subject, DeliveryState.FAILED, adapters.clock(), 500, "it answered 500")
        ended.append(subject)

    kind = Kind(name=DELIVER, run=give_up, at_once=9, limit_s=60, pauses=())
    running = asyncio.create_task(adapters.jobs.run([kind]))
    await becomes(lambda: len(ended) == len(ids))
    running.cancel()
    await asyncio.wait([running])


async def test_what_is_accepted_waits_and_has_a_job(adapters, clock):
    own = new("whk_2", form=Form.REQUEST, sealed=b"sealed", subject="job_1", kind=EventKind.SCREENSHOT_FAILED)
    await adapters.deliveries.accept([new(), own], clock(), durable=True)
    found = await adapters.deliveries.find("whk_2")

    assert (found.namespace, found.kind, found.subject) == (HERE, EventKind.SCREENSHOT_FAILED, "job_1")
    assert (found.form, found.body, found.sealed) == (Form.REQUEST, b"{}", b"sealed")
    assert (found.state, found.accepted_at, found.since) == (DeliveryState.WAITING, NOON, NOON)
    assert (found.failures, found.attempts, found.tried_at) == (0, 0, None)
    assert await adapters.deliveries.find("whk_3") is None
    assert await jobs_of(adapters) == ["whk_1", "whk_2"]


async def test_what_is_known_already_is_left_as_it_is(adapters, clock):
    await adapters.deliveries.accept([new()], clock(), durable=True)
    assert await jobs_of(adapters) == ["whk_1"]
    await adapters.deliveries.end("whk_1", DeliveryState.DELIVERED, clock(), 200, "")
    await adapters.deliveries.accept([new(body=b"[]"), new("whk_2")], clock(), durable=False)

    assert (await adapters.deliveries.find("whk_1")).state is DeliveryState.DELIVERED
    assert await jobs_of(adapters) == ["whk_2"]


async def test_failures_are_counted_with_what_the_last_one_said(adapters, clock):
    await adapters.deliveries.accept([new()], clock(), durable=True)
    for status, fault in ((500, "it answered 500"), (None, "no answer within 10 s")):
        clock.advance(minutes=1)
        await adapters.deliveries.note_failure("whk_1", clock(), status, fault)
    found = await adapters.deliveries.find("whk_1")

    assert (found.failures, found.attempts, found.status, found.fault) == (
        2,
        2,
        None,
        "no answer within 10 s",
    )
    assert found.tried_at == NOON + timedelta(minutes=2)
    assert found.state is DeliveryState.WAITING


async def test_one_whose_job_dies_has_failed_says_why_and_can_be_replayed(adapters, clock):
    await adapters.deliveries.accept([new(form=Form.REQUEST, sealed=b"sealed")], clock(), durable=True)
    await adapters.deliveries.note_failure("whk_1", clock(), 503, "it answered 503")
    clock.advance(hours=1)

    async def broken(_subject):
        raise CalotypeError("the secret is another")

    kind = Kind(name=DELIVER, run=broken, at_once=9, limit_s=60, pauses=())
    running = asyncio.create_task(adapters.jobs.run([kind]))
    await becomes(lambda: adapters.jobs.dead(9))
    running.cancel()
    await asyncio.wait([running])
    found = await adapters.deliveries.find("whk_1")

    assert (found.state, found.status) == (DeliveryState.FAILED, None)
    assert found.fault == "it could not be sent: CalotypeError: the secret is another"
    assert (found.attempts, found.tried_at, found.sealed) == (1, clock(), b"sealed")
    assert await adapters.deliveries.replay("whk_1", clock())
    assert await jobs_of(adapters) == ["whk_1"]


async def test_of_what_is_delivered_body_and_secret_are_erased(adapters, clock):
    await adapters.deliveries.accept([new(form=Form.REQUEST, sealed=b"sealed")], clock(), durable=True)
    await adapters.deliveries.end("whk_1", DeliveryState.DELIVERED, clock(), 204, "")
    found = await adapters.deliveries.find("whk_1")

    assert (found.state, found.status, found.attempts) == (DeliveryState.DELIVERED, 204, 1)
    assert (found.body, found.sealed) == (b"", None)
    assert found.form is Form.REQUEST


async def test_what_has_ended_ends_no_second_time(adapters, clock):
    await adapters.deliveries.accept([new()], clock(), durable=True)
    await adapters.deliveries.end("whk_1", DeliveryState.DELIVERED, clock(), 204, "")
    clock.advance(minutes=1)
    await adapters.deliveries.end("whk_1", DeliveryState.FAILED, clock(), 500, "it answered 500")
    await adapters.deliveries.note_failure("whk_1", clock(), 500, "it answered 500")
    found = await adapters.deliveries.find("whk_1")

    assert (found.state, found.status, found.tried_at) == (DeliveryState.DELIVERED, 204, NOON)
    assert await adapters.jobs.dead(10) == []


async def test_what_is_given_up_keeps_all_that_a_replay_needs_and_is_a_dead_letter(adapters):
    await failed(adapters, "whk_1", form=Form.REQUEST, sealed=b"sealed")
    found = await adapters.deliveries.find("whk_1")
    (letter,) = await adapters.jobs.dead(10)

    assert (found.state, found.body, found.sealed) == (DeliveryState.FAILED, b"{}", b"sealed")
    assert (letter.kind, letter.subject, letter.error) == (DELIVER, "whk_1", "it answered 500")
    assert letter.failures == found.failures == 1
    assert await jobs_of(adapters) == []


async def test_a_replay_begins_anew_for_a_day(adapters, clock):
    await failed(adapters, "whk_1", "whk_2")
    clock.advance(days=2)
    assert await adapters.deliveries.replay("whk_1", clock())
    found = await adapters.deliveries.find("whk_1")

    assert (found.state, found.since, found.failures) == (DeliveryState.WAITING, clock(), 0)
    assert (found.accepted_at, found.attempts) == (NOON, 1)
    assert await jobs_of(adapters) == ["whk_1"]
    assert [letter.subject for letter in await adapters.jobs.dead(10)] == ["whk_2"]


@pytest.mark.parametrize("delivery_id", ["whk_1", "whk_9"])
async def test_only_what_was_given_up_is_replayed(adapters, clock, delivery_id):
    await adapters.deliveries.accept([new()], clock(), durable=True)
    await adapters.deliveries.end("whk_1", DeliveryState.DELIVERED, clock(), 204, "")
    assert await jobs_of(adapters) == ["whk_1"]

    assert not await adapters.deliveries.replay(delivery_id, clock())
    assert await jobs_of(adapters) == []


async def test_all_of_one_account_and_mode_are_replayed_and_no_others(adapters, clock):
    await failed(adapters, "whk_1", "whk_2")
    await failed(adapters, "whk_3", namespace=OTHER)
    await failed(adapters, "whk_4", namespace=Namespace(HERE.account, Mode.TEST))

    assert await adapters.deliveries.replay_all(HERE, clock()) == 2
    assert await jobs_of(adapters) == ["whk_1", "whk_2"]


async def test_the_latest_are_listed_first_and_no_other_accounts(adapters, clock):
    await failed(adapters, "whk_1")
    for number in (2, 3, 4):
        clock.advance(minutes=1)
        await adapters.deliveries.accept([new(f"whk_{number}")], clock(), durable=True)
    await adapters.deliveries.end("whk_3", DeliveryState.DELIVERED, clock(), 204, "")
    await adapters.deliveries.accept([new("whk_5", namespace=OTHER)], clock(), durable=True)

    async def latest(state, limit=10):
        return [each.id for each in await adapters.deliveries.latest(HERE, state, limit)]

    assert await latest(None) == ["whk_4", "whk_3", "whk_2", "whk_1"]
    assert await latest(None, 2) == ["whk_4", "whk_3"]
    assert await latest(DeliveryState.FAILED) == ["whk_1"]
    assert await latest(DeliveryState.WAITING) == ["whk_4", "whk_2"]


async def test_what_has_ended_is_forgotten_in_its_time_and_what_waits_is_not(adapters, clock):
    await failed(adapters, "whk_1")
    await adapters.deliveries.accept([new("whk_2"), new("whk_3")], clock(), durable=True)
    await adapters.deliveries.end("whk_2", DeliveryState.DELIVERED, clock(), 204, "")
    later = NOON + timedelta(seconds=1)
    counts = [
        await adapters.deliveries.forget(NOON, NOON, 10),
        await adapters.deliveries.forget(later, NOON, 10),
        await adapters.deliveries.forget(later, later, 10),
        await adapters.deliveries.forget(later, later, 10),
    ]

    assert counts == [0, 1, 1, 0]
    assert [each.id for each in await adapters.deliveries.latest(HERE, None, 10)] == ["whk_3"]


async def test_so_many_wait_for_one_account_and_no_more(adapters, clock, monkeypatch):
    monkeypatch.setattr(adapters.deliveries, "_max_waiting", 2)
    await adapters.deliveries.accept([new("whk_1")], clock(), durable=True)
    with pytest.raises(TooManyWaiting):
        await adapters.deliveries.accept([new("whk_2"), new("whk_3")], clock(), durable=True)
    test_mode = Namespace(HERE.account, Mode.TEST)
    await adapters.deliveries.accept([new("whk_4", namespace=test_mode)], clock(), durable=True)
    with pytest.raises(TooManyWaiting):
        await adapters.deliveries.accept([new("whk_5")], clock(), durable=True)
    await adapters.deliveries.accept([new("whk_6", namespace=OTHER)], clock(), durable=True)
    await adapters.deliveries.end("whk_1", DeliveryState.DELIVERED, clock(), 204, "")
    await adapters.deliveries.accept([new("whk_7")], clock(), durable=True)

    assert [await adapters.deliveries.find(name) for name in ("whk_2", "whk_3", "whk_5")] == [None] * 3
