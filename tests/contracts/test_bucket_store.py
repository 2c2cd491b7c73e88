"""BucketStore: one bucket for each account in each mode, seen by all processes at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calotype.storage.bucket import Acl, Bucket
from calotype.storage.template import PathTemplate
from tests.support.builders import HERE, THERE, TRIAL
from tests.support.clock import NOON

BUCKET = Bucket(
    namespace=HERE, endpoint="https://s3.example.com/x", name="shots", region="auto",
    path=PathTemplate("a/{hash}.{ext}"), acl=Acl.PUBLIC_READ, sealed=b"\x00sealed", set_at=NOON,
)  # fmt: skip


async def test_what_was_set_is_found_by_every_process(both):
    here, there = both
    assert await there.buckets.find(HERE) is None

    await here.buckets.set(BUCKET)

    assert await here.buckets.find(HERE) == await there.buckets.find(HERE) == BUCKET


async def test_it_is_of_its_account_and_mode_alone(adapters):
    await adapters.buckets.set(BUCKET)

    assert [await adapters.buckets.find(other) for other in (TRIAL, THERE)] == [None, None]


async def test_the_last_one_counts(adapters):
    await adapters.buckets.set(BUCKET)
    other = replace(BUCKET, name="other", acl=Acl.PRIVATE)
    await adapters.buckets.set(other)

    assert await adapters.buckets.find(HERE) == other


async def test_what_was_removed_is_found_by_no_process(both):
    here, there = both
    await here.buckets.set(BUCKET)
    await there.buckets.find(HERE)

    assert await here.buckets.remove(HERE)
    assert await there.buckets.find(HERE) is None
    assert not await here.buckets.remove(HERE)


async def test_looking_never_suspends(adapters):
    await adapters.buckets.set(BUCKET)
    looking = adapters.buckets.find(HERE)
    with pytest.raises(StopIteration) as done:
        looking.send(None)

    assert done.value.value == BUCKET
