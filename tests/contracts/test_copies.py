"""Copies: each has one job, and that one has failed is known by its job being a dead letter."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from calotype.cache.entry import CacheKey
from calotype.capture.output import ImageFormat
from calotype.errors import CalotypeError
from calotype.jobs.engine import Kind
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.jobs import SqliteJobs
from calotype.sql.sqlite.storage import SqliteCopies
from calotype.storage.bucket import Acl
from calotype.storage.ports import COPY, CopyState, NewCopy
from tests.support.builders import HERE, THERE, TRIAL
from tests.support.waiting import becomes


def new(copy_id="copy_1", **more):
    facts = {
        "namespace": HERE, "path": "a/b.png", "acl": Acl.PRIVATE, "key": CacheKey("k"), "blob_id": "b" * 32,
        "format": ImageFormat.PNG,
    }  # fmt: skip
    return NewCopy(id=copy_id, **{**facts, **more})


class BucketIsAway(CalotypeError):
    """For a test."""


async def run_jobs(adapters, *, failing=False):
    """Run the jobs that are due, until there is none; return their subjects."""
    begun, marked = [], []

    async def work(subject):
        begun.append(subject)
        if failing:
            raise BucketIsAway("The bucket is away.")

    async def mark(subject):
        marked.append(subject)

    kinds = (
        Kind(name=COPY, run=work, at_once=9, limit_s=60, pauses=()),
        Kind(name="marker", run=mark, at_once=1, limit_s=60, pauses=()),
    )
    running = asyncio.create_task(adapters.jobs.run(kinds))
    for name in "abc":
        await adapters.jobs.submit("marker", name)
        await becomes(lambda name=name: name in marked)
    running.cancel()
    await asyncio.wait([running])
    return sorted(begun)


async def failed(adapters, *copies):
    for each in copies:
        await adapters.copies.accept(each, adapters.clock())
    await run_jobs(adapters, failing=True)


async def states(adapters, *ids):
    return [(await adapters.copies.find(each)).state for each in ids]


async def test_an_accepted_copy_waits_and_has_a_job(both):
    here, there = both
    assert await here.copies.accept(new(), here.clock())

    copy = await there.copies.find("copy_1")
    assert copy.new == new()
    assert (copy.state, copy.accepted_at, copy.ended_at) == (CopyState.WAITING, here.clock(), None)
    assert await run_jobs(there) == ["copy_1"]


async def test_one_that_is_not_known_is_none(adapters):
    assert await adapters.copies.find("copy_0") is None


@pytest.mark.parametrize("state", [CopyState.COPIED, CopyState.DROPPED])
async def test_a_copy_ends_once(adapters, state):
    await adapters.copies.accept(new(), adapters.clock())
    await adapters.copies.end(new(), state, adapters.clock(), "why")
    adapters.clock.advance(hours=1)
    await adapters.copies.end(new(), CopyState.COPIED, adapters.clock(), "later")

    copy = await adapters.copies.find("copy_1")
    assert (copy.state, copy.fault) == (state, "why")
    assert copy.ended_at == adapters.clock() - timedelta(hours=1)


@pytest.mark.parametrize(
    "otherwise", [{"acl": Acl.PUBLIC_READ}, {"blob_id": "c" * 32}, {"key": CacheKey("k2")}]
)
async def test_the_end_of_one_is_not_that_of_what_was_accepted_in_its_place(adapters, otherwise):
    await adapters.copies.accept(new(), adapters.clock())
    await adapters.copies.accept(new(**otherwise), adapters.clock())
    await adapters.copies.end(new(), CopyState.COPIED, adapters.clock())

    assert await states(adapters, "copy_1") == [CopyState.WAITING]
    await adapters.copies.end(new(**otherwise), CopyState.COPIED, adapters.clock())
    assert await states(adapters, "copy_1") == [CopyState.COPIED]


async def test_one_that_is_accepted_anew_waits_as_it_is_now(adapters):
    await adapters.copies.accept(new(), adapters.clock())
    await adapters.copies.end(new(), CopyState.DROPPED, adapters.clock(), "purged")
    await adapters.copies.accept(new(blob_id="c" * 32), adapters.clock())

    copy = await adapters.copies.find("copy_1")
    assert (copy.state, copy.fault, copy.new.blob_id) == (CopyState.WAITING, "", "c" * 32)


async def test_one_whose_job_is_dead_has_failed_and_says_why(adapters):
    await failed(adapters, new())

    copy = await adapters.copies.find("copy_1")
    assert (copy.state, copy.failures) == (CopyState.FAILED, 1)
    assert copy.fault == "BucketIsAway: The bucket is away."


async def test_one_that_is_to_be_tried_again_waits_and_says_why(both):
    here, there = both
    await failed(here, new(), new("copy_2"), new("copy_3", namespace=TRIAL))

    assert await there.copies.retry(HERE, "copy_1") == 1
    assert await states(here, "copy_1", "copy_2") == [CopyState.WAITING, CopyState.FAILED]
    assert await run_jobs(there) == ["copy_1"]


async def test_all_of_a_namespace_are_tried_again(adapters):
    await failed(adapters, new(), new("copy_2"), new("copy_3", namespace=TRIAL))

    assert await adapters.copies.retry(HERE, None) == 2
    assert await run_jobs(adapters) == ["copy_1", "copy_2"]


@pytest.mark.parametrize(
    ("namespace", "copy_id"), [(HERE, "copy_9"), (THERE, "copy_1"), (TRIAL, "copy_1"), (HERE, "copy_2")]
)
async def test_what_has_not_failed_or_is_another_s_is_not_tried_again(adapters, namespace, copy_id):
    await failed(adapters, new())
    await adapters.copies.accept(new("copy_2"), adapters.clock())

    assert await adapters.copies.retry(namespace, copy_id) == 0


async def test_the_latest_come_first(adapters):
    await failed(adapters, new("copy_f"))
    for copy_id in ("copy_a", "copy_b", "copy_c"):
        adapters.clock.advance(seconds=1)
        await adapters.copies.accept(new(copy_id), adapters.clock())
    await adapters.copies.accept(new("copy_t", namespace=TRIAL), adapters.clock())
    await adapters.copies.end(new("copy_b"), CopyState.COPIED, adapters.clock())

    async def listed(state, limit=10):
        return [copy.new.id for copy in await adapters.copies.latest(HERE, state, limit)]

    assert await listed(None) == ["copy_c", "copy_b", "copy_a", "copy_f"]
    assert await listed(None, 2) == ["copy_c", "copy_b"]
    assert await listed(CopyState.WAITING) == ["copy_c", "copy_a"]
    assert await listed(CopyState.FAILED) == ["copy_f"]
    assert await listed(CopyState.COPIED) == ["copy_b"]


async def test_an_account_has_no_more_waiting_than_its_share(tmp_path, clock):
    database = Database(SqliteSettings(path=tmp_path / "few.db"))
    try:
        copies = SqliteCopies(database, SqliteJobs(database, clock), max_waiting=2)
        taken = [
            await copies.accept(new(f"copy_{name}", namespace=namespace), clock())
            for name, namespace in (("1", HERE), ("2", TRIAL), ("3", HERE), ("4", THERE))
        ]
        assert taken == [True, True, False, True]
        assert await copies.find("copy_3") is None

        await copies.end(new(), CopyState.COPIED, clock())
        assert await copies.accept(new("copy_3"), clock())
    finally:
        await database.close()


async def test_what_is_old_and_has_no_job_is_forgotten(adapters):
    await failed(adapters, new("copy_dead"))
    await adapters.copies.accept(new("copy_old"), adapters.clock())
    await run_jobs(adapters)
    await adapters.copies.end(new("copy_old"), CopyState.COPIED, adapters.clock())
    adapters.clock.advance(seconds=1)
    await adapters.copies.accept(new("copy_new"), adapters.clock())
    await run_jobs(adapters)

    assert await adapters.copies.forget(adapters.clock(), 10) == 1
    assert await adapters.copies.find("copy_old") is None
    assert await adapters.copies.find("copy_dead") is not None
    assert await adapters.copies.find("copy_new") is not None
