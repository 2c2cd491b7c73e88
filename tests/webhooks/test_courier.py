"""The courier: what was accepted arrives, however often somebody has to try, and then no more."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3

import pytest

from calotype.access.secretbox import MasterSecretChanged, SecretBox
from calotype.batches.retention import Retention
from calotype.cache.entry import Namespace
from calotype.webhooks.courier import OF_ONE_ACCOUNT, TO_ONE_RECEIVER
from calotype.webhooks.errors import TooManyWaiting
from calotype.webhooks.event import Event, EventKind
from calotype.webhooks.ports import DELIVERED_KEPT, DeliveryState
from calotype.webhooks.schedule import GIVEN_UP_AFTER
from calotype.webhooks.signature import verify
from tests.egress.support import ListedAddresses, Server, never
from tests.support.builders import HERE
from tests.support.clock import NOON
from tests.support.receiver import a_receiver, status
from tests.support.waiting import becomes
from tests.webhooks.conftest import a_post, own
from tests.webhooks.test_event import BATCH, FAILURE, PICTURE


async def test_a_receiver_that_has_failed_three_times_is_told_the_fourth(post, clock):
    async with a_receiver(status(500), status(503), b"", status(200)) as receiver, post.open():
        secret = await post.set(receiver)
        await post.tell()
        for tries in (1, 2, 3):
            await post.settles()
            # A fraction of the pause is not enough.
            clock.advance(seconds=4.9 * 2 ** (tries - 1))
            await post.settles()
            assert len(receiver.received) == tries
            clock.advance(seconds=0.2 * 2 ** (tries - 1))
            await post.settles()
        assert await post.is_over()

    found = await post.one()
    assert (found.state, found.attempts, found.status) == (DeliveryState.DELIVERED, 4, 200)
    assert len({got.body for got in receiver.received}) == 1
    assert {got.headers["x-webhook-id"] for got in receiver.received} == {found.id}
    times = [int(got.headers["x-webhook-timestamp"]) for got in receiver.received]
    assert times == sorted(set(times))
    for got in receiver.received:
        at, signature = got.headers["x-webhook-timestamp"], got.headers["x-webhook-signature"]
        assert verify(secret, at, got.body, signature, int(at))
    assert await post.adapters.jobs.dead(10) == []


async def test_what_is_delivered_is_not_delivered_again(post):
    async with a_receiver() as receiver, post.open():
        await post.set(receiver)
        await post.tell()
        await becomes(post.is_over)
        await post.courier.deliver((await post.one()).id)
        await post.tell()
        await post.settles()

    assert len(receiver.received) == 1


async def test_nobody_is_tried_for_longer_than_a_day_and_then_it_is_a_dead_letter(post, clock, caplog):
    async with a_receiver(status(500)) as receiver, post.open():
        await post.set(receiver)
        await post.tell()
        await post.settles()
        while not await post.is_over():
            clock.advance(hours=4)
            await post.settles()

    found = await post.one()
    (letter,) = await post.adapters.jobs.dead(10)
    assert found.state is DeliveryState.FAILED
    assert found.tried_at - NOON >= GIVEN_UP_AFTER
    assert (found.attempts, found.status, found.fault) == (len(receiver.received), 500, "it answered 500")
    assert letter.subject == found.id
    assert "it answered 500" in caplog.text


async def test_who_is_gone_is_not_asked_again(post):
    async with a_receiver(status(410)) as receiver, post.open():
        await post.set(receiver)
        await post.tell()
        await becomes(post.is_over)

    assert (await post.one()).state is DeliveryState.FAILED
    assert len(receiver.received) == 1


async def test_who_asks_for_patience_is_given_it(post, clock):
    async with a_receiver(status(503, "Retry-After: 3600"), status(200)) as receiver, post.open():
        await post.set(receiver)
        await post.tell()
        await post.settles()
        clock.advance(seconds=3599)
        await post.settles()
        assert len(receiver.received) == 1
        clock.advance(seconds=1)
        await post.settles()
        assert await post.is_over()


async def test_who_stalls_or_answers_late_is_tried_again(tmp_path, clock):
    async def stall(_writer):
        await asyncio.Event().wait()

    async with (
        a_post(tmp_path / "index.db", clock, timeout_s=0.2) as post,
        a_receiver(stall, status(200)) as receiver,
        post.open(),
    ):
        await post.set(receiver)
        await post.tell()
        await post.settles()
        assert (await post.one()).fault == "the host could not be reached: it did not answer within 0.2 s"
        clock.advance(seconds=10)
        await post.settles()
        assert await post.is_over()

    assert len({got.headers["x-webhook-id"] for got in receiver.received}) == 1
    assert len(receiver.received) == 2


async def test_a_redirect_to_loopback_leads_nowhere_however_often_it_is_tried(tmp_path, clock):
    async with (
        Server(never) as private,
        a_receiver(status(307, f"Location: http://{private.at}/")) as receiver,
        a_post(tmp_path / "index.db", clock, receiver.at) as post,
        post.open(),
    ):
        await post.set(receiver)
        await post.tell()
        for _ in range(4):
            await post.settles()
            clock.advance(hours=1)
        await post.settles()

        assert private.connections == 0
        assert (await post.one()).fault == "it answered 307, and redirects are not followed"


async def test_a_name_that_leads_to_a_private_address_later_on_brings_nobody_there(tmp_path, clock):
    resolve = ListedAddresses(["93.184.216.34"], ["127.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["127.0.0.1"])
    async with Server(never) as private, a_post(tmp_path / "index.db", clock, "", resolve) as post:
        url = f"http://rebinding.test:{private.port}/"
        await post.courier._sender.check(url, "webhook.url")
        await post.tell(own=own(url))
        async with post.open():
            for _ in range(4):
                await post.settles()
                clock.advance(hours=1)
            await post.settles()

        assert private.connections == 0
        assert (await post.one()).fault == "the host could not be found or is not public"
        assert len(resolve.asked) == 6


class TestWhoIsTold:
    async def test_the_account_and_the_request_are_each_told_in_their_own_words(self, post):
        async with a_receiver() as account, a_receiver() as request, post.open():
            secret = await post.set(account)
            wanted = own(request, EventKind.SCREENSHOT_FAILED)
            await post.tell(FAILURE, EventKind.SCREENSHOT_FAILED, wanted)
            await becomes(post.is_over)

        (new,), (old,) = account.received, request.received
        assert json.loads(new.body)["data"]["error"] == FAILURE.message
        assert json.loads(old.body)["data"]["error"]["code"] == "timeout"
        assert new.headers["x-webhook-id"] != old.headers["x-webhook-id"]
        for got, key in ((new, secret), (old, "whsec_own")):
            at, signature = got.headers["x-webhook-timestamp"], got.headers["x-webhook-signature"]
            assert verify(key, at, got.body, signature, int(at))

    async def test_each_only_of_what_it_wants_to_know(self, post):
        async with a_receiver() as account, a_receiver() as request, post.open():
            await post.set(account, events=frozenset({EventKind.BATCH_COMPLETED}))
            await post.tell(BATCH, EventKind.BATCH_COMPLETED, own(request, EventKind.BATCH_FAILED))
            await post.tell(FAILURE, EventKind.SCREENSHOT_FAILED, own(request))
            await becomes(post.is_over)

        assert (len(account.received), len(request.received)) == (1, 0)

    async def test_a_request_without_a_secret_of_its_own_is_signed_for_with_the_accounts(self, post):
        async with a_receiver() as request, post.open():
            secret = await post.set("http://127.0.0.1:9/", events=frozenset())
            await post.tell(own=own(request, secret=None))
            await becomes(post.is_over)

        (got,) = request.received
        at, signature = got.headers["x-webhook-timestamp"], got.headers["x-webhook-signature"]
        assert verify(secret, at, got.body, signature, int(at))

    async def test_with_no_secret_at_all_it_is_told_unsigned(self, post):
        async with a_receiver() as request, post.open():
            await post.tell(own=own(request, secret=None))
            await becomes(post.is_over)

        assert "x-webhook-signature" not in request.received[0].headers

    async def test_what_is_told_twice_since_somebody_died_in_between_is_delivered_once(self, post):
        async with a_receiver() as account, a_receiver() as request:
            await post.set(account)
            for _ in range(3):
                await post.tell(own=own(request))
            async with post.open():
                await becomes(post.is_over)

        assert (len(account.received), len(request.received)) == (1, 1)


class TestTheAccountsEndpoint:
    async def test_what_waits_goes_to_where_it_is_now(self, post, clock):
        async with a_receiver(status(500)) as before, a_receiver() as after, post.open():
            await post.set(before)
            await post.tell()
            await post.settles()
            await post.set(after)
            clock.advance(minutes=1)
            await post.settles()
            assert await post.is_over()

        assert (len(before.received), len(after.received)) == (1, 1)

    async def test_its_secret_stays_unless_a_new_one_is_wanted(self, post):
        first = await post.set("http://127.0.0.1:9/")
        again = await post.set("http://127.0.0.1:10/")
        other = await post.set("http://127.0.0.1:10/", new=True)

        assert first == again != other
        assert len(other) == len("whsec_") + 32

    async def test_once_it_is_removed_what_waits_is_given_up_and_may_go_to_another(self, post, clock):
        async with a_receiver(status(500)) as before, a_receiver() as after, post.open():
            await post.set(before)
            await post.tell()
            await post.settles()
            await post.endpoints.remove((await post.one()).namespace)
            clock.advance(minutes=1)
            await post.settles()
            assert await post.is_over()
            gone = await post.one()
            await post.set(after)
            await post.adapters.deliveries.replay(gone.id, clock())
            await becomes(post.is_over)

        assert (gone.state, gone.fault) == (DeliveryState.FAILED, "the account has no endpoint any more")
        assert (await post.one()).state is DeliveryState.DELIVERED


class TestDeadLetters:
    async def test_a_replay_has_the_same_id_and_another_day(self, post, clock):
        async with a_receiver(status(410), status(500), status(200)) as receiver, post.open():
            await post.tell(own=own(receiver))
            await becomes(post.is_over)
            clock.advance(days=20)
            dead = await post.one()
            assert await post.adapters.deliveries.replay(dead.id, clock())
            await post.settles()
            assert (await post.one()).state is DeliveryState.WAITING
            clock.advance(minutes=1)
            await post.settles()
            assert await post.is_over()

        assert {got.headers["x-webhook-id"] for got in receiver.received} == {dead.id}
        assert (await post.one()).state is DeliveryState.DELIVERED
        assert await post.adapters.jobs.dead(10) == []

    async def test_where_jobs_are_seen_to_it_is_replayed_as_well(self, post):
        async with a_receiver(status(410), status(200)) as receiver, post.open():
            await post.tell(own=own(receiver))
            await becomes(post.is_over)
            (letter,) = await post.adapters.jobs.dead(10)
            assert await post.adapters.jobs.replay(letter.number)
            await becomes(lambda: len(receiver.received) == 2)
            await becomes(post.is_over)

        assert (await post.one()).state is DeliveryState.DELIVERED

    async def test_a_job_whose_delivery_is_forgotten_is_done(self, post, clock):
        async with a_receiver() as receiver, post.open():
            await post.set(receiver)
            await post.tell()
            await becomes(post.is_over)
            delivery_id = (await post.one()).id
            clock.advance(days=31)
            await post.adapters.deliveries.forget(clock() - DELIVERED_KEPT, clock(), 10)
            await post.courier.deliver(delivery_id)

        assert len(receiver.received) == 1


async def test_what_was_delivered_is_forgotten_after_three_days_and_what_was_given_up_after_thirty(
    post, clock
):
    kept = post.adapters
    retention = Retention(kept.batches, kept.deliveries, kept.copies, kept.jobs, clock)
    async with a_receiver(status(200), status(410)) as receiver, post.open():
        for number in (1, 2):
            await post.tell(own=own(receiver), subject=f"job_{number}")
            await post.settles()
    left = []
    for days, seconds in ((3, 0), (27, -1)):
        clock.advance(days=days, seconds=seconds)
        assert not await retention.step()
        clock.advance(seconds=1)
        assert await retention.step()
        left.append([found.state for found in await post.all()])

    assert left == [[DeliveryState.FAILED], []]
    assert await kept.jobs.dead(10) == []


class TestSecrets:
    async def test_neither_address_nor_secret_is_readable_in_the_index(self, post, tmp_path):
        async with a_receiver(status(410)) as receiver, post.open():
            secret = await post.set(receiver.url + "&token=4711")
            await post.tell(own=own(receiver.url + "&token=4712", secret="whsec_mine"))
            await becomes(post.is_over)
        with sqlite3.connect(tmp_path / "index.db") as index:
            everything = "\n".join(index.iterdump()).encode()

        for word in (secret, "4711", "4712", "whsec_mine"):
            assert word.encode() not in everything
            assert word.encode().hex() not in everything.decode().lower()

    async def test_nor_in_the_log(self, post, caplog):
        caplog.set_level(logging.DEBUG)
        async with a_receiver(status(410)) as receiver, post.open():
            await post.set(receiver.url + "&token=4711")
            await post.tell(own=own(f"http://user:4712@{receiver.at}/4713", secret="whsec_mine"))
            await becomes(post.is_over)

        assert not [word for word in ("4711", "4712", "4713", "whsec") if word in caplog.text]

    async def test_under_another_master_secret_it_waits_and_is_not_given_up(self, post, clock):
        async with a_receiver() as receiver:
            await post.tell(own=own(receiver))
            post.courier._box = lambda: SecretBox(b"another-master-secret")
            with pytest.raises(MasterSecretChanged):
                await post.courier.deliver((await post.one()).id)

            assert (await post.one()).state is DeliveryState.WAITING
            assert receiver.connections == 0


async def test_one_receiver_that_is_slow_does_not_keep_others_waiting(post):
    let = asyncio.Event()

    async def wait(writer):
        await let.wait()
        writer.write(status(200))

    async with a_receiver(wait) as slow, a_receiver() as quick, post.open():
        for number in range(3 * TO_ONE_RECEIVER):
            await post.tell(own=own(slow), subject=f"job_{number}")
        await becomes(lambda: len(slow.received) == TO_ONE_RECEIVER)
        await post.tell(own=own(quick), subject="job_quick")
        await becomes(lambda: quick.received)

        assert len(slow.received) == TO_ONE_RECEIVER
        let.set()


async def test_one_account_with_many_receivers_that_are_slow_does_not_keep_others_waiting(post):
    let = asyncio.Event()

    async def wait(writer):
        await let.wait()
        writer.write(status(200))

    async with contextlib.AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(a_receiver(wait)) for _ in range(OF_ONE_ACCOUNT + 9)]
        quick = await stack.enter_async_context(a_receiver())
        await stack.enter_async_context(post.open())
        for number, receiver in enumerate(slow):
            await post.tell(own=own(receiver), subject=f"job_{number}")
        await becomes(lambda: sum(len(each.received) for each in slow) == OF_ONE_ACCOUNT)
        other = Namespace(HERE.account + 1, HERE.mode)
        await post.tell(own=own(quick), subject="job_quick", namespace=other)
        await becomes(lambda: quick.received)

        assert sum(len(each.received) for each in slow) == OF_ONE_ACCOUNT
        let.set()


async def test_more_than_so_many_of_an_account_are_told_to_whoever_is_patient_and_logged_else(
    post, monkeypatch, caplog
):
    monkeypatch.setattr(post.adapters.deliveries, "_max_waiting", 1)
    await post.set("http://127.0.0.1:9/")
    await post.tell(subject="job_1")
    with pytest.raises(TooManyWaiting):
        await post.tell(subject="job_2")
    event = Event(kind=EventKind.SCREENSHOT_COMPLETED, subject="req_1", at=NOON, about=PICTURE)
    await post.teller.tell((await post.one()).namespace, event)

    assert "req_1 will not be told" in caplog.text
    assert len(await post.all()) == 1
