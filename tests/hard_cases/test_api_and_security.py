"""Hard cases 24 to 27, as far as no other suite has them: strangers, odd purges, HTTP, eviction."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import re
from collections.abc import Callable
from typing import Any

import pytest

from calotype.cache.errors import EntryNotFound
from calotype.cache.globs import UrlGlob
from calotype.cache.purge import PurgeFilter
from tests.support.builders import HERE, THERE
from tests.support.pictures import a_png
from tests.support.processes import until
from tests.support.server import CannedServer
from tests.support.slow_reader import SlowReader

PAGE = "https://example.com/"


class TestAStranger:
    """Case 24: neither counts nor timing tell that an entry is there."""

    @pytest.mark.parametrize("name", ["key", "id", "path", "url"])
    async def test_causes_the_same_work_whether_or_not_somebody_else_has_the_entry(self, studio, name):
        entry = (await studio.take(PAGE)).opened.entry
        known = {"key": entry.key, "id": entry.id, "path": entry.path, "url": PAGE}[name]
        unknown = {
            "key": f"cache_{'0' * 32}", "id": "0" * 32, "path": f"screenshots/2024/01/15/{'0' * 32}.png",
            "url": "https://example.net/",
        }[name]  # fmt: skip
        database = studio.adapters.index._database

        async def work_of(do: Callable[[str], Any], address: str) -> list[str]:
            run: list[str] = []
            for connection in (database.reader, database._writer):
                connection.set_trace_callback(run.append)
            with contextlib.suppress(EntryNotFound):
                done = await do(address)
                assert getattr(done, "count", 0) == 0
                assert getattr(done, "entry", None) is None
            for connection in (database.reader, database._writer):
                connection.set_trace_callback(None)
            # How much is done, whatever the values.
            return [re.sub(r"'[^']*'|\b\d+\b", "?", statement) for statement in run]

        ways = [
            lambda address: studio.store.open(THERE, address),
            lambda address: studio.store.delete(THERE, address),
            lambda address: studio.store.purge(THERE, PurgeFilter(keys=(address,))),
            lambda address: studio.store.purge(THERE, PurgeFilter(keys=(address,)), dry_run=True),
        ]
        if name == "url":
            ways = [lambda address: studio.store.purge(THERE, PurgeFilter(url=UrlGlob(address)))]
        await studio.store.purge(THERE, PurgeFilter(keys=("first",)))
        for way in ways:
            assert await work_of(way, known) == await work_of(way, unknown) != []
        assert (await studio.store.open(HERE, entry.key)) is not None


class TestOddPurges:
    """Case 25."""

    @pytest.mark.parametrize(
        ("content", "headers"),
        [
            (b"all=true", {"content-type": "application/x-www-form-urlencoded"}),
            (
                b'--x\r\nContent-Disposition: form-data; name="all"\r\n\r\ntrue\r\n--x--\r\n',
                {"content-type": "multipart/form-data; boundary=x"},
            ),
            (
                gzip.compress(b'{"all": true}'),
                {"content-encoding": "gzip", "content-type": "application/json"},
            ),
            (b'{"all": true}'[:-1], {"content-type": "application/json"}),
        ],
        ids=["a form", "a form in parts", "gzip", "half a body"],
    )
    async def test_whose_body_is_no_plain_json_purge_nothing(self, bench, content, headers):
        taken = await bench.client.post("/v1/screenshot", json={"url": PAGE})
        refused = await bench.client.post("/v1/cache/purge", content=content, headers=headers)

        assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "body")
        assert (await bench.client.get(f"/v1/cache/{taken.headers['x-cache-key']}")).status_code == 200

    async def test_a_hundred_among_captures_are_all_answered_and_count_what_is_gone_and_no_more(self, bench):
        stored, purged = 0, 0

        async def capture(number: int) -> None:
            nonlocal stored
            reply = await bench.client.post("/v1/screenshot", json={"url": f"{PAGE}{number % 30}"})
            assert reply.status_code == 200
            stored += reply.headers["cache-status"] == "calotype; fwd=uri-miss; stored"

        async def purge(number: int) -> None:
            nonlocal purged
            which = [{"url": f"{PAGE}*"}, {"url": f"{PAGE}{number % 30}"}, {"pattern": "screenshots/*"}]
            reply = await bench.client.post("/v1/cache/purge", json=which[number % 3])
            assert reply.status_code == 200
            purged += reply.json()["purged"]

        for turn in range(10):
            numbers = range(turn * 10, turn * 10 + 10)
            await asyncio.gather(*(do(number) for number in numbers for do in (capture, purge, capture)))
        left = await bench.client.post("/v1/cache/purge", json={"all": True, "dry_run": True})

        assert stored > 10
        assert purged == stored - left.json()["purged"]

    async def test_one_that_is_sent_again_finds_nothing_left(self, bench):
        await bench.client.post("/v1/screenshot", json={"url": PAGE})
        again = [await bench.client.post("/v1/cache/purge", json={"url": f"{PAGE}*"}) for _ in range(3)]

        assert [reply.json()["purged"] for reply in again] == [1, 0, 0]


class TestHttp:
    """Case 26."""

    def test_clients_that_hang_up_in_the_middle_leave_no_descriptor_behind(self, canned):
        key = canned.shot(PAGE).headers["X-Cache-Key"]
        before = canned.descriptors()
        for path in [f"/v1/cache/{key}", "/v1/screenshot?url=https%3A%2F%2Fexample.com%2F"] * 10:
            reader = SlowReader(canned.url, canned.key, path)
            assert (reader.status, reader.length) == (200, 5_000_000)
            assert len(reader.body) < reader.length
            reader.hang_up()

        assert until(lambda: canned.descriptors() <= before), (before, canned.descriptors())
        assert canned.client.get(f"/v1/cache/{key}").status_code == 200

    async def test_a_refresh_with_identical_bytes_keeps_the_tag_and_what_the_client_has(self, bench):
        bench.renderer.spoil = a_png(7, 1_000)
        taken = await bench.client.post("/v1/screenshot", json={"url": PAGE})
        path, tag = f"/v1/cache/{taken.headers['x-cache-key']}", taken.headers["etag"]
        bench.clock.advance(minutes=5)
        fresh = await bench.client.post("/v1/screenshot", json={"url": PAGE, "cache": {"refresh": True}})
        part = {"range": "bytes=100-199", "if-range": tag}
        has_it = await bench.client.get(path, headers={"if-none-match": tag})
        wants_the_rest = await bench.client.get(path, headers=part)

        assert fresh.headers["cache-status"] == "calotype; fwd=request; stored"
        assert fresh.headers["etag"] == tag
        assert (has_it.status_code, has_it.content) == (304, b"")
        assert (wants_the_rest.status_code, wants_the_rest.content) == (206, taken.content[100:200])
        for reply in (has_it, wants_the_rest):
            assert reply.headers["etag"] == tag
            assert (
                reply.headers["last-modified"]
                == fresh.headers["last-modified"]
                != taken.headers["last-modified"]
            )

        bench.renderer.spoil = a_png(8, 1_000)
        await bench.client.post("/v1/screenshot", json={"url": PAGE, "cache": {"refresh": True}})
        assert (await bench.client.get(path, headers={"if-none-match": tag})).status_code == 200
        assert (await bench.client.get(path, headers=part)).content == a_png(8, 1_000)


class TestEviction:
    """Case 27."""

    def test_a_budget_lowered_at_run_time_evicts_what_is_being_streamed_and_the_stream_is_whole(self, canned):
        taken = canned.shot(PAGE)
        path = f"/v1/cache/{taken.headers['X-Cache-Key']}"
        reader = SlowReader(canned.url, canned.key, path)
        lower = CannedServer(canned.data, key=canned.key, CALOTYPE_CACHE_MAX_BYTES="1MiB")
        try:
            assert until(lambda: canned.client.get(path).status_code == 404), "nothing was evicted"
            assert len(reader.body) < reader.length
            reader.read(reader.length, 50_000_000)
        finally:
            reader.hang_up()
            lower.stop()

        assert reader.body == taken.content
        assert canned.shot(PAGE).headers["X-Cache-Status"] == "MISS"
