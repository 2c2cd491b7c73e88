"""Requests that say what they count on: If-Match on DELETE, only-if-cached on captures; and refusals."""

from __future__ import annotations

import asyncio

import pytest

from calotype.cache.errors import StoreUnavailable
from tests.support.service import a_bench

PAGE = {"url": "https://example.com/"}
REFRESH = PAGE | {"cache": {"refresh": True}}
ONLY_CACHED = {"cache-control": "only-if-cached"}


@pytest.fixture
async def taken(bench):
    return await bench.client.post("/v1/screenshot", json=PAGE)


def path_of(taken):
    return f"/v1/cache/{taken.headers['x-cache-key']}"


async def rendering(bench):
    """Wait until a render is under way."""
    while not bench.renderer.running:
        await bench.renderer.began.acquire()


def refused(reply, status, code, finer):
    body = reply.json()
    told = (reply.status_code, body["code"], body["error"]["code"], body["request_id"])
    assert told == (status, code, finer, reply.headers["x-request-id"])
    assert reply.headers["cache-control"] == "no-store"
    assert int(reply.headers["content-length"]) == len(reply.content)
    return True


class TestDelete:
    @pytest.mark.parametrize(
        ("header", "value"),
        [
            ("if-match", "{etag}"),
            ("if-match", '"other", {etag}'),
            ("if-match", "*"),
            ("if-unmodified-since", "Mon, 15 Jan 2024 12:00:00 GMT"),
            ("if-unmodified-since", "no date"),
        ],
    )
    async def test_the_version_that_is_meant_goes(self, bench, taken, header, value):
        value = value.format(etag=taken.headers["etag"])
        reply = await bench.client.delete(path_of(taken), headers={header: value})

        assert (reply.status_code, reply.json()["deleted"]) == (200, True)
        assert (await bench.client.get(path_of(taken))).status_code == 404

    @pytest.mark.parametrize(
        ("header", "value"),
        [
            ("if-match", '"other"'),
            ("if-match", "W/{etag}"),
            ("if-match", ""),
            ("if-unmodified-since", "Mon, 15 Jan 2024 11:59:59 GMT"),
        ],
    )
    @pytest.mark.parametrize("client", ["renderscreenshot-node/1.0.0", "curl/8"])
    async def test_any_other_stays_and_nothing_is_logged(self, bench, taken, header, value, client):
        value = value.format(etag=taken.headers["etag"])
        reply = await bench.client.delete(path_of(taken), headers={header: value, "user-agent": client})

        assert refused(reply, 412, "invalid_request", "precondition_failed")
        assert (await bench.client.get(path_of(taken))).status_code == 200
        assert (await bench.client.get("/v1/cache/purges")).json()["purges"] == []

    async def test_what_was_captured_anew_is_another_version(self, bench, taken):
        bench.clock.advance(seconds=1)
        fresh = await bench.client.post("/v1/screenshot", json=REFRESH)
        for name in ("if-match", "if-unmodified-since"):
            seen = taken.headers["etag" if name == "if-match" else "last-modified"]
            assert (await bench.client.delete(path_of(taken), headers={name: seen})).status_code == 412

        assert (await bench.client.get(path_of(taken))).content == fresh.content

    async def test_if_match_comes_before_the_date(self, bench, taken):
        headers = {"if-match": taken.headers["etag"], "if-unmodified-since": "Mon, 15 Jan 2024 11:00:00 GMT"}

        assert (await bench.client.delete(path_of(taken), headers=headers)).status_code == 200

    @pytest.mark.parametrize("value", ['"a"', "*"])
    async def test_what_is_not_there_is_404_whatever_is_expected_of_it(self, bench, taken, value):
        bench.clock.advance(days=1)
        for path in (path_of(taken), "/v1/cache/nobody"):
            reply = await bench.client.delete(path, headers={"if-match": value})
            assert (reply.status_code, reply.json()["deleted"]) == (404, False)

    async def test_another_account_learns_nothing(self, bench, taken):
        other = await bench.another_key("other")
        reply = await bench.client.delete(path_of(taken), headers=other | {"if-match": '"a"'})

        assert reply.status_code == 404

    async def test_the_audit_trail_tells_of_it(self, bench, taken):
        await bench.client.delete(path_of(taken), headers={"if-match": taken.headers["etag"]})
        (purge,) = (await bench.client.get("/v1/cache/purges")).json()["purges"]

        assert (purge["purged"], purge["by"].startswith("key_")) == (1, True)

    @pytest.mark.parametrize("first", ["refresh", "delete"])
    async def test_a_refresh_that_ends_at_the_same_time_is_never_deleted(self, bench, taken, first):
        # Both are on their way to the one writer; whichever comes first there decides what the other meets.
        etag = taken.headers["etag"]
        bench.renderer.hold()
        refresh = asyncio.create_task(bench.client.post("/v1/screenshot", json=REFRESH))
        await rendering(bench)
        delete = bench.client.delete(path_of(taken), headers={"if-match": etag})
        if first == "refresh":
            bench.renderer.release()
            await refresh
            assert (await delete).status_code == 412
        else:
            assert (await delete).status_code == 200
            bench.renderer.release()
            # It began before the delete, so it shows the page of before, and is not stored.
            assert "detail=purged" in (await refresh).headers["cache-status"]
        status = (await bench.client.get(path_of(taken))).status_code
        assert status == (200 if first == "refresh" else 404)

    async def test_a_refusal_does_not_bar_a_running_render(self, bench, taken):
        bench.renderer.hold()
        refresh = asyncio.create_task(bench.client.post("/v1/screenshot", json=REFRESH))
        await rendering(bench)
        assert (await bench.client.delete(path_of(taken), headers={"if-match": '"a"'})).status_code == 412
        bench.renderer.release()

        assert "; stored" in (await refresh).headers["cache-status"]
        assert (await bench.client.get(path_of(taken))).content == (await refresh).content


class TestRefusalsOfPictures:
    @pytest.mark.parametrize("door", ["client", "behind"])
    async def test_412_and_416_say_what_is_wrong(self, bench, taken, door):
        client = getattr(bench, door)
        for path in (path_of(taken), taken.headers["x-cache-url"], "/v1/screenshot?url=https://example.com/"):
            reply = await client.get(path, headers={"if-match": '"other"'})
            assert refused(reply, 412, "invalid_request", "precondition_failed")
            reply = await client.get(path, headers={"range": "bytes=9999999-"})
            assert refused(reply, 416, "invalid_request", "range_not_satisfiable")
            assert reply.headers["content-range"] == f"bytes */{len(taken.content)}"


class TestOnlyIfCached:
    async def test_a_hit_is_a_hit(self, bench, taken):
        posted = await bench.client.post("/v1/screenshot", json=PAGE, headers=ONLY_CACHED)
        got = await bench.client.get("/v1/screenshot?url=https://example.com/", headers=ONLY_CACHED)

        assert posted.content == got.content == taken.content
        assert posted.headers["x-cache-status"] == got.headers["x-cache-status"] == "HIT"

    @pytest.mark.parametrize(
        "value", ["only-if-cached", "max-age=0, Only-If-Cached", "no-transform,only-if-cached,max-stale=5"]
    )
    async def test_without_one_nothing_is_rendered(self, bench, value):
        headers = {"cache-control": value}
        posted = await bench.client.post("/v1/screenshot", json=PAGE, headers=headers)
        got = await bench.client.get("/v1/screenshot?url=https://example.com/", headers=headers)

        for reply in (posted, got):
            assert refused(reply, 504, "not_found", "not_cached")
        assert bench.renderer.renders == []

    @pytest.mark.parametrize("cache", [{"refresh": True}, {"enabled": False}, {"key": "another"}])
    async def test_nor_where_the_request_itself_rules_out_a_hit(self, bench, taken, cache):
        reply = await bench.client.post("/v1/screenshot", json=PAGE | {"cache": cache}, headers=ONLY_CACHED)

        assert reply.status_code == 504
        assert len(bench.renderer.renders) == 1

    async def test_nor_when_the_picture_has_expired_or_was_purged(self, bench, taken):
        bench.clock.advance(days=1)
        assert (await bench.client.post("/v1/screenshot", json=PAGE, headers=ONLY_CACHED)).status_code == 504
        await bench.client.post("/v1/screenshot", json=PAGE)
        await bench.client.post("/v1/cache/purge", json={"all": True})
        assert (await bench.client.post("/v1/screenshot", json=PAGE, headers=ONLY_CACHED)).status_code == 504

        assert len(bench.renderer.renders) == 2

    async def test_nor_is_another_callers_render_waited_for(self, bench):
        bench.renderer.hold()
        first = asyncio.create_task(bench.client.post("/v1/screenshot", json=PAGE))
        await rendering(bench)
        assert (await bench.client.post("/v1/screenshot", json=PAGE, headers=ONLY_CACHED)).status_code == 504
        bench.renderer.release()

        assert (await first).status_code == 200

    async def test_where_hits_must_be_asked_for_it_asks(self, tmp_path):
        async with a_bench(tmp_path / "data", CALOTYPE_CACHE_DEFAULT="available") as bench:
            await bench.client.post("/v1/screenshot", json=PAGE)
            reply = await bench.client.post("/v1/screenshot", json=PAGE, headers=ONLY_CACHED)

            assert reply.headers["x-cache-status"] == "HIT"

    async def test_nor_when_nobody_can_tell_whether_there_is_one(self, bench, taken, monkeypatch):
        async def down(_namespace):
            message = "the index cannot be used"
            raise StoreUnavailable(message)

        monkeypatch.setattr(bench.service.remembering.store, "head", down)
        reply = await bench.client.post("/v1/screenshot", json=PAGE, headers=ONLY_CACHED)

        assert reply.status_code == 503
        assert len(bench.renderer.renders) == 1

    async def test_other_directives_change_nothing(self, bench):
        for value in ("no-cache", "max-age=0", "x-only-if-cached", "only-if-cached=1"):
            reply = await bench.client.post("/v1/screenshot", json=PAGE, headers={"cache-control": value})
            assert reply.status_code == 200

    async def test_head_stays_what_it_is_not(self, bench, taken):
        reply = await bench.client.head("/v1/screenshot?url=https://example.com/", headers=ONLY_CACHED)

        assert reply.status_code == 405
