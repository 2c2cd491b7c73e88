"""Idempotency-Key on POST /v1/screenshot."""

from __future__ import annotations

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
