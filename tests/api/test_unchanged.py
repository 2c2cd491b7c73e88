"""A refresh of a page that has not changed: every copy that a client holds stays good."""

from __future__ import annotations

import pytest

URL = "https://example.com/"
SIZE = 5000


@pytest.fixture(params=["gate", "router"])
async def refreshed(bench, request):
    """Return how to ask for the entry, its first reply, and the headers of the capture that refreshed it."""
    client = bench.client if request.param == "gate" else bench.behind
    bench.renderer.same, bench.renderer.picture_bytes = 3, SIZE
    taken = await client.post("/v1/screenshot", json={"url": URL})
    path = f"/v1/cache/{taken.headers['x-cache-key']}"
    first = await client.get(path)
    bench.clock.advance(minutes=10)
    again = await client.post("/v1/screenshot", json={"url": URL, "cache": {"refresh": True}})

    async def ask(method="GET", **headers):
        spelled = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.request(method, path, headers=spelled)

    assert again.headers["cache-status"] == "calotype; fwd=request; stored"
    return ask, first, again


async def test_the_entity_tag_stays_and_all_about_time_is_new(refreshed):
    ask, first, again = refreshed
    now = await ask()

    assert now.content == first.content == again.content
    assert now.headers["etag"] == first.headers["etag"] == again.headers["etag"]
    assert now.headers["age"] == "0"
    assert (
        now.headers["x-cache-expires"] == again.headers["x-cache-expires"] > first.headers["x-cache-expires"]
    )
    assert now.headers["last-modified"] != first.headers["last-modified"]


async def test_a_copy_from_before_is_still_good_by_its_tag(refreshed):
    ask, first, _ = refreshed
    tag = first.headers["etag"]

    assert (await ask(if_none_match=tag)).status_code == 304
    assert (await ask("HEAD", if_none_match=tag)).status_code == 304
    assert (await ask(if_match=tag)).status_code == 200
    assert (await ask(if_modified_since=first.headers["last-modified"])).status_code == 200


async def test_a_download_that_broke_off_goes_on_with_the_same_bytes(refreshed):
    ask, first, _ = refreshed
    rest = await ask(range="bytes=1000-", if_range=first.headers["etag"])
    assert rest.status_code == 206
    assert rest.headers["content-range"] == f"bytes 1000-{SIZE - 1}/{SIZE}"
    assert rest.content == first.content[1000:]
    whole = await ask(range="bytes=1000-", if_range=first.headers["last-modified"])

    assert (whole.status_code, whole.content) == (200, first.content)


async def test_a_purge_takes_it_all_the_same_and_its_file_goes_once(refreshed, bench):
    ask, *_ = refreshed
    blobs = [path for path in bench.settings.blobs.folder.glob("??/??/*") if path.is_file()]
    assert len(blobs) == 1
    await bench.client.post("/v1/cache/purge", json={"url": URL})
    assert (await ask()).status_code == 404
    bench.clock.advance(minutes=2)
    await bench.service.remembering.sweeper.step()

    assert not blobs[0].exists()
