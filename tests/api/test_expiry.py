"""X-Cache-Expires is the very instant at which an entry is gone, for everyone and by every way to it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from tests.support.clock import NOON, HandClock
from tests.support.service import a_bench

PAGE = "https://example.com/"
_TTLS = [1, 3600, 2_592_000]
_FRACTIONS_US = [0, 1, 1_000, 500_000, 999_999]
_GRAIN = timedelta(milliseconds=1)
"""A moment of storing is kept to the millisecond."""


async def take(bench, **cache):
    return await bench.client.post("/v1/screenshot", json={"url": PAGE, "cache": cache})


async def statuses(bench, taken):
    """Return what each way to the entry answers: by key, by its path, by its public link."""
    key, url = taken.headers["x-cache-key"], taken.headers["x-cache-url"]
    path = url.removeprefix("http://calotype.test/")
    replies = [
        *[
            await client.get(f"/v1/cache/{name}")
            for name in (key, path)
            for client in (bench.client, bench.behind)
        ],
        *[await client.get(url, headers={"authorization": ""}) for client in (bench.client, bench.behind)],
    ]
    return {reply.status_code for reply in replies}


@pytest.mark.parametrize("ttl", _TTLS)
@pytest.mark.parametrize("fraction", _FRACTIONS_US)
async def test_it_lives_up_to_that_instant_and_not_a_microsecond_longer(tmp_path, ttl, fraction):
    stored = NOON + timedelta(microseconds=fraction)
    async with a_bench(tmp_path / "data", HandClock(stored)) as bench:
        taken = await take(bench, ttl=ttl)
        expires = datetime.fromisoformat(taken.headers["x-cache-expires"])
        assert timedelta(seconds=ttl) - _GRAIN < expires - stored < timedelta(seconds=ttl + 1)

        bench.clock.now = expires - timedelta(microseconds=1)
        assert await statuses(bench, taken) == {200}
        assert (await take(bench)).headers["x-cache-status"] == "HIT"

        bench.clock.now = expires
        assert await statuses(bench, taken) == {404}
        again = await take(bench)
        assert again.headers["x-cache-status"] == "MISS"
        assert again.headers["cache-status"] == "calotype; fwd=stale; stored"


async def test_by_default_it_is_a_day(bench):
    assert (await take(bench)).headers["x-cache-expires"] == "2024-01-16T12:00:00Z"


async def test_no_hit_prolongs_it(bench):
    taken = await take(bench, ttl=60)
    for _ in range(3):
        bench.clock.advance(seconds=15)
        assert await statuses(bench, taken) == {200}
        for wish in ({}, {"ttl": 2_592_000}, {"available": True}):
            hit = await take(bench, **wish)
            assert hit.headers["x-cache-expires"] == "2024-01-15T12:01:00Z"

    bench.clock.advance(seconds=15)
    assert await statuses(bench, taken) == {404}


async def test_every_reply_names_the_same_instant(bench):
    taken = await take(bench, ttl=3600)
    key, url = taken.headers["x-cache-key"], taken.headers["x-cache-url"]
    replies = [
        taken,
        await take(bench),
        await bench.client.get(f"/v1/cache/{key}"),
        await bench.client.get(url),
    ]
    told = await bench.client.post("/v1/screenshot", json={"url": PAGE, "response_type": "json"})

    assert {reply.headers["x-cache-expires"] for reply in replies} == {"2024-01-15T13:00:00Z"}
    assert told.json()["cache"]["expires_at"] == "2024-01-15T13:00:00Z"
    assert told.json()["ttl"] == 3600


async def test_the_ttl_counts_from_the_moment_of_storing(bench):
    bench.renderer.hold()
    asking = asyncio.create_task(take(bench, ttl=60))
    await bench.renderer.began.acquire()
    bench.clock.advance(seconds=20)
    bench.renderer.release()

    assert (await asking).headers["x-cache-expires"] == "2024-01-15T12:01:20Z"


async def test_a_refresh_gives_a_new_life_with_its_own_ttl(bench):
    await take(bench, ttl=60)
    bench.clock.advance(seconds=30)
    fresh = await take(bench, refresh=True, ttl=10)

    assert fresh.headers["x-cache-expires"] == "2024-01-15T12:00:40Z"
    bench.clock.advance(seconds=10)
    assert await statuses(bench, fresh) == {404}


async def test_age_and_ttl_of_a_hit_add_up_to_its_life(bench):
    await take(bench, ttl=100)
    bench.clock.advance(seconds=40.5)
    hit = await take(bench)

    assert hit.headers["age"] == "40"
    assert hit.headers["cache-status"] == "calotype; hit; ttl=59"


async def test_an_expired_entry_is_not_found_and_can_be_purged_only_while_it_may_serve(bench):
    taken = await take(bench, ttl=1, sie=60)
    bench.clock.advance(seconds=60)
    counting = {"all": True, "dry_run": True}
    assert await statuses(bench, taken) == {404}
    assert (await bench.client.post("/v1/cache/purge", json=counting)).json()["purged"] == 1
    bench.clock.advance(seconds=1)

    assert (await bench.client.post("/v1/cache/purge", json={"all": True})).json()["purged"] == 0


async def test_deleting_an_expired_entry_is_404_and_takes_it_all_the_same(bench):
    taken = await take(bench, ttl=1, sie=60)
    bench.clock.advance(seconds=1)

    assert (await bench.client.delete(f"/v1/cache/{taken.headers['x-cache-key']}")).status_code == 404
    assert (await bench.client.post("/v1/cache/purge", json={"all": True})).json()["purged"] == 0
