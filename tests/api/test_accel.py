"""X-Accel-Redirect with the real nginx and the very configuration that docs/nginx.md shows."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from tests.support.nginx import an_nginx
from tests.support.pictures import a_png
from tests.support.scene import a_scene
from tests.support.service import a_bench

PREFIX = "/_calotype_blobs/"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "nginx.md"
SIZE = 70_000
OF_ONE_REPLY = ("date", "server", "connection", "x-request-id")


def snippet(port, blobs):
    (text,) = re.findall(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert PREFIX in text
    return text.replace("127.0.0.1:8787", f"127.0.0.1:{port}").replace("/srv/calotype/data/blobs", str(blobs))


class Behind:
    """The same server twice: through nginx, which sends its pictures, and without either."""

    def __init__(self, scene, front, plain):
        self.scene, self.front, self.plain = scene, front, plain

    async def both(self, method, path, **headers):
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        return [await client.request(method, path, headers=spelled) for client in (self.front, self.plain)]


@pytest.fixture
async def behind(tmp_path):
    data = tmp_path / "data"
    async with a_scene(data, CALOTYPE_ACCEL_PREFIX=PREFIX) as scene:
        scene.renderer.picture_bytes = SIZE
        locations = snippet(scene.port, data / "blobs")
        # The yardstick is the same service at a door of its own, which knows nothing of nginx.
        async with a_plain_door(scene) as plain:
            nginx = an_nginx(tmp_path / "nginx", locations)
            port = await asyncio.to_thread(nginx.__enter__)
            try:
                headers = {"authorization": f"Bearer {scene.key}", "host": "calotype.test"}
                async with httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False
                ) as front:
                    yield Behind(scene, front, plain)
            finally:
                await asyncio.to_thread(nginx.__exit__, None, None, None)


def a_plain_door(scene):
    transport = httpx.ASGITransport(scene.plain_app)
    headers = {"authorization": f"Bearer {scene.key}"}
    return httpx.AsyncClient(transport=transport, base_url="http://calotype.test", headers=headers)


@pytest.fixture
async def paths(behind):
    """Take a picture; return where it can be had: with the key and without."""
    taken = await behind.front.post("/v1/screenshot", json={"url": "https://example.com/"})
    assert (taken.headers["x-cache-status"], taken.content) == ("MISS", a_png(0, SIZE))
    public = taken.headers["x-cache-url"].removeprefix("http://calotype.test")
    return [f"/v1/cache/{taken.headers['x-cache-key']}", public]


def told(reply):
    return sorted((name, value) for name, value in reply.headers.multi_items() if name not in OF_ONE_REPLY)


async def test_a_picture_is_what_we_would_have_sent_headers_and_all(behind, paths):
    for path in paths:
        for _ in range(3):  # the second is a repeated one
            front, plain = await behind.both("GET", path)
            assert (front.status_code, front.content) == (200, a_png(0, SIZE))
            assert told(front) == told(plain)
            assert "x-accel-redirect" not in front.headers
    assert behind.scene.repeats.given > 0


async def test_what_it_was_found_to_be_and_its_tags_come_along(behind):
    behind.scene.renderer.facts = {"blank": True}
    body = {"url": "https://example.com/", "cache": {"tags": ["shop", "front-page"]}}
    key = (await behind.front.post("/v1/screenshot", json=body)).headers["x-cache-key"]
    front, plain = await behind.both("GET", f"/v1/cache/{key}")

    assert told(front) == told(plain)
    assert {"calotype-verdict", "cache-groups", "surrogate-key"} <= front.headers.keys()


async def test_it_is_nginx_that_sends_the_file(behind, paths, tmp_path):
    (blob,) = (tmp_path / "data" / "blobs").glob("??/??/*")
    blob.write_bytes(b"n" * SIZE)
    front, plain = await behind.both("GET", paths[0])

    assert front.content == b"n" * SIZE
    assert plain.content == a_png(0, SIZE)


@pytest.mark.parametrize(
    "wanted", ["bytes=0-99", "bytes=69000-", "bytes=-1", "bytes=5-5", "bytes=0-999999", "bytes=1000-69998"]
)
async def test_a_range_is_cut_as_we_cut_it(behind, paths, wanted):
    for path in paths:
        front, plain = await behind.both("GET", path, range=wanted)
        assert front.status_code == plain.status_code == 206
        assert front.content == plain.content
        assert told(front) == told(plain)


@pytest.mark.parametrize(
    "wanted", ["bytes=70000-", "bytes=-0", "bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=x", "bytes=-"]
)
async def test_a_range_that_nginx_reads_otherwise_is_answered_by_us(behind, paths, wanted):
    for path in paths:
        front, plain = await behind.both("GET", path, range=wanted)
        assert front.status_code == plain.status_code != 206
        assert [pair for pair in told(front) if "status" not in pair[0]] == [
            pair for pair in told(plain) if "status" not in pair[0]
        ]
        assert front.status_code == 416 or front.content == a_png(0, SIZE)


async def test_conditions_are_judged_by_our_tag_and_our_time(behind, paths):
    for path in paths:
        reply = await behind.plain.get(path)
        tag, at = reply.headers["etag"], reply.headers["last-modified"]
        expected = [
            ({"if_none_match": tag}, 304),
            ({"if_none_match": '"other"'}, 200),
            ({"if_none_match": "*"}, 304),
            ({"if_modified_since": at}, 304),
            ({"if_modified_since": "Mon, 01 Jan 2001 00:00:00 GMT"}, 200),
            ({"if_match": tag}, 200),
            ({"if_match": '"other"'}, 412),
            ({"if_unmodified_since": at}, 200),
            ({"range": "bytes=0-9", "if_range": tag}, 206),
            ({"range": "bytes=0-9", "if_range": '"other"'}, 200),
            ({"range": "bytes=0-9", "if_range": at}, 206),
        ]
        for headers, status in expected:
            front, plain = await behind.both("GET", path, **headers)
            assert (front.status_code, plain.status_code) == (status, status), headers
            assert front.content == plain.content or status == 412
            if status < 400:
                assert told(front) == told(plain), headers


async def test_a_head_tells_all_and_sends_nothing(behind, paths):
    for path in paths:
        front, plain = await behind.both("HEAD", path)
        assert (front.status_code, front.content) == (200, b"")
        assert front.headers["content-length"] == str(SIZE)
        assert told(front) == told(plain)


async def test_a_capture_that_is_a_hit_is_sent_by_nginx_too_and_json_is_ours(behind, paths):
    asked = {"url": "https://example.com/"}
    for _ in range(3):
        replies = [await client.post("/v1/screenshot", json=asked) for client in (behind.front, behind.plain)]
        assert [(reply.status_code, reply.content) for reply in replies] == [(200, a_png(0, SIZE))] * 2
        assert told(replies[0]) == told(replies[1])
        assert replies[0].headers["x-cache-status"] == "HIT"
    ranged = await behind.front.post(
        "/v1/screenshot", json=asked, headers={"range": "bytes=0-9", "if-none-match": "*"}
    )
    assert (ranged.status_code, ranged.content) == (200, a_png(0, SIZE))
    got = await behind.front.get("/v1/screenshot", params=asked)
    assert (got.status_code, got.content) == (200, a_png(0, SIZE))
    as_json = await behind.front.post("/v1/screenshot", json={**asked, "response_type": "json"})
    assert as_json.json()["cached"] is True


async def test_after_a_purge_or_expiry_nothing_can_be_had(behind, paths):
    for path in paths:
        assert (await behind.front.get(path)).status_code == 200
    purged = await behind.front.post("/v1/cache/purge", json={"url": "https://example.com/*"})
    assert purged.json()["purged"] == 1
    for path in paths:
        front, plain = await behind.both("GET", path)
        assert (front.status_code, front.json()["code"]) == (404, "not_found")
        assert plain.status_code == 404
    await behind.front.post("/v1/screenshot", json={"url": "https://example.com/", "cache": {"ttl": 1}})
    assert (await behind.front.get(paths[0])).status_code == 200
    behind.scene.clock.advance(seconds=1)

    assert (await behind.front.get(paths[0])).status_code == 404


async def test_a_refreshed_picture_is_the_new_one(behind, paths):
    await behind.front.post(
        "/v1/screenshot", json={"url": "https://example.com/", "cache": {"refresh": True}}
    )
    for path in paths:
        assert (await behind.front.get(path)).content == a_png(1, SIZE)


async def test_nobody_reaches_the_blobs_by_themselves(behind, paths, tmp_path):
    blob = next((tmp_path / "data" / "blobs").glob("??/??/*"))
    path = f"{PREFIX}{blob.parent.parent.name}/{blob.parent.name}/{blob.name}"
    assert (await behind.front.get(path)).status_code == 404
    for wrong in (paths[0] + "x", paths[1].replace("screenshots", "screenshots/..%2f")):
        assert (await behind.front.get(wrong)).status_code == 404
    without = await behind.front.get(paths[0], headers={"authorization": "Bearer rs_live_wrong"})
    assert without.status_code == 401


@pytest.mark.parametrize("door", ["client", "behind"])
async def test_gate_and_router_hand_over_alike_and_only_hits(tmp_path, door):
    async with a_bench(tmp_path, CALOTYPE_ACCEL_PREFIX=PREFIX) as bench:
        client = getattr(bench, door)
        taken = await client.post("/v1/screenshot", json={"url": "https://example.com/"})
        assert taken.content
        assert "x-accel-redirect" not in taken.headers
        path = f"/v1/cache/{taken.headers['x-cache-key']}"
        for headers in ({}, {"range": "bytes=0-3"}):
            reply = await client.get(path, headers=headers)
            (blob,) = (bench.settings.blobs.folder).glob("??/??/*")
            where = blob.relative_to(bench.settings.blobs.folder)
            assert reply.headers["x-accel-redirect"] == f"{PREFIX}{where}"
            assert (reply.status_code, reply.content) == (200, b"")
            assert reply.headers["content-type"] == "image/png"


async def test_without_the_setting_nothing_is_handed_over(bench):
    taken = await bench.client.post("/v1/screenshot", json={"url": "https://example.com/"})
    reply = await bench.client.get(f"/v1/cache/{taken.headers['x-cache-key']}")

    assert "x-accel-redirect" not in reply.headers
    assert reply.content == taken.content
