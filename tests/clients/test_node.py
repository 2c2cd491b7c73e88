"""The Node client: fetch, milliseconds in its dates, camelCase in its cookies."""

from __future__ import annotations

import json

import pytest

from tests.clients.january import COOKIE, FLAT, FLAT_PAPER, January
from tests.clients.promises import PAGE, Promises


class Node(January):
    def headers(self, *, bytes_wanted):
        return {
            "authorization": f"Bearer {self.key}",
            "content-type": "application/json",
            "user-agent": "renderscreenshot-node/1.0.0",
            # It asks for JSON in the body alone; this is what fetch sends of itself.
            "accept": "*/*",
            "accept-language": "*",
            "sec-fetch-mode": "cors",
            "accept-encoding": "gzip, deflate",
        }

    def encode(self, body):
        return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()

    def moment(self, moment):
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


@pytest.fixture
def client(scene):
    return Node(scene.port, scene.key)


class TestNode(Promises):
    everything = FLAT | {"cookies": [COOKIE | {"httpOnly": True, "sameSite": "Lax"}]}
    paper = FLAT_PAPER

    async def test_a_delete_of_nothing_is_200_since_it_would_raise_on_404(self, client):
        await client.cache_delete("cache_xyz789")

        assert client.last.status == 200
        assert client.last.json() == {"deleted": False, "key": "cache_xyz789"}

    async def test_the_flat_fields_that_its_types_name_are_all_there(self, client):
        told = (await client.request("POST", "/screenshot", {"url": PAGE, "response_type": "json"})).json()

        assert told["cache_url"] == told["url"] == client.last.headers["x-cache-url"]
        assert (told["format"], told["ttl"], told["cached"]) == ("png", 86_400, False)
        assert told["size"] > 0
