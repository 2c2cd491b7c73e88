"""Stale pictures over HTTP: said to be stale in every header that can say so, and in JSON; soft purges."""

from __future__ import annotations

import asyncio
import base64

import pytest

from calotype.capture.errors import NavigationFailed
from tests.support.pictures import a_png

PAGE = "https://example.com/"


async def take(bench, response_type=None, **cache):
    body = {"url": PAGE, "cache": cache}
    return await bench.client.post(
        "/v1/screenshot", json=body if response_type is None else body | {"response_type": response_type}
    )


def down(bench):
    bench.renderer.failing = NavigationFailed(PAGE, "net::ERR_CONNECTION_REFUSED")


async def test_a_page_that_is_down_keeps_its_last_good_picture_and_says_so(bench):
    taken = await take(bench, ttl=60)
    bench.clock.advance(seconds=72)
    down(bench)
    reply = await take(bench)

    assert (reply.status_code, reply.content) == (200, a_png(0))
    told = {name: reply.headers.get(name) for name in (
        "x-cache-status", "x-cache-hit", "cache-status", "age", "x-cache-expires", "x-cache-url", "etag",
        "cache-control",
    )}  # fmt: skip
    assert told == {
        "x-cache-status": "STALE",
        "x-cache-hit": "true",
        "cache-status": "calotype; fwd=stale; ttl=-12; detail=sie",
        "age": "72",
        "x-cache-expires": "2024-01-15T12:01:00Z",
        "x-cache-url": None,
        "etag": taken.headers["etag"],
        "cache-control": "private, no-cache",
    }


async def test_the_status_that_the_page_answered_is_told(bench):
    await take(bench, ttl=60)
    bench.clock.advance(seconds=60)
    bench.renderer.http_status = 503

    assert (await take(bench)).headers[
        "cache-status"
    ] == "calotype; fwd=stale; fwd-status=503; ttl=0; detail=sie"


async def test_one_that_is_being_made_anew_says_that_it_went_nowhere(bench):
    await take(bench, ttl=60, swr=60)
    bench.clock.advance(seconds=61)

    reply = await take(bench, swr=60)
    assert reply.headers["cache-status"] == "calotype; hit; ttl=-1; detail=swr"
    assert reply.headers["x-cache-status"] == "STALE"


async def test_as_json_it_comes_with_its_bytes_for_no_url_leads_to_it(bench):
    await take(bench, ttl=60)
    bench.clock.advance(seconds=60)
    down(bench)
    told = (await take(bench, "json")).json()

    assert told["cache"] == {"hit": True, "key": told["cache_key"], "stale": True}
    assert base64.b64decode(told["image"]["data"]) == a_png(0)
    assert "url" not in told["image"]


async def test_flat_parameters_name_the_windows(bench):
    await bench.client.get(
        "/v1/screenshot", params={"url": PAGE, "cache_ttl": "60", "cache_swr": "5", "cache_sie": "0"}
    )
    bench.clock.advance(seconds=64)
    assert (await take(bench)).headers["x-cache-status"] == "STALE"


@pytest.mark.parametrize("address", ["key", "url"])
async def test_no_address_leads_to_a_stale_picture(bench, address):
    taken = await take(bench, ttl=60, swr=3600)
    key, url = taken.headers["x-cache-key"], taken.headers["x-cache-url"]
    bench.clock.advance(seconds=60)
    path = f"/v1/cache/{key}" if address == "key" else url

    assert (await bench.client.get(path)).status_code == 404
    assert (await bench.client.head(path)).status_code == 404


async def test_a_soft_purge_counts_what_it_made_stale_and_says_that_it_was_soft(bench):
    taken = await take(bench)
    dry = (
        await bench.client.post("/v1/cache/purge", json={"url": PAGE, "soft": True, "dry_run": True})
    ).json()
    done = (await bench.client.post("/v1/cache/purge", json={"url": PAGE, "soft": True})).json()
    again = (await bench.client.post("/v1/cache/purge", json={"url": PAGE, "soft": True})).json()

    assert [(told["purged"], told["soft"]) for told in (dry, done, again)] == [
        (1, True),
        (1, True),
        (0, True),
    ]
    assert (await bench.client.get(f"/v1/cache/{taken.headers['x-cache-key']}")).status_code == 404
    logged = (await bench.client.get(f"/v1/cache/purge/{done['purge_id']}")).json()
    assert (logged["soft"], logged["purged"], logged["swept"]) == (True, 1, True)

    down(bench)
    stale = await take(bench)
    assert stale.headers["x-cache-status"] == "STALE"
    assert stale.headers["cache-status"] == "calotype; hit; ttl=0; detail=soft-purged"


@pytest.mark.parametrize("response_type", [None, "json"])
async def test_who_waits_for_a_capture_that_a_soft_purge_overtakes_is_told_of_no_address(
    bench, response_type
):
    bench.renderer.hold()
    waiting = asyncio.create_task(take(bench, response_type))
    await bench.renderer.began.acquire()
    await bench.client.post("/v1/cache/purge", json={"all": True, "soft": True})
    bench.renderer.release()
    reply = await waiting

    assert reply.headers["cache-status"] == "calotype; fwd=uri-miss; stored; detail=soft-purged"
    assert (reply.headers["x-cache-status"], reply.headers.get("x-cache-url")) == ("MISS", None)
    assert reply.headers["x-cache-expires"] == "2024-01-15T12:00:00Z"
    if response_type == "json":
        told = reply.json()
        assert (told.get("url"), told["image"].get("url"), told["cache"].get("expires_at")) == (None,) * 3
        assert base64.b64decode(told["image"]["data"]) == a_png(0)
    assert (await take(bench)).headers["x-cache-status"] == "STALE"


async def test_soft_alone_is_no_filter(bench):
    await take(bench)
    reply = await bench.client.post("/v1/cache/purge", json={"soft": True})

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "missing_parameter")
    assert (await take(bench)).headers["x-cache-status"] == "HIT"


async def test_a_list_shows_stale_entries_to_who_asks_for_them(bench):
    await take(bench, ttl=60)
    bench.clock.advance(seconds=60)
    assert (await bench.client.get("/v1/cache")).json()["entries"] == []

    (entry,) = (await bench.client.get("/v1/cache?stale=1")).json()["entries"]
    assert entry["stale"] is True


async def test_a_repeated_request_is_served_as_a_hit_no_longer_than_it_is_one(bench):
    await take(bench, ttl=100, swr=100)
    for seconds, status in ((0, "HIT"), (89, "HIT"), (10.999, "HIT"), (0.001, "STALE")):
        bench.clock.advance(seconds=seconds)
        assert (await take(bench, ttl=100, swr=100)).headers["x-cache-status"] == status
    for task in asyncio.all_tasks():
        if task.get_name() == "revalidation":
            await task
    assert (await take(bench)).content == a_png(1)
