"""Cache tags over HTTP: given at capture, told in every reply, and purged by."""

from __future__ import annotations

import pytest

PAGE = "https://example.com/"


async def take(bench, url=PAGE, *tags, **cache):
    reply = await bench.client.post(
        "/v1/screenshot", json={"url": url, "cache": {"ttl": 2_592_000, "tags": tags, **cache}}
    )
    assert reply.status_code == 200, reply.text
    return reply


async def purge(bench, **body):
    reply = await bench.client.post("/v1/cache/purge", json=body)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def pages(bench, query=""):
    reply = await bench.client.get(f"/v1/cache{query}")
    assert reply.status_code == 200, reply.text
    return {item["target_url"].rpartition("/")[2] for item in reply.json()["entries"]}


def told(reply):
    """Return the tags that a reply's headers tell, which must be the same in both."""
    keys = reply.headers.get("surrogate-key")
    groups = reply.headers.get("cache-groups")
    assert (keys is None) == (groups is None)
    if keys is None:
        return None
    assert groups == ", ".join(f'"{tag}"' for tag in keys.split(" "))
    return keys.split(" ")


class TestReplies:
    async def test_every_way_to_a_tagged_entry_tells_its_tags(self, bench):
        taken = await take(bench, PAGE, "shop", "product-42", "shop")
        key, etag = taken.headers["x-cache-key"], taken.headers["etag"]
        path = taken.headers["x-cache-url"].removeprefix("http://calotype.test")
        replies = [taken, await take(bench)]
        for client in (bench.client, bench.behind):
            for url in (f"/v1/cache/{key}", path):
                replies += [
                    await client.get(url),
                    await client.head(url),
                    await client.get(url, headers={"if-none-match": etag}),
                    await client.get(url, headers={"range": "bytes=0-3"}),
                ]

        assert [reply.status_code for reply in replies[2:6]] == [200, 200, 304, 206]
        assert [told(reply) for reply in replies] == [["product-42", "shop"]] * len(replies)

    async def test_a_json_reply_tells_them_too(self, bench):
        reply = await bench.client.post(
            "/v1/screenshot", json={"url": PAGE, "cache_tags": ["a"], "response_type": "json"}
        )

        assert told(reply) == ["a"]

    async def test_an_entry_without_tags_has_no_such_header(self, bench):
        key = (await take(bench)).headers["x-cache-key"]

        assert told(await bench.client.get(f"/v1/cache/{key}")) is None

    async def test_what_is_not_stored_has_none(self, bench):
        assert told(await take(bench, PAGE, "a", enabled=False)) is None

    async def test_an_error_has_none(self, bench):
        key = (await take(bench, PAGE, "a")).headers["x-cache-key"]
        for headers in ({"if-match": '"other"'}, {"range": "bytes=9999999-"}):
            reply = await bench.client.get(f"/v1/cache/{key}", headers=headers)
            assert (reply.status_code in (412, 416), told(reply)) == (True, None)

    async def test_every_character_that_a_tag_may_have_comes_through(self, bench):
        allowed = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in ',"\\')

        assert told(await take(bench, PAGE, allowed[:64], allowed[64:])) == [allowed[:64], allowed[64:]]
        assert (await purge(bench, tags=[allowed[64:]]))["purged"] == 1

    async def test_as_many_and_as_long_as_there_may_be(self, bench):
        tags = [f"{number:064}" for number in range(32)]

        assert told(await take(bench, PAGE, *tags)) == tags

    async def test_the_listing_and_the_description_tell_them(self, bench):
        key = (await take(bench, PAGE, "b", "a")).headers["x-cache-key"]
        (item,) = (await bench.client.get("/v1/cache")).json()["entries"]
        described = (await bench.client.get(f"/v1/cache/{key}?meta=1")).json()

        assert (item["tags"], described["tags"]) == (["a", "b"], ["a", "b"])


class TestIdentity:
    async def test_tags_are_no_part_of_it_and_a_hit_changes_none(self, bench):
        taken = await take(bench, PAGE, "a")
        again = await take(bench, PAGE, "b")

        assert again.headers["x-cache-key"] == taken.headers["x-cache-key"]
        assert again.headers["x-cache-status"] == "HIT"
        assert told(again) == ["a"]
        assert (await purge(bench, tags=["b"]))["purged"] == 0

    async def test_a_refresh_brings_its_own(self, bench):
        await take(bench, PAGE, "a", "b")
        assert told(await take(bench, PAGE, "b", "c", refresh=True)) == ["b", "c"]

        assert (await purge(bench, tags=["a"]))["purged"] == 0
        assert (await purge(bench, tags=["c"]))["purged"] == 1

    @pytest.mark.parametrize(
        "query", ["cache_tags=b&cache_tags=a", "cache_tags[]=a&cache_tags[]=b", "cache_tags=a,b,a"]
    )
    async def test_a_query_gives_them_as_it_gives_any_list(self, bench, query):
        assert told(await bench.client.get(f"/v1/screenshot?url={PAGE}&{query}")) == ["a", "b"]

    async def test_strict_mode_knows_them(self, bench):
        for body in ({"cache": {"tags": ["a"]}}, {"cache_tags": ["a"]}):
            reply = await bench.client.post("/v1/screenshot?strict=1", json={"url": PAGE, **body})
            assert reply.status_code == 200


@pytest.fixture
async def shop(bench):
    """Four pages, the last of them a day later."""
    await take(bench, f"{PAGE}a", "shop", "product-1")
    await take(bench, f"{PAGE}b", "shop", "product-2")
    await take(bench, f"{PAGE}c")
    bench.clock.advance(days=1)
    await take(bench, f"{PAGE}d", "product-2", "Shop")


ALL = {"a", "b", "c", "d"}


@pytest.mark.parametrize(
    ("body", "gone"),
    [
        ({"tags": ["shop"]}, "ab"),
        ({"tags": ["product-1", "Shop"]}, "ad"),
        ({"tags": ["product-2", "unknown", "product-2"]}, "bd"),
        ({"tags": ["product"]}, ""),
        ({"tags": ["product-*"]}, ""),
        ({"tags": ["product-2"], "before": "2024-01-16"}, "b"),
        ({"tags": ["product-2"], "url": f"{PAGE}d"}, "d"),
        ({"tags": ["shop"], "url": f"{PAGE}d"}, ""),
        ({"tags": ["product-2"], "url": f"{PAGE}b*"}, "b"),
        ({"tags": ["shop"], "pattern": "screenshots/2024/01/16/*"}, ""),
        ({"tags": ["shop"], "all": True}, "ab"),
    ],
    ids=str,
)
async def test_an_entry_goes_when_it_has_any_of_the_tags_and_passes_the_other_filters(
    bench, shop, body, gone
):
    assert (await purge(bench, **body, dry_run=True))["purged"] == len(gone)
    assert await pages(bench) == ALL
    reply = await purge(bench, **body)

    assert reply["purged"] == len(gone)
    assert await pages(bench) == ALL - set(gone)
    assert (reply["tags"], reply["keys"]) == (list(dict.fromkeys(body["tags"])), [])


async def test_with_keys_too_both_must_pass(bench, shop):
    keys = [item["key"] for item in (await bench.client.get("/v1/cache")).json()["entries"]]
    reply = await purge(bench, keys=keys, tags=["product-1"])

    assert (reply["purged"], len(reply["keys"])) == (1, 1)
    assert await pages(bench) == ALL - {"a"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?tags=shop", {"a", "b"}),
        ("?tags=product-1,Shop", {"a", "d"}),
        ("?tags=product-1&tags=Shop", {"a", "d"}),
        ("?tags[]=product-1&tags[]=Shop", {"a", "d"}),
        (f"?tags=product-2&url={PAGE}d", {"d"}),
        ("?tags=unknown", set()),
    ],
)
async def test_the_listing_is_narrowed_by_tags_as_a_purge_is(bench, shop, query, found):
    assert await pages(bench, query) == found


@pytest.mark.parametrize("query", ["?tags=", "?tags=a%20b", "?tags[]=%C3%A9", "?tag=a"])
async def test_a_listing_that_is_not_understood_is_refused(bench, query):
    reply = await bench.client.get(f"/v1/cache{query}")

    assert reply.status_code == 400
    assert reply.json()["error"]["details"]["field"].startswith("tag")


async def test_pages_by_tag_hold_each_entry_once(bench):
    for number in range(7):
        await take(bench, f"{PAGE}{number}", "t", f"odd-{number % 2}")
    query = "?tags=t,odd-1&limit=4"
    first = (await bench.client.get(f"/v1/cache{query}")).json()
    second = (await bench.client.get(f"/v1/cache{query}&cursor={first['cursor']}")).json()
    found = [item["target_url"][-1] for item in (*first["entries"], *second["entries"])]

    assert (found, second["cursor"]) == (list("6543210"), None)


async def test_another_accounts_tag_and_the_other_modes_are_not_touched(bench, shop):
    for headers in (await bench.another_key("other"), await bench.another_key("default", "test")):
        reply = await bench.client.post("/v1/cache/purge", json={"tags": ["shop"]}, headers=headers)
        assert reply.json()["purged"] == 0

    assert await pages(bench) == ALL


async def test_the_trail_tells_the_tags_that_a_purge_asked_for(bench):
    tags = [f"t{number}" for number in range(30)]
    purge_id = (await purge(bench, tags=tags))["purge_id"]
    one = (await bench.client.get(f"/v1/cache/purge/{purge_id}")).json()
    (listed,) = (await bench.client.get("/v1/cache/purges")).json()["purges"]

    assert one["filter"] == {"tags": tags, "tag_count": 30}
    assert listed["filter"] == {"tags": tags[:20], "tag_count": 30}
