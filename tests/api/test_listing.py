"""GET /v1/cache: what a caller has in the cache, newest first, page by page."""

from __future__ import annotations

import base64

import pytest


async def take(bench, url="https://example.com/", headers=None, **options):
    reply = await bench.client.post("/v1/screenshot", json={"url": url, **options}, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.headers["x-cache-key"]


async def listed(bench, query="", headers=None):
    reply = await bench.client.get(f"/v1/cache{query}", headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def keys(bench, query="", headers=None):
    return [item["key"] for item in (await listed(bench, query, headers))["entries"]]


async def turned(bench, limit, between=None):
    """Return the keys of all pages, and do something between the first page and the second."""
    found, cursor = [], ""
    while True:
        page = await listed(bench, f"?limit={limit}{cursor}")
        found += [item["key"] for item in page["entries"]]
        if page["cursor"] is None:
            return found
        cursor = f"&cursor={page['cursor']}"
        if between is not None:
            await between()
            between = None


class TestItems:
    async def test_an_item_tells_the_entry_as_the_capture_did(self, bench):
        taken = await bench.client.post("/v1/screenshot", json={"url": "https://example.com:8443/a?b#c"})

        assert await listed(bench) == {
            "entries": [
                {
                    "key": taken.headers["x-cache-key"],
                    "target_url": "https://example.com:8443/a?b#c",
                    "url": taken.headers["x-cache-url"],
                    "created_at": "2024-01-15T12:00:00Z",
                    "expires_at": taken.headers["x-cache-expires"],
                    "stale": False,
                    "size": len(taken.content),
                    "format": "png",
                    "tags": [],
                }
            ],
            "cursor": None,
        }

    async def test_html_without_a_base_shows_no_page(self, bench):
        await bench.client.post("/v1/screenshot", json={"html": "<p>hello"})

        assert (await listed(bench))["entries"][0]["target_url"] == "about:blank"

    async def test_an_empty_cache_is_an_empty_list(self, bench):
        assert await listed(bench) == {"entries": [], "cursor": None}

    async def test_the_list_is_nobodys_to_keep(self, bench):
        assert (await bench.client.get("/v1/cache")).headers["cache-control"] == "no-store"


class TestWhatIsListed:
    async def test_the_newest_come_first_and_a_refresh_is_new(self, bench):
        a, b = await take(bench, "https://example.com/a"), await take(bench, "https://example.com/b")
        assert await keys(bench) == [b, a]
        await take(bench, "https://example.com/a", cache={"refresh": True})

        assert await keys(bench) == [a, b]

    async def test_what_cannot_be_had_is_not_listed(self, bench):
        await take(bench, "https://example.com/brief", cache={"ttl": 60})
        deleted = await take(bench, "https://example.com/deleted")
        await take(bench, "https://example.com/purged")
        stays = await take(bench, "https://example.com/stays")
        await bench.client.delete(f"/v1/cache/{deleted}")
        await bench.client.post("/v1/cache/purge", json={"url": "https://example.com/purged"})
        bench.clock.advance(seconds=60)

        assert await keys(bench) == [stays]

    async def test_another_account_and_the_other_mode_see_none_of_it(self, bench):
        mine = await take(bench)
        other, test = await bench.another_key("other"), await bench.another_key("default", "test")
        theirs = await take(bench, headers=other)

        assert (await keys(bench), await keys(bench, headers=other)) == ([mine], [theirs])
        assert await keys(bench, headers=test) == []
        assert await keys(bench, f"?keys={theirs}") == []

    async def test_who_has_no_key_is_told_so(self, bench):
        assert (await bench.client.get("/v1/cache", headers={"authorization": ""})).status_code == 401
        assert (
            await bench.client.get(f"/v1/cache?api_key={bench.key}", headers={"authorization": ""})
        ).status_code == 200


class TestFilters:
    @pytest.fixture
    async def entries(self, bench):
        old = await take(bench, "https://mysite.com/blog/a", cache={"ttl": 2_000_000})
        bench.clock.advance(days=1)
        return {
            "blog": old,
            "shop": await take(bench, "https://mysite.com/shop"),
            "home": await take(bench, "https://example.com/", cache={"key": "home"}),
        }

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("?url=https://mysite.com/*", ["shop", "blog"]),
            ("?url=https%3A%2F%2Fmysite.com%2Fblog%2F*", ["blog"]),
            ("?url=*", ["home", "shop", "blog"]),
            ("?pattern=screenshots/2024/01/16/*", ["home", "shop"]),
            ("?before=2024-01-16", ["blog"]),
            ("?url=https://mysite.com/*&before=2024-01-16T12:00:01Z&pattern=*.png", ["shop", "blog"]),
            ("?keys=home,{blog}", ["home", "blog"]),
            ("?keys=home&keys={blog}", ["home", "blog"]),
            ("?keys[]=home&keys[]={blog}", ["home", "blog"]),
            ("?keys=home,{blog}&url=https://mysite.com/*", ["blog"]),
            ("?keys=nobody", []),
            ("", ["home", "shop", "blog"]),
        ],
    )
    async def test_they_narrow_the_list_as_they_would_a_purge(self, bench, entries, query, names):
        found = await keys(bench, query.format(**entries))

        assert found == [entries[name] for name in names]

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("url=", "url"),
            ("url=%00", "url"),
            ("pattern=%00", "pattern"),
            ("before=soon", "before"),
            ("keys=", "keys"),
            ("keys=,", "keys"),
            ("keys=a/../b", "keys"),
            ("urls=https://example.com/*", "urls"),
            ("all=true", "all"),
            ("limit=0", "limit"),
            ("limit=1001", "limit"),
            ("limit=ten", "limit"),
            ("limit=", "limit"),
            ("limit=-1", "limit"),
            ("limit=%D9%A1", "limit"),
            ("limit=1e1", "limit"),
            ("cursor=", "cursor"),
            ("cursor=abc", "cursor"),
            ("cursor=%00", "cursor"),
            ("cursor=%C3%BC", "cursor"),
            ("cursor=ZTA", "cursor"),  # e0
            ("cursor=cDE", "cursor"),  # p1
            ("cursor=ZTE%3D", "cursor"),  # e1, padded
            ("cursor=ZT F", "cursor"),
            ("cursor=" + base64.urlsafe_b64encode(b"e" + b"9" * 30).decode(), "cursor"),
        ],
    )
    async def test_what_cannot_be_read_is_told_by_its_name(self, bench, query, field):
        reply = await bench.client.get(f"/v1/cache?{query}")

        assert reply.status_code == 400, reply.text
        assert reply.json()["error"]["details"]["field"] == field


class TestPages:
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 1000])
    async def test_together_they_list_everything_once(self, bench, limit):
        taken = [await take(bench, f"https://example.com/{n}") for n in range(7)]

        assert await turned(bench, limit) == taken[::-1]

    async def test_a_hundred_entries_are_a_page_if_nothing_is_said(self, bench):
        for n in range(101):
            await take(bench, f"https://example.com/{n}")
        page = await listed(bench)

        assert (len(page["entries"]), page["cursor"] is None) == (100, False)

    async def test_what_comes_and_goes_between_pages_repeats_and_hides_nothing(self, bench):
        taken = [await take(bench, f"https://example.com/{n}") for n in range(7)]

        async def meanwhile():
            await take(bench, "https://example.com/new")
            await take(bench, "https://example.com/2", cache={"refresh": True})
            for n in (0, 4, 5, 6):  # 5 and 6 are on the page that was read; the cursor itself points at 5
                await bench.client.delete(f"/v1/cache/{taken[n]}")

        assert await turned(bench, 2, meanwhile) == [taken[n] for n in (6, 5, 3, 1)]

    async def test_filters_hold_on_every_page(self, bench):
        blog = [await take(bench, f"https://example.com/blog/{n}") for n in range(3)]
        await take(bench, "https://example.com/shop")
        query = "?url=https://example.com/blog/*&limit=2"
        first = await listed(bench, query)

        assert [item["key"] for item in first["entries"]] == blog[:0:-1]
        assert await keys(bench, f"{query}&cursor={first['cursor']}") == blog[:1]


async def test_the_list_is_at_its_own_path_only(bench):
    assert set((await bench.client.post("/v1/cache")).headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert (await bench.client.get("/v1/cache/")).status_code == 400
    assert (await bench.client.head("/v1/cache")).status_code == 200
