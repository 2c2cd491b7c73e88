"""Idempotency-Key on POST /v1/screenshot and /v1/batch."""

from __future__ import annotations

import asyncio
from typing import Any

from calotype.sql.sqlite import batches as batches_rows
from tests.support.service import NOBODY

BODY = {"url": "https://example.com/", "cache": {"refresh": True}}


def post(bench, name, **body):
    return bench.client.post("/v1/screenshot", json=BODY | body, headers={"idempotency-key": name})


async def test_the_same_request_again_is_answered_with_the_same_picture(bench):
    first, again = await post(bench, "a"), await post(bench, "a")

    assert (first.headers["x-cache-status"], again.headers["x-cache-status"]) == ("MISS", "HIT")
    assert again.content == first.content
    assert len(bench.renderer.renders) == 1


async def test_it_may_ask_for_json_the_second_time(bench):
    await post(bench, "a")
    told = (await post(bench, "a", response_type="json")).json()

    assert told["cached"] is True
    assert len(bench.renderer.renders) == 1


async def test_a_purged_picture_is_not_replayed(bench):
    first = await post(bench, "a")
    await bench.client.post("/v1/cache/purge", json={"all": True})
    again = await post(bench, "a")

    assert again.headers["x-cache-status"] == "MISS"
    assert again.content != first.content


async def test_another_request_under_the_same_name_is_refused(bench):
    await post(bench, "a")
    refused = await post(bench, "a", width=800)

    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "idempotency_mismatch")
    assert len(bench.renderer.renders) == 1


async def test_so_is_one_that_wants_no_copy(bench):
    await post(bench, "a")

    assert (await post(bench, "a", storage={"enabled": False})).status_code == 422


async def test_a_name_is_one_requests_of_whatever_kind(bench):
    await post(bench, "a")
    purge = {"json": {"all": True}, "headers": {"idempotency-key": "a"}}
    assert (await bench.client.post("/v1/cache/purge", **purge)).status_code == 422

    purge["headers"] = {"idempotency-key": "b"}
    assert (await bench.client.post("/v1/cache/purge", **purge)).json()["purged"] == 1
    assert (await post(bench, "b")).status_code == 422


async def test_a_name_that_is_none_is_refused(bench):
    refused = await post(bench, "x" * 256)

    assert refused.status_code == 400
    assert refused.json()["error"]["details"]["field"] == "Idempotency-Key"


async def test_no_secret_of_the_request_is_written_down(bench, tmp_path):
    secret = "hunter2-hunter2"
    auth = {"auth": {"type": "basic", "username": "anna", "password": secret}}
    await post(bench, "a", network=auth)

    written = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
    assert secret.encode() not in written


class TestBatches:
    URLS = tuple(f"https://example.com/{number}" for number in range(3))

    async def batch(self, bench, name, **body):
        body = {"urls": self.URLS, **body}
        return await bench.client.post("/v1/batch", json=body, headers={"idempotency-key": name})

    async def test_the_same_batch_again_is_the_one_that_was_accepted(self, bench):
        first = await self.batch(bench, "a", options={"cache": {"refresh": True}})
        again = await self.batch(bench, "a", options={"cache": {"refresh": True}})

        assert again.json() == first.json()
        assert (again.status_code, first.json()["completed"]) == (200, 3)
        assert len(bench.renderer.renders) == 3

    async def test_two_at_once_are_one(self, bench):
        replies = await asyncio.gather(*(self.batch(bench, "a") for _ in range(5)))

        assert len({reply.json()["id"] for reply in replies}) == 1
        assert len(bench.renderer.renders) == 3

    async def test_whatever_it_differs_in_another_is_refused(self, bench):
        await self.batch(bench, "a")
        others: list[dict[str, Any]] = [
            {"urls": self.URLS[:2]},
            {"options": {"width": 800}},
            {"concurrency": 2},
            {"webhook": {"url": f"http://{NOBODY}/hook"}},
        ]
        for other in others:
            refused = await self.batch(bench, "a", **other)
            assert (refused.status_code, refused.json()["error"]["code"]) == (422, "idempotency_mismatch")
        assert (await post(bench, "a")).status_code == 422

    async def test_after_a_day_the_name_is_free(self, bench):
        first = (await self.batch(bench, "a")).json()
        bench.clock.advance(hours=24)

        assert (await self.batch(bench, "a")).json()["id"] != first["id"]

    async def test_one_that_was_refused_is_accepted_later(self, bench, monkeypatch):
        with monkeypatch.context() as full:
            full.setattr(batches_rows, "MAX_WAITING", 2)
            assert (await self.batch(bench, "a")).status_code == 503

        assert (await self.batch(bench, "a")).status_code == 200

    async def test_a_capture_that_is_not_waited_for_has_one_id(self, bench):
        first, again = await post(bench, "a", **{"async": True}), await post(bench, "a", **{"async": True})

        assert first.json()["id"].startswith("job_")
        assert again.json() == first.json()

    async def test_no_secret_of_it_is_written_down(self, bench, tmp_path):
        secret = "hunter2-hunter2"
        hook = {"url": "https://example.com/hook", "secret": secret}
        await self.batch(bench, "a", webhook=hook, options={"auth_bearer": secret})

        written = b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())
        assert secret.encode() not in written
