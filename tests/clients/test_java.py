"""The Java client: an offer to upgrade each time, `error` as a string, a second client for the cache."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest

from calotype.capture.errors import NavigationFailed
from tests.clients.january import COOKIE, FLAT, FLAT_PAPER, January
from tests.clients.promises import PAGE, Promises
from tests.clients.wire import SdkError, signature, whole_seconds
from tests.support.service import BASE

TOO_MANY_REQUESTS = 429
UPGRADE = {
    "Connection": "Upgrade, HTTP2-Settings",
    "HTTP2-Settings": "AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA",
    "Upgrade": "h2c",
}


class Java(January):
    """Its main client, and the one that it has for the cache, which does not say who it is."""

    _for_cache = False

    def headers(self, *, bytes_wanted):
        return {
            **UPGRADE,
            "User-Agent": "Java-http-client/17.0.9" if self._for_cache else "renderscreenshot-java/1.0.0",
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
        }

    def encode(self, body):
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        for mark in "<>&='":
            text = text.replace(mark, f"\\u{ord(mark):04x}")
        return text.encode()

    def moment(self, moment):
        # Instant.toString: no fraction, or three digits of it.
        fraction = f".{moment.microsecond // 1000:03}" if moment.microsecond else ""
        return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"

    async def request(self, method, path, body=None, *, bytes_wanted=False):
        self._for_cache = path.startswith("/cache/")
        return await super().request(method, path, body, bytes_wanted=bytes_wanted)

    def error(self, reply):
        told, error = reply.json(), reply.json().get("error")
        retryable = self.tries_again(reply.status, "")
        if not self._for_cache and not isinstance(error, str | None):
            # (String) of an object: its parser throws, and what it was to parse becomes the message.
            return SdkError(reply.status, None, reply.body.decode(), retryable=retryable)
        return SdkError(
            reply.status,
            told.get("code"),
            told.get("message") or error,
            retryable=retryable,
            retry_after=whole_seconds(reply.headers.get("retry-after")),
        )

    def generate_url(self, options, expires):
        """Sign the whole URL, in whatever order the options happen to be."""
        text = f"{BASE}/v1/screenshot?{urlencode(options)}&expires={expires}"
        return f"{text}&signature={signature(self.key, text)}".removeprefix(BASE)

    async def cache_delete(self, key):
        reply = await self.request("DELETE", f"/cache/{key}")
        if reply.status == 404:
            return False
        if not reply.is_good:
            raise self.error(reply)
        return True

    def tries_again(self, status, _code):
        return status == TOO_MANY_REQUESTS or status >= 500


@pytest.fixture
def client(scene):
    return Java(scene.port, scene.key)


class TestJava(Promises):
    everything = FLAT | {"cookies": [COOKIE | {"httpOnly": True, "sameSite": "Lax"}]}
    paper = FLAT_PAPER

    async def test_a_failed_capture_is_500_which_is_the_only_status_on_which_it_tries_again(
        self, scene, client
    ):
        scene.renderer.failing = NavigationFailed(PAGE, "net::ERR_CONNECTION_REFUSED")
        with pytest.raises(SdkError) as raised:
            await client.take({"url": PAGE})

        assert (raised.value.status, raised.value.retryable) == (500, True)

    async def test_its_cache_client_is_told_404_of_a_delete_of_nothing(self, client):
        assert await client.cache_delete("cache_xyz789") is False
        assert client.last.status == 404
