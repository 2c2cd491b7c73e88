"""The runner: an accepted capture ends once, whoever begins it, and leaves no secret behind."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import Any

import pytest

from calotype.access.limits import RateLimited
from calotype.access.secretbox import SecretBox
from calotype.api.dialects import inbound
from calotype.batches import runner as runners
from calotype.batches.batch import BatchState, Form, ItemState
from calotype.batches.news import News
from calotype.batches.parse import parse_batch
from calotype.batches.retention import KEPT, Retention
from calotype.batches.runner import Runner, spread_ttl
from calotype.batches.service import Batches
from calotype.batches.turns import Turns
from calotype.batches.webhook import Event
from calotype.cache.entry import CacheKey
from calotype.cache.errors import StoreUnavailable
from calotype.cache.purge import PurgeFilter
from calotype.capture.output import ImageFormat
from calotype.jobs.engine import Kind, Later
from calotype.jobs.lanes import _Lane
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite.batches import SqliteBatchLedger
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.jobs import SqliteJobs
from calotype.sql.sqlite.webhooks import SqliteDeliveries
from calotype.storage.bucket import Acl
from calotype.storage.ports import COPY, CopyState, NewCopy
from calotype.storage.ports import KEPT as COPIES_KEPT
from tests.support.builders import HERE, THERE
from tests.support.clock import HandClock
from tests.support.service import a_bench
from tests.support.shots import a_studio
from tests.support.waiting import becomes

SECRET = "session-4711-is-secret"
PAGES = [f"https://example.com/{number}" for number in range(8)]
OPTIONS = {
    "network": {
        "cookies": [{"name": "a", "value": SECRET}],
        "headers": {"X-Auth": SECRET},
        "auth": {"type": "bearer", "token": SECRET},
    },
}
HOOK = {"url": "https://example.org/hook", "events": ["failed"], "secret": SECRET}


class Told:
    """Remembers what it was told, and fails as often as it is to."""

    def __init__(self):
        self.ends, self.failing = [], 0

    async def ended(self, batch, webhook):
        if self.failing:
            self.failing -= 1
            raise OSError("nobody listens")
        self.ends.append((batch.id, batch.state, webhook))


async def anywhere(_url, _field):
    """Let any webhook be."""


class Works:
    """Ledger, runner and service on one file, without a job engine: a test does its jobs."""

    def __init__(self, studio, database, clock, secret=b"0123456789abcdef"):
        self.studio, self.clock, self.told = studio, clock, Told()
        self.jobs = SqliteJobs(database, clock)
        self.ledger = SqliteBatchLedger(database, self.jobs)
        self.deliveries = SqliteDeliveries(database, self.jobs)
        box, news = SecretBox(secret), News()
        self.runner = Runner(self.ledger, studio.shots, Turns(3), news, box, clock, self.told)
        self.batches = Batches(self.ledger, self.runner, news, box, clock, check=anywhere)

    def another(self, purses, turns=2):
        """Return a runner for which each key has its purse, and which has so many turns."""
        runner = self.runner

        async def purse_of(key_id):
            return purses[key_id]

        return Runner(
            self.ledger,
            self.studio.shots,
            Turns(turns),
            runner._news,
            runner._box,
            self.clock,
            self.told,
            purse_of,
        )

    async def accept(self, namespace=HERE, key_id="key_1", **body):
        wanted = parse_batch(body, inbound.nested)
        return await self.batches.accept(
            namespace,
            Form.BATCH,
            wanted.items,
            key_id=key_id,
            weight=1,
            concurrency=wanted.concurrency,
            webhook=wanted.webhook,
        )


@pytest.fixture
async def works(tmp_path):
    clock = HandClock()
    async with a_studio(tmp_path, clock) as studio:
        database = Database(SqliteSettings(path=tmp_path / "index.db"))
        try:
            yield Works(studio, database, clock)
        finally:
            await database.close()


async def test_one_that_is_begun_twice_in_one_process_ends_once_for_both(works):
    works.studio.renderer.hold()
    batch = await works.accept(urls=PAGES[:2])
    first = asyncio.create_task(works.runner.run(batch.id))
    await works.studio.renderer.began.acquire()
    second = asyncio.create_task(works.runner.run(batch.id))
    await becomes(lambda: sum(task.get_name() == f"batch {batch.id}" for task in asyncio.all_tasks()) == 2)
    works.studio.renderer.release()

    await asyncio.gather(first, second)
    assert (await works.ledger.find(batch.id)).completed == 2
    assert works.runner._under_way == {}


async def test_what_has_ended_is_not_begun_again(works):
    batch = await works.accept(urls=PAGES[:3])
    for _ in range(3):
        await works.runner.run(batch.id)

    assert len(works.studio.renderer.renders) == 3
    assert (await works.ledger.find(batch.id)).state is BatchState.COMPLETED


async def test_one_that_was_stopped_in_between_is_finished_by_the_next(works):
    batch = await works.accept(urls=PAGES, concurrency=2)
    renderer = works.studio.renderer
    real, count = renderer.render, 0

    async def render(*args):
        nonlocal count
        count += 1
        if count == 4:
            renderer.hold()
        return await real(*args)

    renderer.render = render
    running = asyncio.create_task(works.runner.run(batch.id))
    await becomes(lambda: renderer.running == 2)
    running.cancel()
    await asyncio.wait([running])
    middle = await works.ledger.find(batch.id)
    done = {item.url for item in middle.items if item.state is ItemState.COMPLETED}
    renderer.release()
    seen = len(renderer.renders)
    await works.runner.run(batch.id)

    assert running.cancelled()
    assert 0 < len(done) < len(PAGES)
    again = {request.negative.target.url for request in renderer.renders[seen:]}
    assert again.isdisjoint(done)
    assert (await works.ledger.find(batch.id)).completed == len(PAGES)


async def test_a_capture_that_the_process_dies_of_each_time_is_left_alone_in_the_end(works):
    batch = await works.accept(urls=PAGES[:2])
    for _ in range(runners.MAX_TRIES):
        await works.ledger.begin_item(batch.id, 0)
    await works.runner.run(batch.id)
    bad, good = (await works.ledger.find(batch.id)).items

    assert "stopped 5 times" in bad.outcome.message
    assert not bad.outcome.retryable
    assert good.state is ItemState.COMPLETED


async def test_a_picture_that_a_purge_overtakes_is_taken_as_it_is_after_it(works):
    batch = await works.accept(urls=PAGES[:1])
    renderer = works.studio.renderer
    renderer.hold()
    running = asyncio.create_task(works.runner.run(batch.id))
    await renderer.began.acquire()
    await works.studio.store.purge(HERE, PurgeFilter(everything=True))
    renderer.release()
    await running
    (item,) = (await works.ledger.find(batch.id)).items

    assert item.state is ItemState.COMPLETED
    assert len(renderer.renders) == 2
    assert await works.studio.store.open(HERE, item.outcome.key) is not None


async def test_a_picture_that_is_stale_is_taken_anew(works):
    await works.studio.take(PAGES[0], ttl_s=10, swr_s=1000)
    works.clock.advance(seconds=60)
    batch = await works.accept(urls=PAGES[:1])
    await works.runner.run(batch.id)
    (item,) = (await works.ledger.find(batch.id)).items

    assert not item.outcome.hit
    assert item.outcome.expires_at > works.clock()


async def test_an_index_that_cannot_be_written_leaves_the_batch_for_later(works, monkeypatch):
    batch = await works.accept(urls=PAGES[:2])

    async def full(*_args):
        raise StoreUnavailable("locked")

    with monkeypatch.context() as broken:
        broken.setattr(works.studio.store, "store", full)
        with pytest.raises(StoreUnavailable):
            await works.runner.run(batch.id)
        assert (await works.ledger.find(batch.id)).ended == 0
    await works.runner.run(batch.id)

    assert (await works.ledger.find(batch.id)).completed == 2


async def test_trouble_with_the_disk_that_lasts_ends_no_capture_nor_any_that_is_under_way_beside_it(
    works, monkeypatch
):
    batch = await works.accept(urls=PAGES[:3])
    calls = 0

    async def full(*_args):
        nonlocal calls
        calls += 1
        if calls % 3:
            # Still under way when the third finds the disk full.
            await asyncio.Event().wait()
        raise StoreUnavailable("locked")

    with monkeypatch.context() as broken:
        broken.setattr(works.studio.store, "store", full)
        for _ in range(2 * runners.MAX_TRIES):
            with pytest.raises(StoreUnavailable):
                await works.runner.run(batch.id)
    await works.runner.run(batch.id)

    assert (await works.ledger.find(batch.id)).completed == 3


async def test_a_server_that_is_stopped_in_good_order_however_often_ends_no_capture(works):
    batch = await works.accept(urls=PAGES[:1])
    works.studio.renderer.hold()
    for _ in range(2 * runners.MAX_TRIES):
        running = asyncio.create_task(works.runner.run(batch.id))
        await works.studio.renderer.began.acquire()
        running.cancel()
        await asyncio.wait([running])
    works.studio.renderer.release()
    await works.runner.run(batch.id)

    assert (await works.ledger.find(batch.id)).completed == 1


class Purse:
    """An allowance with no room, or with room for all; counts what is spent, and who has asked for room."""

    def __init__(self, *, full=False):
        self.full, self.spent, self.asked = full, 0, 0

    @contextlib.asynccontextmanager
    async def capture(self, _deadline):
        self.asked += 1
        if self.full:
            raise RateLimited("This key may have 1 captures under way, and has them.", 0)
        yield self

    def spend(self):
        self.spent += 1


class TestAllowance:
    async def test_a_key_that_has_no_room_left_holds_up_no_other_account(self, works):
        purses = {"key_1": Purse(full=True), "key_2": Purse()}
        runner = works.another(purses)
        full = await works.accept(urls=PAGES[:4], concurrency=4)
        free = await works.accept(THERE, "key_2", urls=PAGES[:2])
        running = asyncio.create_task(runner.run(full.id))
        await becomes(lambda: purses["key_1"].asked > 3 * runners.MAX_TRIES)
        await runner.run(free.id)
        assert (await works.ledger.find(free.id)).completed == 2
        assert (await works.ledger.find(full.id)).ended == 0

        purses["key_1"].full = False
        await running
        assert (await works.ledger.find(full.id)).completed == 4

    async def test_what_is_not_stored_costs_nothing_and_what_is_made_once_more_is_paid_once(
        self, works, monkeypatch
    ):
        purse = Purse()
        runner = works.another({"key_1": purse})
        batch = await works.accept(urls=PAGES[:1])

        async def full(*_args):
            raise StoreUnavailable("locked")

        with monkeypatch.context() as broken:
            broken.setattr(works.studio.store, "store", full)
            with pytest.raises(StoreUnavailable):
                await runner.run(batch.id)
        assert (len(works.studio.renderer.renders), purse.spent) == (1, 0)

        works.studio.renderer.hold()
        running = asyncio.create_task(runner.run(batch.id))
        await becomes(lambda: works.studio.renderer.running)
        await works.studio.store.purge(HERE, PurgeFilter(everything=True))
        works.studio.renderer.release()
        await running
        assert (len(works.studio.renderer.renders), purse.spent) == (3, 1)


class TestTold:
    async def test_who_is_told_gets_the_batch_and_its_own_webhook(self, works):
        batch = await works.accept(urls=PAGES[:1], webhook=HOOK)
        await works.runner.run(batch.id)
        await works.runner.tell(batch.id)
        ((told, state, webhook),) = works.told.ends

        assert (told, state) == (batch.id, BatchState.COMPLETED)
        assert (webhook.url, webhook.events, webhook.secret) == (HOOK["url"], (Event.FAILED,), SECRET)

    async def test_where_to_is_erased_afterwards_and_not_before(self, works):
        batch = await works.accept(urls=PAGES[:1], webhook=HOOK)
        await works.runner.run(batch.id)
        works.told.failing = 1
        with pytest.raises(OSError, match="nobody"):
            await works.runner.tell(batch.id)
        assert (await works.ledger.find(batch.id)).webhook is not None

        await works.runner.tell(batch.id)
        assert (await works.ledger.find(batch.id)).webhook is None
        assert len(works.told.ends) == 1

    async def test_with_the_jobs_running_each_end_is_told_once(self, works):
        running = asyncio.create_task(works.jobs.run(works.runner.kinds))
        batches = [await works.accept(urls=PAGES[:2]) for _ in range(5)]
        await becomes(lambda: works.ledger._database.read_one("SELECT count(*) FROM job") == (0,))
        running.cancel()
        await asyncio.wait([running])

        assert sorted(told for told, _, _ in works.told.ends) == sorted(batch.id for batch in batches)


class TestManyOfOneAccount:
    @pytest.fixture(autouse=True)
    def _few_places(self, monkeypatch):
        monkeypatch.setattr(runners, "OF_ONE_ACCOUNT", 2)
        monkeypatch.setattr(runners, "_BATCHES_AT_ONCE", 3)

    async def test_they_keep_no_other_account_from_beginning(self, works):
        runner = works.another({"key_1": None, "key_2": None}, turns=3)
        works.studio.renderer.hold()
        many = [await works.accept(urls=[page]) for page in PAGES]
        other = await works.accept(THERE, "key_2", urls=PAGES[:1])
        running = asyncio.create_task(works.jobs.run(runner.kinds))
        await becomes(lambda: works.studio.renderer.running == 3)
        errands = works.studio.renderer.errands
        assert sorted(errand.account for errand in errands) == [HERE.account, HERE.account, THERE.account]

        works.studio.renderer.release()

        async def all_are_over():
            works.clock.advance(seconds=1)
            works.jobs.wake()
            found = [await works.ledger.find(batch.id) for batch in [*many, other]]
            return all(batch.state is BatchState.COMPLETED for batch in found)

        await becomes(all_are_over)
        running.cancel()
        await asyncio.wait([running])
        assert await works.jobs.dead(1) == []

    async def test_one_that_is_sent_away_comes_back_soon_however_long_the_last_have_taken(self, works):
        runner = works.another({"key_1": None})
        # As if each had taken a day of late.
        runner._accounts._lanes["1"] = _Lane(takes_s=86_400.0)
        works.studio.renderer.hold()
        batches = [await works.accept(urls=[page]) for page in PAGES[:3]]
        running = [asyncio.create_task(runner.run(batch.id)) for batch in batches[:2]]
        await becomes(lambda: works.studio.renderer.running == 2)
        with pytest.raises(Later) as later:
            await runner.run(batches[2].id)
        works.studio.renderer.release()
        await asyncio.gather(*running)

        assert 30 <= later.value.pause.total_seconds() <= 60
        assert (await works.ledger.find(batches[2].id)).state is BatchState.QUEUED


class TestSecrets:
    def on_disk(self, folder):
        """Return where the secret can be read."""
        return [
            path.name for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
        ]

    async def test_nothing_of_what_was_accepted_can_be_read_on_disk(self, works, tmp_path):
        hook = {"url": f"https://example.org/{SECRET}", "secret": SECRET}
        batch = await works.accept(urls=[f"https://u:{SECRET}@example.com/"], options=OPTIONS, webhook=hook)
        assert self.on_disk(tmp_path) == []

        await works.runner.run(batch.id)
        assert self.on_disk(tmp_path) == []
        (request,) = works.studio.renderer.renders
        assert request.negative.network.cookies[0].value == SECRET

    async def test_after_the_master_secret_has_changed_its_captures_fail_and_say_why(self, works, tmp_path):
        batch = await works.accept(urls=PAGES[:1], options=OPTIONS)
        changed = Works(works.studio, works.ledger._database, works.clock, secret=b"another master secret")
        await changed.runner.run(batch.id)
        (item,) = (await works.ledger.find(batch.id)).items

        assert "CALOTYPE_SECRET_KEY" in item.outcome.message
        assert works.studio.renderer.renders == []

    async def test_what_belongs_to_one_batch_cannot_be_run_in_another(self, works):
        theirs = await works.accept(urls=PAGES[:1], options=OPTIONS)
        mine = await works.accept(urls=PAGES[:1])
        moved = (
            "UPDATE batch_item SET sealed = (SELECT sealed FROM batch_item WHERE batch = ?) WHERE batch = ?"
        )
        await works.ledger._database.write(lambda connection: connection.execute(moved, (theirs.id, mine.id)))
        await works.runner.run(mine.id)
        (item,) = (await works.ledger.find(mine.id)).items

        assert "damaged" in item.outcome.message
        assert works.studio.renderer.renders == []


async def test_a_restart_finds_what_was_accepted_and_finishes_it(tmp_path):
    async with a_bench(tmp_path / "data") as before:
        before.renderer.hold()
        told = (
            await before.client.post("/v1/batch", json={"urls": [*PAGES, *(f"{p}?" for p in PAGES)]})
        ).json()
        await before.renderer.began.acquire()
        key = before.key
    async with a_bench(tmp_path / "data") as after:
        headers = {"authorization": f"Bearer {key}"}

        async def is_over():
            latest.append((await after.client.get(f"/v1/batch/{told['id']}", headers=headers)).json())
            return latest[-1]["status"] == "completed"

        latest: list[dict[str, Any]] = []
        await becomes(is_over)

    assert latest[-1]["completed"] == 16
    assert len(after.renderer.renders) == 16


class TestSpread:
    def test_a_ttl_is_shortened_by_a_twentieth_at_most_and_never_prolonged(self):
        spread = [spread_ttl(86_400, "batch_1", position) for position in range(200)]

        assert all(0.95 * 86_400 <= ttl <= 86_400 for ttl in spread)
        assert len(set(spread)) > 150

    def test_each_try_of_an_item_has_the_same(self):
        assert spread_ttl(86_400, "batch_1", 7) == spread_ttl(86_400, "batch_1", 7)

    def test_a_short_one_stays(self):
        assert {spread_ttl(1, "batch_1", position) for position in range(50)} == {1}


async def test_what_ended_a_while_ago_is_forgotten(works, tmp_path):
    batch = await works.accept(urls=PAGES[:1])
    await works.runner.run(batch.id)
    retention = Retention(
        works.ledger, works.deliveries, works.studio.adapters.copies, works.jobs, works.clock
    )
    works.clock.advance(seconds=KEPT.total_seconds())
    assert not await retention.step()
    assert await works.ledger.find(batch.id) is not None

    works.clock.advance(seconds=1)
    assert await retention.step()
    assert await works.ledger.find(batch.id) is None
    with sqlite3.connect(tmp_path / "index.db") as index:
        assert index.execute("SELECT count(*) FROM batch_item").fetchone() == (0,)


async def test_so_is_what_was_copied_a_while_ago(works):
    adapters = works.studio.adapters
    new = NewCopy(
        id="copy_1", namespace=HERE, path="a.png", acl=Acl.PRIVATE, key=CacheKey("k"), blob_id="b",
        format=ImageFormat.PNG,
    )  # fmt: skip
    await adapters.copies.accept(new, works.clock())

    async def done(_subject):
        await adapters.copies.end(new, CopyState.COPIED, works.clock())

    running = asyncio.create_task(
        adapters.jobs.run([Kind(name=COPY, run=done, at_once=1, limit_s=9, pauses=())])
    )
    retention = Retention(works.ledger, works.deliveries, adapters.copies, works.jobs, works.clock)
    works.clock.advance(seconds=COPIES_KEPT.total_seconds())
    assert not await retention.step()

    works.clock.advance(seconds=1)
    # Its job may be about to end yet.
    await becomes(retention.step)
    assert await adapters.copies.find(new.id) is None
    running.cancel()
    await asyncio.wait([running])
