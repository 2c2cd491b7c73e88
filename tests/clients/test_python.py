"""The Python client: dates without a zone, and the filter of a purge read from its reply."""

from __future__ import annotations

import json
from datetime import timedelta, timezone

import pytest

from tests.clients.january import COOKIE, FLAT, FLAT_PAPER, January
from tests.clients.promises import PAGE, Promises


class Python(January):
    def headers(self, *, bytes_wanted):
        return {
            "Accept": "*/*",
            "Accept-Encoding": "gzip, deflate",
            "Connection": "keep-alive",
            "User-Agent": "renderscreenshot-python/1.0.0",
            "Authorization": f"Bearer {self.key}",
            "Content-Type": "application/json",
        }

    def encode(self, body):
        return json.dumps(body).encode()

    def moment(self, moment):
        # A naive datetime, as `datetime.utcnow()` was; an aware one has its offset.
        return moment.replace(tzinfo=None).isoformat()


@pytest.fixture
def client(scene):
    return Python(scene.port, scene.key)


class TestPython(Promises):
    everything = FLAT | {"cookies": [COOKIE | {"http_only": True, "same_site": "Lax"}]}
    paper = FLAT_PAPER

    async def test_a_purge_before_an_aware_date_means_the_moment_wherever_it_was_written(self, scene, client):
        await client.take({"url": PAGE})
        there = timezone(timedelta(hours=5, minutes=30))

        for moment, purged in ((scene.clock(), 0), (scene.clock() + timedelta(microseconds=1), 1)):
            text = moment.astimezone(there).isoformat()
            told = (await client.request("POST", "/cache/purge", {"before": text})).json()
            assert (told["purged"], told["before"]) == (purged, text)

    async def test_a_purge_echoes_its_filter(self, client):
        for given in ({"url": "https://mysite.com/blog/*"}, {"pattern": "screenshots/2024/01/*"}):
            told = (await client.request("POST", "/cache/purge", given)).json()
            assert told == told | given

    async def test_a_delete_of_nothing_is_200_since_it_would_raise_on_404(self, client):
        await client.cache_delete("cache_xyz789")

        assert client.last.status == 200
