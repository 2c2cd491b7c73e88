"""The Go client: whole numbers that must be whole, lists by their name alone, codes inside of `error`."""

from __future__ import annotations

import json

import pytest

from tests.clients.nested import NESTED, NESTED_PAPER, Nested
from tests.clients.promises import PAGE, Promises, TellsUsage
from tests.clients.wire import SdkError, whole_seconds

RETRYABLE = {"rate_limited", "timeout", "render_failed", "internal_error"}


class Go(Nested):
    def headers(self, *, json_wanted):
        accept = {"Accept": "application/json"} if json_wanted else {}
        return {
            "User-Agent": "renderscreenshot-go/1.0.0",
            **accept,
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
            "Accept-Encoding": "gzip",
        }

    def encode(self, body):
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        for mark in "<>&":
            text = text.replace(mark, f"\\u{ord(mark):04x}")
        return text.encode()

    def error(self, reply):
        told = reply.json()
        error = told.get("error", {})
        code = error.get("code") or "internal_error"
        return SdkError(
            reply.status,
            code,
            error.get("message"),
            retryable=self.tries_again(reply.status, code),
            retry_after=whole_seconds(reply.headers.get("retry-after")),
            request_id=error.get("request_id") or told.get("request_id") or reply.headers["x-request-id"],
        )

    def listed(self, told, name):
        # Decoded into a struct: what is no object leaves it empty, and nobody is told.
        return told.get(name, []) if isinstance(told, dict) else []

    def tries_again(self, status, code):
        return code in RETRYABLE or status >= 500


@pytest.fixture
def client(scene):
    return Go(scene.port, scene.key)


class TestGo(TellsUsage, Promises):
    everything = NESTED
    paper = NESTED_PAPER
    reads_finer_codes = True

    async def test_whole_numbers_have_no_point(self, client):
        """Its decoder takes 1200.0 for no int, and fails."""
        told = (await client.request("POST", "/screenshot", {"url": PAGE}, json_wanted=True)).json()
        purged = (await client.request("POST", "/cache/purge", {"url": "*"}, json_wanted=True)).json()

        for number in (told["image"]["width"], told["image"]["height"], purged["purged"]):
            assert type(number) is int

    async def test_an_error_bears_the_id_of_its_request(self, client):
        with pytest.raises(SdkError) as raised:
            await client.preset("nope")

        assert raised.value.request_id == client.last.headers["x-request-id"]

    async def test_a_delete_of_nothing_is_404_since_it_looks_at_the_status_alone(self, client):
        assert await client.cache_delete("cache_xyz789") is False
        assert client.last.status == 404
        assert client.last.json()["error"]["code"] == "not_found"
