"""GET /readyz: says in words for strangers what does not work, and captures go on all the same."""

from __future__ import annotations

import pytest

from calotype.cache.breaker import OPEN_S
from calotype.cache.errors import DiskFull
from tests.support.service import a_bench
from tests.support.troubles import locked, read_only

WELL = {"index": "ok", "blobs": "ok", "room": "ok"}
PAGE = {"url": "https://example.com/"}


async def ready(bench):
    """Ask without a key, and not for what was found a moment ago."""
    bench.service.readiness._good_until = 0
    return await bench.client.get("/readyz", headers={"authorization": ""})


def time_passes(bench):
    """Let the breaker's time be over."""
    bench.service.remembering.store._breaker._until -= OPEN_S


async def test_all_is_well(bench):
    reply = await ready(bench)

    assert (reply.status_code, reply.json()) == (200, {"status": "ready", "checks": WELL})
    assert reply.headers["cache-control"] == "no-store"
    assert "retry-after" not in reply.headers


async def test_a_head_and_an_answer_of_a_moment_ago(bench):
    assert (await bench.client.head("/readyz")).status_code == 200
    assert (await bench.client.get("/readyz")).json()["status"] == "ready"
    assert (await bench.client.post("/readyz")).status_code == 405


async def test_blobs_that_cannot_be_written_are_told_and_all_recovers(bench, tmp_path):
    with read_only(bench.settings.blobs.folder):
        reply = await ready(bench)
        assert reply.status_code == 503
        assert reply.json() == {"status": "unready", "checks": {**WELL, "blobs": "read-only"}}
        assert reply.headers["retry-after"] == "2"
        assert str(tmp_path) not in reply.text

        taken = await bench.client.post("/v1/screenshot", json=PAGE)
        assert taken.status_code == 200
        assert taken.headers["cache-status"] == "calotype; fwd=uri-miss; stored=?0; detail=store-unavailable"
        assert (await ready(bench)).json()["checks"] == {**WELL, "blobs": "read-only", "room": "paused"}
        purged = await bench.client.post("/v1/cache/purge", json={"all": True})
        assert purged.status_code == 200

    assert (await ready(bench)).json()["checks"] == {**WELL, "room": "paused"}
    time_passes(bench)
    assert (await bench.client.post("/v1/screenshot", json=PAGE)).headers["x-cache-status"] == "MISS"
    assert (await bench.client.post("/v1/screenshot", json=PAGE)).headers["x-cache-status"] == "HIT"
    assert (await ready(bench)).json() == {"status": "ready", "checks": WELL}


async def test_a_full_disk_is_told(bench):
    bench.service.remembering.store._breaker.trip(DiskFull("/secret is full"))
    reply = await ready(bench)

    assert reply.json()["checks"] == {**WELL, "room": "full"}
    assert "secret" not in reply.text


async def test_a_disk_below_what_is_to_stay_free_is_told(tmp_path):
    async with a_bench(tmp_path, CALOTYPE_CACHE_MIN_FREE="1024TiB") as bench:
        assert (await ready(bench)).json()["checks"] == {**WELL, "room": "full"}


async def test_an_index_that_is_locked_is_told_hits_and_captures_go_on_and_all_recovers(bench):
    hit = await bench.client.post("/v1/screenshot", json=PAGE)
    with locked(bench.settings.index.path):
        bench.service.remembering.index._database.wrote_at -= 2
        assert (await ready(bench)).json() == {"status": "unready", "checks": {**WELL, "index": "locked"}}
        again = await bench.client.post("/v1/screenshot", json=PAGE)
        assert (again.headers["x-cache-status"], again.content) == ("HIT", hit.content)
        other = await bench.client.post("/v1/screenshot", json={"url": "https://example.com/other"})
        assert (other.status_code, other.headers["x-cache-status"]) == (200, "MISS")
        listed = await bench.client.get("/v1/cache", params={"url": "https://example.com/*"})
        assert [entry["key"] for entry in listed.json()["entries"]] == [hit.headers["x-cache-key"]]
        assert other.headers["cache-status"].endswith("stored=?0; detail=store-unavailable")
        for method, path, body in [
            ("POST", "/v1/cache/purge", {"all": True}),
            ("DELETE", f"/v1/cache/{hit.headers['x-cache-key']}", None),
        ]:
            reply = await bench.client.request(method, path, json=body)
            assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")

    assert (await ready(bench)).json() == {"status": "ready", "checks": WELL}
    assert (await bench.client.post("/v1/cache/purge", json={"all": True})).json()["purged"] == 1


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_neither_asks_who_calls(bench, path):
    for authorization in ("", "Bearer rs_live_wrong"):
        reply = await bench.client.get(path, headers={"authorization": authorization})
        assert reply.status_code == 200
