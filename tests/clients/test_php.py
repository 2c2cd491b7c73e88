"""The PHP client: escaped slashes, an offset in its dates, an Accept for what it wants."""

from __future__ import annotations

import json

import pytest

from tests.clients.january import COOKIE, FLAT, FLAT_PAPER, January
from tests.clients.promises import PAGE, Promises


class Php(January):
    def headers(self, *, bytes_wanted):
        return {
            "User-Agent": "renderscreenshot-php/1.0.0",
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
            "Accept": "*/*" if bytes_wanted else "application/json",
        }

    def encode(self, body):
        return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()

    def moment(self, moment):
        # DATE_ATOM, which knows no fractions.
        return f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"


@pytest.fixture
def client(scene):
    return Php(scene.port, scene.key)


class TestPhp(Promises):
    everything = FLAT | {"cookies": [COOKIE | {"http_only": True, "same_site": "Lax"}]}
    paper = FLAT_PAPER

    async def test_bytes_are_what_it_gets_although_it_would_accept_anything(self, client):
        picture = await client.take({"url": PAGE})

        assert client.last.headers["content-type"] == "image/png"
        assert client.last.headers["content-length"] == str(len(picture))

    async def test_a_delete_of_nothing_is_200_since_it_would_raise_on_404(self, client):
        await client.cache_delete("cache_xyz789")

        assert client.last.status == 200
