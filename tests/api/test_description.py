"""GET /v1/cache/{key}?meta=1: what is known of an entry, without its bytes."""

from __future__ import annotations

import hashlib

import pytest

from tests.support.pictures import a_png


@pytest.fixture
async def taken(bench):
    return await bench.client.post("/v1/screenshot", json={"url": "https://example.com/"})


async def test_it_tells_all_but_the_bytes(bench, taken):
    key = taken.headers["x-cache-key"]
    entry_id = key.removeprefix("cache_")
    bench.clock.advance(minutes=1)
    reply = await bench.client.get(f"/v1/cache/{key}?meta=1")
    got = await bench.client.get(f"/v1/cache/{key}")
    as_json = (
        await bench.client.post(
            "/v1/screenshot", json={"url": "https://example.com/", "response_type": "json"}
        )
    ).json()

    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert reply.headers["cache-control"] == "no-store"
    assert "x-cache-hit" not in reply.headers
    assert reply.json() == {
        "key": key,
        "target_url": "https://example.com/",
        "url": taken.headers["x-cache-url"],
        "created_at": "2024-01-15T12:00:00Z",
        "expires_at": got.headers["x-cache-expires"],
        "stale": False,
        "size": len(a_png(0)),
        "format": "png",
        "tags": [],
        "width": as_json["width"],
        "height": as_json["height"],
        "etag": got.headers["etag"],
        "sha256": hashlib.sha256(a_png(0)).hexdigest(),
        "render_ms": int(taken.headers["x-render-time"]),
        **as_json["metadata"],
        "verdict": as_json["verdict"],
        "storage_path": f"screenshots/2024/01/15/{entry_id}.png",
        "age": 60,
        "ttl_left": 86_340,
    }


async def test_it_holds_what_the_listing_says(bench, taken):
    (item,) = (await bench.client.get("/v1/cache")).json()["entries"]
    told = (await bench.client.get(f"/v1/cache/{item['key']}?meta=1")).json()

    assert item.items() <= told.items()


@pytest.mark.parametrize(
    "name",
    [
        "{key}",
        "{id}",
        "{id}.png",
        "screenshots/{id}",
        "screenshots/{id}.png",
        "screenshots/2024/01/15/{id}.png",
    ],
)
async def test_any_name_of_the_entry_will_do(bench, taken, name):
    key = taken.headers["x-cache-key"]
    path = name.format(key=key, id=key.removeprefix("cache_"))

    assert (await bench.client.get(f"/v1/cache/{path}?meta=1")).json()["key"] == key


async def test_it_knows_a_key_of_ones_own(bench):
    await bench.client.post("/v1/screenshot", json={"url": "https://example.com/", "cache": {"key": "a/b"}})

    assert (await bench.client.get("/v1/cache/a/b?meta=true")).json()["key"] == "a/b"


@pytest.mark.parametrize("meta", ["no", "2"])
async def test_a_word_that_is_no_switch_is_refused(bench, taken, meta):
    refused = await bench.client.get(f"/v1/cache/{taken.headers['x-cache-key']}?meta={meta}")

    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "meta")


@pytest.mark.parametrize("meta", ["0", "false"])
async def test_switched_off_it_sends_the_picture(bench, taken, meta):
    got = await bench.client.get(f"/v1/cache/{taken.headers['x-cache-key']}?meta={meta}")

    assert got.content == taken.content


async def test_what_cannot_be_had_cannot_be_described(bench, taken):
    path = f"/v1/cache/{taken.headers['x-cache-key']}?meta=1"
    other, test = await bench.another_key("other"), await bench.another_key("default", "test")

    for headers in (other, test):
        assert (await bench.client.get(path, headers=headers)).status_code == 404
    assert (await bench.client.get(path, headers={"authorization": ""})).status_code == 401
    assert (await bench.client.get("/v1/cache/nobody?meta=1")).json()["code"] == "not_found"
    bench.clock.advance(days=1)
    assert (await bench.client.get(path)).status_code == 404


async def test_a_public_link_tells_nothing_more(bench, taken):
    got = await bench.client.get(f"{taken.headers['x-cache-url']}?meta=1", headers={"authorization": ""})

    assert got.content == taken.content
