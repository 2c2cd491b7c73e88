"""POST /v1/cache/purge over HTTP: which entries go, and what the reply says. Globs have their own tests."""

from __future__ import annotations

import asyncio
import re

import pytest


@pytest.fixture
async def entries(bench):
    """Four entries: two of one site and one of another on one day, one without URL a day later."""

    async def take(**body):
        reply = await bench.client.post("/v1/screenshot", json=body | {"cache": {"ttl": 2_592_000}})
        return reply.headers["x-cache-key"]

    kept = {
        "blog": await take(url="https://mysite.com/blog/a"),
        "shop": await take(url="https://mysite.com/shop"),
        "other": await take(url="https://example.com/"),
    }
    bench.clock.advance(days=1)
    return kept | {"html": await take(html="<p>hello")}


async def left(bench, entries):
    """Return the names of those that can still be had, by key and by a new request's look-up."""
    return {
        name
        for name, key in entries.items()
        if (await bench.client.get(f"/v1/cache/{key}")).status_code == 200
    }


async def purge(bench, **body):
    reply = await bench.client.post("/v1/cache/purge", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


ALL = {"blog", "shop", "other", "html"}


@pytest.mark.parametrize(
    ("body", "gone"),
    [
        ({"url": "https://mysite.com/*"}, {"blog", "shop"}),
        ({"url": "https://mysite.com/blog/*"}, {"blog"}),
        ({"url": "https://nowhere.example/*"}, set()),
        ({"url": "*"}, ALL),
        ({"all": True}, ALL),
        ({"pattern": "screenshots/2024/01/*"}, ALL),
        ({"pattern": "screenshots/2024/01/15/*"}, {"blog", "shop", "other"}),
        ({"pattern": "screenshots/2023/*"}, set()),
        ({"before": "2024-01-16T12:00:00Z"}, {"blog", "shop", "other"}),
        ({"before": "2024-01-15T12:00:00Z"}, set()),
        ({"before": "2024-01-15T12:00:00.000000001Z"}, {"blog", "shop", "other"}),
        ({"before": "2024-01-15T17:30:01+05:30"}, {"blog", "shop", "other"}),
        ({"before": "2024-01-16T00:00:00"}, {"blog", "shop", "other"}),
        ({"before": "2024-01-16"}, {"blog", "shop", "other"}),
        ({"before": "9999-12-31"}, ALL),
        ({"url": "https://mysite.com/*", "before": "2024-01-01"}, set()),
        ({"url": "https://mysite.com/*", "pattern": "*/2024/*", "before": "2024-02-01"}, {"blog", "shop"}),
        ({"url": "*", "before": "2024-01-16"}, {"blog", "shop", "other"}),
        ({"all": True, "pattern": "screenshots/2024/01/16/*"}, {"html"}),
    ],
)  # fmt: skip
async def test_an_entry_goes_when_it_passes_every_filter(bench, entries, body, gone):
    reply = await purge(bench, **body)

    assert reply["purged"] == len(gone)
    assert await left(bench, entries) == ALL - gone


class TestKeys:
    async def test_those_named_go_and_those_that_went_are_told(self, bench, entries):
        keys = [entries["shop"], "cache_def456", entries["blog"], entries["shop"]]
        reply = await purge(bench, keys=keys)

        assert reply["purged"] == 2
        assert reply["keys"] == [entries["shop"], entries["blog"]]
        assert await left(bench, entries) == {"other", "html"}

    async def test_an_id_or_a_path_names_an_entry_too(self, bench, entries):
        entry_id = entries["blog"].removeprefix("cache_")
        reply = await purge(bench, keys=[f"screenshots/2024/01/15/{entry_id}.png"])

        assert reply["purged"] == 1
        assert reply["keys"] == [f"screenshots/2024/01/15/{entry_id}.png"]

    async def test_two_names_of_one_entry_count_once(self, bench, entries):
        entry_id = entries["blog"].removeprefix("cache_")

        assert (await purge(bench, keys=[entries["blog"], entry_id]))["purged"] == 1

    async def test_unknown_ones_are_no_error(self, bench, entries):
        reply = await purge(bench, keys=["cache_abc123"])

        assert (reply["purged"], reply["keys"]) == (0, [])

    async def test_all_four_filters_at_once_are_an_intersection(self, bench, entries):
        reply = await purge(
            bench,
            keys=[entries["blog"], entries["other"], entries["html"]],
            pattern="screenshots/2024/01/*",
            url="https://mysite.com/*",
            before="2024-01-16T00:00:00Z",
        )

        assert reply["purged"] == 1
        assert reply["keys"] == [entries["blog"]]
        assert await left(bench, entries) == {"shop", "other", "html"}

    async def test_ten_thousand_are_allowed(self, bench, entries):
        keys = [f"k{n}" for n in range(9_999)] + [entries["blog"]]

        assert (await purge(bench, keys=keys))["purged"] == 1


class TestTheReply:
    async def test_it_is_the_documents(self, bench, entries):
        reply = await purge(bench, url="https://mysite.com/blog/*")

        assert re.fullmatch(r"purge_[0-9a-z]{16,}", reply.pop("purge_id"))
        assert reply == {
            "purged": 1,
            "pattern": "https://mysite.com/blog/*",
            "url": "https://mysite.com/blog/*",
            "keys": [],
            "dry_run": False,
            "soft": False,
            "combined": "and",
        }

    @pytest.mark.parametrize(
        ("body", "echo"),
        [
            ({"pattern": "screenshots/2024/*"}, {"pattern": "screenshots/2024/*"}),
            (
                {"pattern": "screenshots/*", "url": "https://a.example/*"},
                {"pattern": "https://a.example/*", "url": "https://a.example/*"},
            ),
            ({"before": "2024-01-01T00:00:00.000Z"}, {"before": "2024-01-01T00:00:00.000Z"}),
            ({"all": True}, {"all": True}),
            ({"keys": ["k"]}, {}),
        ],
    )
    async def test_it_echoes_the_filters_that_were_given_and_no_others(self, bench, body, echo):
        reply = await purge(bench, **body)

        assert {name: reply[name] for name in ("pattern", "url", "before", "all") if name in reply} == echo

    async def test_every_purge_has_an_id_of_its_own(self, bench):
        one, other = await purge(bench, all=True), await purge(bench, all=True)

        assert one["purge_id"] != other["purge_id"]

    async def test_a_second_purge_finds_nothing(self, bench, entries):
        assert (await purge(bench, all=True))["purged"] == 4
        assert (await purge(bench, all=True))["purged"] == 0


class TestDryRun:
    @pytest.mark.parametrize(
        "body", [{"all": True}, {"url": "https://mysite.com/*"}, {"before": "2024-01-16"}, {"pattern": "*"}]
    )
    async def test_it_counts_what_would_go_and_changes_nothing(self, bench, entries, body):
        would = await purge(bench, **body, dry_run=True)
        assert would["dry_run"] is True
        assert await left(bench, entries) == ALL

        did = await purge(bench, **body)
        assert (did["dry_run"], did["purged"]) == (False, would["purged"])

    async def test_it_names_the_keys_that_would_go(self, bench, entries):
        reply = await purge(bench, keys=[entries["blog"], "nobody"], dry_run=True)

        assert reply["keys"] == [entries["blog"]]
        assert await left(bench, entries) == ALL


async def test_after_a_purge_the_next_request_renders(bench, entries):
    await purge(bench, url="https://mysite.com/*")
    again = await bench.client.post("/v1/screenshot", json={"url": "https://mysite.com/shop"})

    assert again.headers["x-cache-status"] == "MISS"


async def test_the_source_url_is_what_chromium_makes_of_it_without_credentials(bench):
    url = "HTTPS://user:pw@MySite.com:443/a/../b#top"
    taken = await bench.client.post("/v1/screenshot", json={"url": url})

    assert (await purge(bench, url="https://mysite.com/b#top"))["purged"] == 1
    assert (await bench.client.get(f"/v1/cache/{taken.headers['x-cache-key']}")).status_code == 404


@pytest.mark.parametrize("name", ["html", "markdown"])
async def test_a_document_hangs_under_its_base_url_and_without_one_under_no_glob(bench, name):
    await bench.client.post("/v1/screenshot", json={name: "hi", "html_base_url": "https://mysite.com/mail/"})
    await bench.client.post("/v1/screenshot", json={name: "hi"})

    assert (await purge(bench, url="https://mysite.com/mail/*"))["purged"] == 1
    assert (await purge(bench, url="*://*/*"))["purged"] == 0
    assert (await purge(bench, url="*"))["purged"] == 1


async def test_a_hundred_purges_at_once_count_each_entry_once(bench, entries):
    replies = await asyncio.gather(*(purge(bench, all=True) for _ in range(100)))

    assert sum(reply["purged"] for reply in replies) == 4


class TestSentAgain:
    async def test_with_an_idempotency_key_it_is_answered_and_not_done_again(self, bench, entries):
        headers, body = {"idempotency-key": 'deploy 1: "a"'}, {"url": "https://mysite.com/*"}
        first = await bench.client.post("/v1/cache/purge", json=body, headers=headers)
        await bench.client.post("/v1/screenshot", json={"url": "https://mysite.com/shop"})
        again = await bench.client.post("/v1/cache/purge", json=body, headers=headers)

        assert first.json()["purged"] == 2
        assert again.json() == first.json()
        assert (await bench.client.get(f"/v1/cache/{entries['shop']}")).status_code == 200
        assert (await purge(bench, **body))["purged"] == 1

    async def test_another_purge_under_it_is_refused(self, bench, entries):
        headers = {"idempotency-key": "a"}
        await bench.client.post("/v1/cache/purge", json={"keys": ["x"]}, headers=headers)
        refused = await bench.client.post("/v1/cache/purge", json={"all": True}, headers=headers)

        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "idempotency_mismatch")
        assert await left(bench, entries) == ALL

    @pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "é"])
    async def test_one_that_cannot_be_used_is_refused_by_name(self, bench, entries, key):
        headers = [(b"idempotency-key", key.encode("latin-1"))]
        refused = await bench.client.post("/v1/cache/purge", json={"all": True}, headers=headers)

        assert refused.status_code == 400
        assert refused.json()["error"]["details"]["field"] == "Idempotency-Key"
        assert await left(bench, entries) == ALL
