"""The Ruby client: classes of errors by status, lists by indexing, and whatever hash a user hands it."""

from __future__ import annotations

import json

import pytest

from calotype.capture.errors import NavigationFailed
from tests.clients.nested import NESTED, NESTED_PAPER, Nested
from tests.clients.promises import PAGE, Promises, TellsUsage
from tests.clients.wire import SdkError, whole_seconds

KINDS = {
    400: "Validation", 401: "Authentication", 403: "Authorization", 404: "NotFound", 408: "Timeout",
    429: "RateLimit",
}  # fmt: skip
TRIED_AGAIN = {"Timeout", "RateLimit", "RenderFailed", "Server"}


def kind_of(status: int, code: str | None) -> str:
    if status == 422:
        return "RenderFailed" if code == "render_failed" else "Validation"
    return "Server" if status >= 500 else KINDS[status]


class Ruby(Nested):
    def headers(self, *, json_wanted):
        return {
            "Authorization": f"Bearer {self.key}",
            "User-Agent": "renderscreenshot-ruby/1.0.0",
            "Content-Type": "application/json",
            "Accept-Encoding": "gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
            "Accept": "application/json" if json_wanted else "*/*",
        }

    def encode(self, body):
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()

    def error(self, reply):
        told = reply.json()
        error = told["error"]
        kind = kind_of(reply.status, error["code"])
        return SdkError(
            reply.status,
            error["code"],
            error["message"],
            retryable=kind in TRIED_AGAIN,
            retry_after=whole_seconds(reply.headers.get("retry-after")),
            request_id=error.get("request_id") or told.get("request_id") or reply.headers["x-request-id"],
            kind=kind,
        )

    def listed(self, told, name):
        # response['presets'] || response: of a bare list the first half raises.
        return told[name] if told[name] is not None else told

    def tries_again(self, status, code):
        return kind_of(status, code) in TRIED_AGAIN


@pytest.fixture
def client(scene):
    return Ruby(scene.port, scene.key)


class TestRuby(TellsUsage, Promises):
    everything = NESTED
    paper = NESTED_PAPER
    reads_finer_codes = True

    async def test_a_failed_capture_is_422_which_it_tells_from_a_bad_request_by_the_code(self, scene, client):
        scene.renderer.failing = NavigationFailed(PAGE, "net::ERR_CONNECTION_REFUSED")
        with pytest.raises(SdkError) as raised:
            await client.take({"url": PAGE})

        assert (raised.value.status, raised.value.kind) == (422, "RenderFailed")

    async def test_an_error_bears_the_id_of_its_request(self, client):
        with pytest.raises(SdkError) as raised:
            await client.preset("nope")

        assert raised.value.request_id == client.last.headers["x-request-id"]

    async def test_a_plain_hash_is_taken_as_it_is(self, scene, client):
        """Users hand it flat names, width and height at the top among them."""
        await client.take({"url": PAGE, "width": 1920, "height": 1080, "format": "jpeg"})
        await client.take(
            {"url": PAGE, "viewport": {"width": 1920, "height": 1080}, "output": {"format": "jpeg"}}
        )

        assert len(scene.renderer.renders) == 1
