"""How each fault is told: status, codes, headers, and the shape that every client family can read."""

from __future__ import annotations

import logging

import pytest

from calotype.api.problems import _TABLE
from calotype.batches.errors import GivenUp, Interrupted, NotStored
from calotype.cache.errors import StoreUnavailable
from calotype.capture.errors import (
    BrowserCrashed,
    CaptureError,
    InvalidRequest,
    NavigationFailed,
    NothingToShow,
    PageNotFound,
    PageTooBig,
    PictureRefused,
    QueueFull,
    QueueTimeout,
    RenderTimeout,
    TargetForbidden,
    TargetRefused,
)
from calotype.errors import CalotypeError

in_the_modules_loop = pytest.mark.asyncio(loop_scope="module")

PAGE = "https://example.com/"
CLIENTS = ["node", "python", "php", "ruby", "go", "java"]
CLIENT_WORDS = {
    "invalid_url", "invalid_request", "unauthorized", "forbidden", "not_found",
    "rate_limited", "timeout", "render_failed", "internal_error",
}  # fmt: skip


@pytest.fixture
def bench(shared_bench):
    return shared_bench


_FAULTS = [
    (TargetForbidden("intranet"), 403, "forbidden", "blocked_url", False),
    (RenderTimeout("waiting for #chart", 25_000), 408, "timeout", "timeout", True),
    (QueueTimeout("waiting in the queue", 25_000), 408, "timeout", "timeout", True),
    (NotStored("too-large"), 422, "render_failed", "render_failed", True),
    (Interrupted(5), 422, "render_failed", "render_failed", False),
    (NavigationFailed(PAGE, "net::ERR_CONNECTION_REFUSED"), 422, "render_failed", "render_failed", True),
    (BrowserCrashed("The page"), 422, "render_failed", "render_failed", True),
    (PageTooBig("512 MiB of memory"), 422, "render_failed", "render_failed", False),
    (NothingToShow("The element #chart has no area."), 422, "render_failed", "render_failed", False),
    (PictureRefused(PAGE, "is blank", "blank"), 422, "render_failed", "render_failed", True),
    (TargetRefused(PAGE, 503, "http_5xx"), 422, "render_failed", "render_failed", True),
    (PageNotFound(PAGE, 404, "http_404"), 404, "not_found", "page_not_found", False),
    (QueueFull(100, 7), 503, "rate_limited", "rate_limited", True),
    (
        InvalidRequest("capture.selector", "is ':::'", "it must be a CSS selector"),
        400, "invalid_request", "invalid_parameter", False,
    ),
    (GivenUp(12), 422, "render_failed", "render_failed", True),
    (StoreUnavailable("the disk is gone"), 503, "rate_limited", "rate_limited", True),
    (RuntimeError("secret detail"), 500, "internal_error", "internal_error", False),
]  # fmt: skip


def test_the_table_misses_no_capture_error():
    def kinds(kind):
        return {kind}.union(*(kinds(child) for child in kind.__subclasses__()))

    told = {type(fault) for fault, *_ in _FAULTS}
    assert kinds(CaptureError) - {CaptureError} <= told


@in_the_modules_loop
@pytest.mark.parametrize(
    ("fault", "status", "code", "finer", "retryable"), _FAULTS, ids=[type(row[0]).__name__ for row in _FAULTS]
)
class TestAFaultDuringACapture:
    async def test_it_is_told_with_its_status_and_codes(self, bench, fault, status, code, finer, retryable):
        bench.renderer.failing = fault
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGE})
        body = reply.json()
        error = body["error"]

        assert reply.status_code == status
        assert (body["code"], error["code"], error["retryable"]) == (code, finer, retryable)
        assert body["code"] in CLIENT_WORDS
        assert body["message"] == error["message"] != ""
        assert body["request_id"] == error["request_id"] == reply.headers["x-request-id"]
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["cache-control"] == "no-store"
        assert isinstance(error["type"], str)

    async def test_it_is_no_picture_and_nothing_is_stored(self, bench, fault, status, code, finer, retryable):
        bench.renderer.failing = fault
        reply = await bench.client.get("/v1/screenshot", params={"url": PAGE})
        assert {"x-cache-key", "x-cache-url", "etag"}.isdisjoint(reply.headers)
        assert (await bench.service.remembering.store.stats()).entries == 0

        bench.renderer.failing = None
        bench.clock.advance(seconds=3)
        after = await bench.client.get("/v1/screenshot", params={"url": PAGE})
        assert after.headers["x-cache-status"] == "MISS"

    async def test_what_was_stored_before_stays(self, bench, fault, status, code, finer, retryable):
        good = await bench.client.post("/v1/screenshot", json={"url": PAGE})
        bench.renderer.failing = fault
        await bench.client.post("/v1/screenshot", json={"url": PAGE, "cache": {"refresh": True}})

        again = await bench.client.post("/v1/screenshot", json={"url": PAGE})
        assert again.headers["x-cache-status"] == "HIT"
        assert again.content == good.content

    async def test_every_client_family_can_read_it(self, bench, fault, status, code, finer, retryable):
        bench.renderer.failing = fault
        for client in CLIENTS:
            reply = await bench.client.post(
                "/v1/screenshot",
                json={"url": PAGE, "cache": {"enabled": False}},
                headers={"user-agent": f"renderscreenshot-{client}/1.0.0"},
            )
            body = reply.json()
            assert (client, body["code"]) == (client, code)
            # The Java client casts `error` to a string, and knows failed renders as 500.
            assert isinstance(body["error"], str if client == "java" else dict)
            assert reply.status_code == (500 if client == "java" and code == "render_failed" else status)


@in_the_modules_loop
class TestHeaders:
    async def test_a_full_queue_says_when_to_come_again(self, bench):
        bench.renderer.failing = QueueFull(100, 7)
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGE})

        assert reply.headers["retry-after"] == "7"

    async def test_so_does_a_store_that_cannot_be_used(self, bench):
        bench.renderer.failing = StoreUnavailable("gone")
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGE, "cache": {"enabled": False}})

        assert int(reply.headers["retry-after"]) > 0

    async def test_so_does_a_failure_until_it_is_forgotten(self, bench):
        bench.renderer.failing = NavigationFailed(PAGE, "net::ERR_FAILED")
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGE})

        assert reply.headers["retry-after"] == "3"

    async def test_where_another_try_is_no_use_there_is_none(self, bench):
        bench.renderer.failing = NothingToShow("The element has no area.")
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGE})

        assert "retry-after" not in reply.headers


@in_the_modules_loop
class TestDetails:
    async def test_a_timeout_names_the_step_and_a_remedy(self, bench):
        bench.renderer.failing = RenderTimeout("waiting for #chart", 25_000)
        body = (await bench.client.post("/v1/screenshot", json={"url": PAGE})).json()

        assert body["message"] == "The capture did not finish within 25000 ms; it was waiting for #chart."
        assert "wait.timeout" in body["error"]["details"]["hint"]

    async def test_the_deadline_of_a_request_is_its_own(self, bench):
        bench.renderer.hold()
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGE, "wait": {"timeout": 50}})

        assert reply.status_code == 408
        assert "50 ms" in reply.json()["message"]

    async def test_a_refused_host_and_an_unresolvable_one_are_told_alike(self, bench):
        bench.renderer.failing = TargetForbidden("intranet.example")
        body = (await bench.client.post("/v1/screenshot", json={"url": PAGE})).json()

        assert body["message"] == "intranet.example could not be found or is not public."

    async def test_a_bug_of_ours_is_logged_under_the_request_id_and_not_told(self, bench, caplog):
        bench.renderer.failing = RuntimeError("secret detail")
        with caplog.at_level(logging.ERROR):
            reply = await bench.client.post("/v1/screenshot", json={"url": PAGE})

        assert "secret detail" not in reply.text
        assert reply.headers["x-request-id"] in caplog.text

    async def test_credentials_of_the_url_are_not_in_the_message(self, bench):
        bench.renderer.http_status = 500
        reply = await bench.client.post("/v1/screenshot", json={"url": "https://user:hunter2@example.com/"})

        assert reply.status_code == 422
        assert "hunter2" not in reply.text
        assert "https://example.com/" in reply.text


@in_the_modules_loop
class TestPagesThatAreNotThere:
    @pytest.mark.parametrize(
        ("http_status", "status", "code"),
        [
            (404, 404, "page_not_found"),
            (410, 404, "page_not_found"),
            (500, 422, "render_failed"),
            (503, 422, "render_failed"),
            (599, 422, "render_failed"),
        ],
    )
    async def test_their_error_page_is_no_picture(self, bench, http_status, status, code):
        bench.renderer.http_status = http_status
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGE})

        assert reply.status_code == status
        assert reply.json()["error"]["code"] == code
        assert (await bench.service.remembering.store.stats()).entries == 0

    @pytest.mark.parametrize("http_status", [200, 204, 301, 401, 403, 418, 429, None])
    async def test_other_statuses_are_pictured(self, bench, http_status):
        bench.renderer.http_status = http_status

        assert (await bench.client.post("/v1/screenshot", json={"url": PAGE})).status_code == 200

    async def test_fail_on_changes_what_counts_as_failure(self, bench):
        bench.renderer.http_status = 404
        pictured = await bench.client.post("/v1/screenshot", json={"url": PAGE, "fail_on": []})
        assert pictured.headers["x-cache-status"] == "MISS"

        bench.renderer.http_status = 403
        refused = await bench.client.get(
            "/v1/screenshot", params={"url": "https://example.com/b", "fail_on": "http_4xx,http_500"}
        )
        assert (refused.status_code, refused.json()["code"]) == (422, "render_failed")

    async def test_a_picture_that_another_caller_was_content_with_is_no_hit_for_a_stricter_one(self, bench):
        bench.renderer.http_status = 404
        await bench.client.post("/v1/screenshot", json={"url": PAGE, "fail_on": []})

        assert (await bench.client.post("/v1/screenshot", json={"url": PAGE})).status_code == 404
        lenient = await bench.client.post("/v1/screenshot", json={"url": PAGE, "fail_on": []})
        assert lenient.headers["x-cache-status"] == "HIT"


def test_every_code_at_the_top_is_a_word_that_every_client_knows():
    assert {row.code for _, row in _TABLE} <= CLIENT_WORDS
    assert _TABLE[-1][0] is CalotypeError
